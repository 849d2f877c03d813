"""How much is taken from whom."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a server takes.

    Attributes:
        upload_bytes: of a file.
        seconds: of a recording.
        channels: of a recording.
        decoded_bytes: of a recording, once decoded.
        decode_seconds: of processor time to decode or encode any file.
        decode_times: of processor time to decode or encode a second of sound, beside that.
        decode_memory: bytes that decoding a file may take.
        decoders: files decoded or encoded at once.
        queue: jobs that may wait.
        job_seconds: that any job may take.
        job_times: how many times its recording's length a job may take, if that is longer.
        reserve_bytes: what stays free on the disk.
        keep_seconds: how long recordings and jobs are kept after they were last used.
        keep_copies_seconds: the same, of copies in other formats.
        requests_per_second: of one client, in the long run.
        burst: requests of one client at once.
        wrong_tokens: of one client at once; another one each ten seconds.
        connections: connections at once.
        header_seconds: time for a connection to send a request's headers.
        silence_seconds: longest pause within a request's body.
        body_bytes_per_second: least average rate of a request's body, after the first
            `silence_seconds`.
        uploads: uploads received or decoded at once.
    """

    upload_bytes: int = 2 << 30
    seconds: float = 2 * 3600.0
    channels: int = 8
    decoded_bytes: int = 3 << 30
    decode_seconds: float = 120.0
    decode_times: float = 0.1
    decode_memory: int = 1 << 30
    decoders: int = 2
    queue: int = 32
    job_seconds: float = 600.0
    job_times: float = 20.0
    reserve_bytes: int = 256 << 20
    keep_seconds: float = 7 * 24 * 3600.0
    keep_copies_seconds: float = 3600.0
    requests_per_second: float = 200.0
    burst: int = 1000
    wrong_tokens: int = 10
    connections: int = 512
    header_seconds: float = 20.0
    silence_seconds: float = 60.0
    body_bytes_per_second: float = 1024.0
    uploads: int = 64

    @property
    def longest_decoding(self) -> float:
        """Seconds of processor time to decode or encode the longest recording."""
        return self.decode_seconds + self.decode_times * self.seconds

    def of_job(self, seconds: float) -> float:
        """Seconds that a job may take on a recording of so many."""
        return max(self.job_seconds, self.job_times * seconds)


def in_words(seconds: float) -> str:
    """A length: "90 minutes", "2.5 s"."""
    return f"{seconds / 60:.4g} minutes" if seconds >= 60 else f"{seconds:.4g} s"


class Rate:
    """Lets each client through so often: a bucket of tokens that fills up with time.

    Args:
        per_second: tokens that a client gets.
        burst: tokens that a client can have.
        clock: of seconds.
    """

    #: Clients remembered; who was forgotten starts with a full bucket.
    _MOST = 10_000

    def __init__(
        self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Take a token. Seconds until there is one; 0 if this one was there."""
        level = self._level(client)
        if level < 1:
            return (1 - level) / self._per_second
        self._keep(client, level - 1)
        return 0.0

    def exhausted(self, client: str) -> bool:
        """Whether a client has no token left; takes none."""
        return self._level(client) < 1

    def _level(self, client: str) -> float:
        now = self._clock()
        level, then = self._buckets.get(client, (float(self._burst), now))
        return min(self._burst, level + (now - then) * self._per_second)

    def _keep(self, client: str, level: float) -> None:
        self._buckets[client] = (level, self._clock())
        self._buckets.move_to_end(client)
        if len(self._buckets) > self._MOST:
            self._buckets.popitem(last=False)

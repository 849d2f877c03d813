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
        decode_seconds: of processor time to decode or encode a file; twice that by the clock.
        decode_memory: bytes that decoding a file may take.
        decoders: files decoded or encoded at once.
        queue: jobs that may wait.
        reserve_bytes: what stays free on the disk.
        keep_seconds: how long recordings and jobs are kept after they were last used.
        keep_copies_seconds: the same, of copies in other formats.
        requests_per_second: of one client, in the long run.
        burst: requests of one client at once.
        wrong_tokens: of one client at once; another one each ten seconds.
        silence_seconds: an upload that sends nothing for so long has ended.
    """

    upload_bytes: int = 1 << 30
    seconds: float = 30 * 60.0
    channels: int = 8
    decoded_bytes: int = 3 << 30
    decode_seconds: int = 120
    decode_memory: int = 1 << 30
    decoders: int = 2
    queue: int = 32
    reserve_bytes: int = 256 << 20
    keep_seconds: float = 7 * 24 * 3600.0
    keep_copies_seconds: float = 3600.0
    requests_per_second: float = 200.0
    burst: int = 1000
    wrong_tokens: int = 10
    silence_seconds: float = 60.0


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

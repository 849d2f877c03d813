"""Limits of a server, and a rate limiter."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from soundsift.audio.limits import RecordingLimits


@dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Attributes:
        upload_bytes: size of an uploaded file.
        seconds: duration of a recording.
        channels: channels of a recording.
        decoded_bytes: size of a decoded recording.
        decode_seconds: processor time for decoding or encoding any file.
        decode_times: additional processor time per second of sound.
        decode_memory: bytes of memory for decoding a file.
        decoders: files decoded or encoded at once.
        follow_seconds: time before the first and after the last click in which the page follows an
            object.
        queue: waiting jobs.
        job_seconds: duration of any job.
        job_times: duration of a job relative to its recording; the longer of both limits counts.
        reserve_bytes: disk space that stays free.
        keep_seconds: time for which unused recordings and jobs are kept.
        keep_copies_seconds: time for which unused copies in other formats are kept.
        requests_per_second: sustained rate of one client's requests.
        burst: requests of one client at once.
        wrong_tokens: wrong tokens of one client at once; one more every ten seconds.
        connections: connections at once.
        client_connections: connections of one client at once.
        header_seconds: time for a connection to send a request's headers.
        silence_seconds: longest pause within a request's body.
        body_bytes_per_second: least average rate of a request's body, after the first
            `silence_seconds`.
        uploads: uploads received or decoded at once.
        client_uploads: those of one client.
    """

    upload_bytes: int = 2 << 30
    seconds: float = 2 * 3600.0
    channels: int = 8
    decoded_bytes: int = 3 << 30
    decode_seconds: float = 120.0
    decode_times: float = 0.1
    decode_memory: int = 1 << 30
    decoders: int = 2
    follow_seconds: float = 60.0
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
    client_connections: int = 256
    header_seconds: float = 20.0
    silence_seconds: float = 60.0
    body_bytes_per_second: float = 1024.0
    uploads: int = 64
    client_uploads: int = 48

    @property
    def longest_decoding(self) -> float:
        """Seconds of processor time to decode or encode the longest recording."""
        return self.decode_seconds + self.decode_times * self.seconds

    @property
    def of_recording(self) -> RecordingLimits:
        """Limits of an uploaded recording."""
        return RecordingLimits(
            channels=self.channels, seconds=self.seconds, bytes=self.decoded_bytes
        )

    def of_job(self, seconds: float) -> float:
        """Time limit of a job in seconds, by its recording's duration in seconds."""
        return max(self.job_seconds, self.job_times * seconds)


class Rate:
    """Rate limiter with a token bucket per client.

    Args:
        per_second: rate at which a bucket fills.
        burst: size of a bucket.
        clock: seconds.
    """

    #: Number of buckets kept; a forgotten client starts with a full one.
    _MOST = 10_000

    def __init__(
        self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Take a token; 0 on success, else the seconds until there is one."""
        level = self._level(client)
        if level < 1:
            return (1 - level) / self._per_second
        self._keep(client, level - 1)
        return 0.0

    def _level(self, client: str) -> float:
        now = self._clock()
        level, then = self._buckets.get(client, (float(self._burst), now))
        return min(self._burst, level + (now - then) * self._per_second)

    def _keep(self, client: str, level: float) -> None:
        self._buckets[client] = (level, self._clock())
        self._buckets.move_to_end(client)
        if len(self._buckets) > self._MOST:
            self._buckets.popitem(last=False)

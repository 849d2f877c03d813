"""The server's log: on standard error, at a bounded rate."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

from soundsift.studio.limits import Rate

_PER_SECOND, _BURST = 1.0, 100


class RateLimit(logging.Filter):
    """Drops messages beyond a rate, and says how many were dropped.

    Args:
        per_second: messages a second in the long run.
        burst: messages at once.
        clock: seconds.
    """

    def __init__(
        self,
        per_second: float = _PER_SECOND,
        burst: int = _BURST,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__()
        self._rate, self._dropped = Rate(per_second, burst, clock), 0

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter`."""
        if self._rate.wait(""):
            self._dropped += 1
            return False
        if self._dropped:
            record.msg = f"{record.getMessage()} ({self._dropped} messages were dropped before)"
            record.args, self._dropped = None, 0
        return True


def set_up_logging() -> None:
    """Send warnings and errors of the server and its libraries to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s: %(message)s"))
    handler.addFilter(RateLimit())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # The sender of a malformed form is told what is wrong.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

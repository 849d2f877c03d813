"""Is whoever made this temporary file still at work? Told by a lock that ends with its process."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no locks of this kind
    fcntl = None  # type: ignore[assignment]

# Where locks don't work, what is older than this is taken for left over.
_OLD_SECONDS = 24 * 3600.0
# Between making a folder and locking it pass microseconds.
_NEW_SECONDS = 5.0


def hold(descriptor: int) -> None:
    """Lock a file or folder for as long as the descriptor is open, at most until the process ends.

    Without locks, as on some network file systems, this does nothing.

    Args:
        descriptor: of an open file or folder.
    """
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def abandoned(path: Path) -> bool:
    """Whether nobody works with this temporary file or folder any more.

    Args:
        path: as made beside a lock by `hold`; a missing one is not abandoned, but gone.
    """
    try:
        age = time.time() - path.stat().st_mtime
        if fcntl is None:
            return age > _OLD_SECONDS
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return age > _OLD_SECONDS
    else:
        # An empty one may have been made this moment and not be locked yet.
        return age > _NEW_SECONDS or (path.is_dir() and any(path.iterdir()))
    finally:
        os.close(descriptor)

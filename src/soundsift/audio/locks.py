"""Is whoever made this temporary file still at work? Told by a lock that ends with its process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no locks of this kind
    fcntl = None  # type: ignore[assignment]

# Where locks don't work, what is older than this is taken for left over.
_OLD_SECONDS = 24 * 3600.0
# Between making a temporary file and locking it pass microseconds; a process may be stopped then.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 1.0, 0.005


def hold(descriptor: int) -> None:
    """Lock a file or folder for as long as the descriptor is open, at most until the process ends.

    Without locks, as on some network file systems, this does nothing.

    Args:
        descriptor: of an open file or folder.
    """
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Keep others out while temporary files are made and locked, or looked at.

    Else one just made and not locked yet would look abandoned.

    Args:
        folder: where they are.

    Yields:
        False if somebody else has kept it for a second. True without locks, too.
    """
    if fcntl is None:
        yield True
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        yield True
        return
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            return True
        else:
            return True


def abandoned(path: Path) -> bool:
    """Whether nobody works with this temporary file or folder any more.

    Args:
        path: as made and locked by `hold` within `alone_in`, in which this is called, too; a
            missing one is not abandoned, but gone.
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
        return True
    finally:
        os.close(descriptor)

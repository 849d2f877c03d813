"""The cache folder of this package, in which no other user of the machine can write."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path

#: Suffix of a file while it is being written.
PARTIAL = ".partial"


def cache_folder() -> Path | None:
    """`$XDG_CACHE_HOME/soundsift` or `~/.cache/soundsift`, made if missing.

    Returns:
        The folder with all symbolic links resolved; None if it cannot be made, or another user
        could write in it or exchange it.
    """
    root = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = (Path(root) if root else Path.home() / ".cache") / "soundsift"
        for missing in (folder, *folder.parents)[::-1]:
            if not missing.exists():  # `parents=True` would leave their modes to the umask
                missing.mkdir(mode=0o700, exist_ok=True)
        folder = folder.resolve(strict=True)
        return folder if is_private(folder) else None
    except (OSError, RuntimeError):  # RuntimeError: no home
        return None


def is_private(folder: Path) -> bool:
    """Whether only this user (and root) can change what is in a folder, or exchange the folder.

    It must be this user's own and not writable for others. The folders above must be this user's
    or root's, and not writable for others unless they are sticky, as `/tmp` is: there no
    other user can rename what is not theirs.

    Args:
        folder: absolute, with all symbolic links resolved.

    Raises:
        OSError: if a folder on the way cannot be examined.
    """
    if sys.platform == "win32":  # a user's profile is private there
        return True
    user = os.geteuid()
    own, *above = (path.lstat() for path in (folder, *folder.parents))
    return (
        stat.S_ISDIR(own.st_mode)
        and own.st_uid == user
        and not own.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        and all(_is_safe_parent(found, user) for found in above)
    )


def is_private_file(path: Path) -> bool:
    """Whether a file in a private folder is a plain one that only this user can write to.

    Raises:
        OSError: if it cannot be examined.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or sys.platform == "win32":
        return stat.S_ISREG(found.st_mode)
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_safe_parent(found: os.stat_result, user: int) -> bool:
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid in (0, user) and (not writable or bool(found.st_mode & stat.S_ISVTX))


def partial_path(path: Path) -> Path:
    """A new name beside a file, under which to write it before it is renamed."""
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}{PARTIAL}")


def replace_durably(fresh: Path, path: Path) -> None:
    """Rename a file that is written, so that after a power cut the old or the new one is whole.

    Raises:
        OSError: if the file or its folder cannot be written.
    """
    _sync(fresh)
    fresh.replace(path)
    if sys.platform != "win32":  # folders cannot be opened there
        _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

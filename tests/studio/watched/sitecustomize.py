"""Notes what a process changes in the file system, but in the folder where it may.

Python imports a file of this name whenever it starts, if its folder is on PYTHONPATH: so a server's
workers and decoders are watched, too. What FFmpeg does in C isn't seen here.
"""

import os
import sys
import threading

_MAY = os.environ["WATCHED_MAY"]
_notes = os.open(os.environ["WATCHED_NOTES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Events, and which of their arguments are a path and the folder that it begins in.
_PATHS = {
    "os.chmod": ((0, 2),),
    "os.link": ((0, 2), (1, 3)),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.utime": ((0, 3),),
    "sqlite3.connect": ((0, None),),
}


_opening = threading.local()
_open = os.open


def _noted_open(path: object, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    # The event does not tell the folder that a path begins in.
    _opening.folder = dir_fd
    try:
        return _open(path, flags, mode, dir_fd=dir_fd)
    finally:
        _opening.folder = None


def _watch(event: str, arguments: tuple) -> None:
    if event == "open":
        folder = getattr(_opening, "folder", None)
        writes = arguments[2] & _WRITING
        _note(event, arguments[0] if writes else None, -1 if folder is None else folder)
    for path, folder in _PATHS.get(event, ()):
        _note(event, arguments[path], -1 if folder is None else arguments[folder])


def _note(event: str, path: object, folder: int) -> None:
    if not isinstance(path, str | bytes | os.PathLike):
        return
    name = os.fsdecode(path)
    if folder >= 0:
        name = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)  # noqa: PTH115, PTH118
    place = os.path.realpath(name)
    if not f"{place}/".startswith((f"{_MAY}/", "/dev/")):
        os.write(_notes, f"{event} {place}\n".encode())


os.open = _noted_open
sys.addaudithook(_watch)

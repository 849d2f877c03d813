"""C sources of this package, compiled on the machine that runs them, for it alone.

The only way for a pure Python package to reach instructions that PyTorch does not offer. Everything
that uses it has a slower equal in PyTorch, taken wherever something here fails.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

#: Ends the name of a library that is being made. Those of killed processes are removed after a time
#: in which no compiler is still at work.
_PARTIAL = ".partial"
_TIMEOUT_SECONDS, _LEFT_SECONDS = 60, 300


def compile_library(source: Path, flags: Sequence[str]) -> ctypes.CDLL | None:
    """Compile a C file into a shared library and load it; the second time it is there already.

    The library is kept in `$XDG_CACHE_HOME/soundsift` (`~/.cache/soundsift`), under a name made of
    source, compiler and flags. Since anybody can foretell that name, folder and library have to be
    the user's own, and nobody else may write to them. `$CC` names another compiler than `cc`;
    `SOUNDSIFT_NATIVE=0` in the environment forbids all this.

    Returns:
        None without a compiler, if it refuses, or where the result cannot be stored or loaded, or
        others could have put it there.
    """
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if compiler is None or sys.platform == "win32" or os.environ.get("SOUNDSIFT_NATIVE") == "0":
        return None
    try:
        key = "\0".join([source.read_text(), compiler, *flags])
        name = f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
        folder = _cache_folder()
        if not _private(folder):
            return None
        _remove_leftovers(folder)
        library = folder / name
        if not library.exists():
            _compile(compiler, source, flags, library)
        if not _private(library):
            return None
        return ctypes.CDLL(str(library))
    except (OSError, RuntimeError, subprocess.SubprocessError):
        return None


def _cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(root) if root else Path.home() / ".cache") / "soundsift"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _compile(compiler: str, source: Path, flags: Sequence[str], library: Path) -> None:
    # Renamed when it is whole: another process may be doing the same.
    fresh = library.with_name(f"{library.name}.{secrets.token_hex(8)}{_PARTIAL}")
    command = [compiler, *flags, "-shared", "-fPIC", "-o", str(fresh), str(source)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_SECONDS)
        fresh.chmod(0o700)  # whatever the umask lets others do
        fresh.replace(library)
    finally:
        fresh.unlink(missing_ok=True)


def _private(path: Path) -> bool:
    """Whether a path and what it leads to are this user's and nobody else may write to it."""
    user, target = os.geteuid(), path.stat()
    return path.lstat().st_uid == target.st_uid == user and not target.st_mode & 0o022


def _remove_leftovers(folder: Path) -> None:
    for path in folder.glob(f"*.so.*{_PARTIAL}"):
        try:
            if path.stat().st_mtime < time.time() - _LEFT_SECONDS:
                path.unlink()
        except FileNotFoundError:
            continue  # somebody else was faster

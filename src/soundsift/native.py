"""C sources of this package, compiled on the machine that runs them.

A pure Python package has no other way to instructions that PyTorch does not offer. Whatever is
computed here can be computed in PyTorch, too, and is where anything fails: `compile_library` then
returns None.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from soundsift.cache import PARTIAL, cache_folder, is_private_file, partial_path, replace_durably
from soundsift.fingerprint import file_digest

_TIMEOUT_SECONDS = 60
#: Partial files of killed processes are removed after a time in which no compiler still runs.
_LEFTOVER_SECONDS = 300


def compile_library(source: Path, flags: Sequence[str]) -> ctypes.CDLL | None:
    """Compile a C file into a shared library and load it; later calls load the same library.

    The library is kept in `soundsift.cache.cache_folder`, in which no other user can write. Its
    name holds a hash of source, compiler and flags, and one of its own content: a library whose
    content has changed is compiled anew. `$CC` names another compiler than `cc`.
    `SOUNDSIFT_NATIVE=0` in the environment switches all this off.

    Args:
        source: the C file.
        flags: the compiler's flags.

    Returns:
        The library; None without a compiler, if compiling or loading fails, or if there is no
        private cache folder.
    """
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if compiler is None or sys.platform == "win32" or os.environ.get("SOUNDSIFT_NATIVE") == "0":
        return None
    folder = cache_folder()
    if folder is None:
        return None
    try:
        key = "\0".join([source.read_text(encoding="utf-8"), compiler, *flags])
        stem = f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        _remove_leftovers(folder)
        library = _find_whole(folder, stem) or _compile(compiler, source, flags, folder, stem)
        return ctypes.CDLL(str(library))
    except (OSError, UnicodeError, subprocess.SubprocessError):
        return None


def _find_whole(folder: Path, stem: str) -> Path | None:
    """A private library whose content is still the one that its name tells; others are removed."""
    found = None
    for library in sorted(folder.glob(f"{stem}-*.so")):
        if is_private_file(library) and library.name == _name(stem, library):
            found = library
        else:
            library.unlink(missing_ok=True)
    return found


def _name(stem: str, library: Path) -> str:
    return f"{stem}-{file_digest(library)[:32]}.so"


def _compile(compiler: str, source: Path, flags: Sequence[str], folder: Path, stem: str) -> Path:
    fresh = partial_path(folder / f"{stem}.so")
    command = [compiler, *flags, "-shared", "-fPIC", "-o", str(fresh), str(source)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_SECONDS)
        fresh.chmod(0o700)
        library = folder / _name(stem, fresh)
        # Renamed when it is whole: another process may be doing the same.
        replace_durably(fresh, library)
        return library
    finally:
        fresh.unlink(missing_ok=True)


def _remove_leftovers(folder: Path) -> None:
    for path in folder.glob(f"*.so.*{PARTIAL}"):
        try:
            if path.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
                path.unlink()
        except FileNotFoundError:
            continue  # another process has removed it

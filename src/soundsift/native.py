"""C sources of this package, compiled on the machine that runs them, for it alone.

The only way for a pure Python package to reach instructions that PyTorch does not offer. Everything
that uses it has a slower equal in PyTorch, taken wherever something here fails.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def compile_library(source: Path, flags: Sequence[str]) -> ctypes.CDLL | None:
    """Compile a C file into a shared library and load it; the second time it is there already.

    The library is kept in `$XDG_CACHE_HOME/soundsift` (`~/.cache/soundsift`), under a name made of
    source, compiler and flags. `$CC` names another compiler than `cc`; `SOUNDSIFT_NATIVE=0` in the
    environment forbids all this.

    Returns:
        None without a compiler, if it refuses, or where the result cannot be stored or loaded.
    """
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if compiler is None or sys.platform == "win32" or os.environ.get("SOUNDSIFT_NATIVE") == "0":
        return None
    try:
        key = "\0".join([source.read_text(), compiler, *flags])
        name = f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
        library = _cache_folder() / name
        if not library.exists():
            _compile(compiler, source, flags, library)
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
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        fresh = Path(folder) / library.name
        command = [compiler, *flags, "-shared", "-fPIC", "-o", str(fresh), str(source)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        fresh.replace(library)

"""ONNX Runtime for browsers: fetched from the npm registry once, checked, and kept."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from importlib.resources import files
from pathlib import Path

from soundsift.cache import cache_folder
from soundsift.errors import SoundsiftError
from soundsift.optional import library

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"
#: SHA-512 of the package, as the registry states it.
_DIGEST = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
_ARCHIVE = f"onnxruntime-web-{VERSION}.tgz"
#: On the processor, and on the graphics card.
RUNTIME_FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
_LICENCES = ("LICENSE", "ThirdPartyNotices.txt")
_MOST_SECONDS = 600.0


def write_runtime(folder: Path, archive: Path | None = None) -> None:
    """Write the runtime's files and licences into a folder that is there.

    Args:
        folder: the folder.
        archive: the npm package, if it was fetched by other means.

    Raises:
        SoundsiftError: npm is missing or fails, or the package is not the one expected.
    """
    licences = files(library("onnxruntime", "ONNX files", "onnx"))
    if archive is not None:
        _unpack(archive, folder)
    elif (kept := _kept()) is not None and kept.is_file() and _is_expected(kept):
        _unpack(kept, folder)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            fetched = _fetch(Path(scratch))
            _unpack(fetched, folder)
            if kept is not None:
                shutil.copyfile(fetched, kept)
    # Microsoft's package for browsers has none; the same code, as Python's package, has both.
    for name in _LICENCES:
        (folder / name).write_bytes((licences / name).read_bytes())


def _kept() -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / _ARCHIVE


def _fetch(folder: Path) -> Path:
    npm = shutil.which("npm")
    by_hand = f"Or run `npm pack {PACKAGE}` elsewhere, and pass the file with --runtime."
    if npm is None:
        raise SoundsiftError(
            f"The page needs {PACKAGE}, which npm fetches, and there is no npm. Install Node.js. "
            + by_hand
        )
    command = [npm, "pack", PACKAGE, "--pack-destination", str(folder), "--silent"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_MOST_SECONDS, cwd=folder
        )
    except subprocess.TimeoutExpired:
        raise SoundsiftError(f"npm did not fetch {PACKAGE} in 10 minutes. {by_hand}") from None
    archive = folder / _ARCHIVE
    if done.returncode or not archive.is_file():
        reason = next(iter(done.stderr.strip().splitlines()), "no reason given")
        raise SoundsiftError(f"npm did not fetch {PACKAGE}: {reason}. {by_hand}")
    return archive


def _is_expected(archive: Path) -> bool:
    digest = hashlib.sha512(archive.read_bytes()).digest()
    return base64.b64encode(digest).decode() == _DIGEST


def _unpack(archive: Path, folder: Path) -> None:
    try:
        expected = _is_expected(archive)
    except OSError as error:
        raise SoundsiftError(
            f"{archive} can't be read ({error.strerror or error}). Name the file that `npm pack "
            f"{PACKAGE}` wrote."
        ) from error
    if not expected:
        raise SoundsiftError(
            f"{archive} is not {PACKAGE}: its SHA-512 differs. Fetch it anew with `npm pack "
            f"{PACKAGE}`."
        )
    with tarfile.open(archive) as package:
        for name in RUNTIME_FILES:
            member = package.extractfile(f"package/dist/{name}")
            assert member is not None
            with (folder / name).open("wb") as file:
                shutil.copyfileobj(member, file)

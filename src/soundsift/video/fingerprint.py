"""Fingerprints of masks and videos."""

import hashlib
import os
from pathlib import Path

import numpy as np

from soundsift.fingerprint import file_digest
from soundsift.video.masks import mask_files

# Of a SHA-256, in settings.
_DIGITS = 16


def fingerprint(seen: str | Path | np.ndarray) -> str | None:
    """Fingerprint of masks or a video for settings files; equal for equal contents.

    Args:
        seen: A path for `read_masks` or `read_video`, or an array.

    Returns:
        The first 16 hexadecimal digits of the SHA-256 of a file's bytes; of the names and the bytes
        of the images in a folder; or of an array's shape and bytes. None if it can't be read;
        reading it raises the error.
    """
    if isinstance(seen, np.ndarray):
        digest = hashlib.sha256(repr(seen.shape).encode())
        digest.update(np.ascontiguousarray(seen).data)
        return digest.hexdigest()[:_DIGITS]
    path = Path(seen)
    try:
        if path.is_dir():
            return _of_folder(path)
        # Not of a pipe, which could not be read again.
        return file_digest(path)[:_DIGITS] if path.is_file() else None
    except OSError:
        return None


def _of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for image in mask_files(folder):
        # No name holds a zero byte: where one ends is beyond doubt.
        digest.update(os.fsencode(image.name) + b"\0" + file_digest(image).encode())
    return digest.hexdigest()[:_DIGITS]

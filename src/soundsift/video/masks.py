"""Masks of the object, picture by picture, and a video of what they mark."""

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from soundsift.errors import SoundsiftError
from soundsift.video.frames import VideoFrame, read_video

# A pixel of a mask image belongs to the object from here on: far above what lossy formats add to
# black, and below the palette colours of common annotation tools.
_OBJECT = 128


def keep_masks(frames: Iterable[VideoFrame], masks: Iterable[np.ndarray]) -> Iterator[VideoFrame]:
    """Blacken everything outside of a mask per picture, or of one mask for all.

    Args:
        frames: The video.
        masks: `(frames, height, width)`, or an iterator over `(height, width)`; the object is
            where a mask is not 0.

    Returns:
        The video of the object alone.

    Raises:
        SoundsiftError: While reading, if a mask has another shape than the picture or there are
            fewer masks than pictures; at the end, if there are more, or all of them are empty.
    """
    return (frame.within(mask) for frame, mask in mark_masks(frames, masks))


def mark_masks(
    frames: Iterable[VideoFrame], masks: Iterable[np.ndarray]
) -> Iterator[tuple[VideoFrame, np.ndarray]]:
    """The same as pictures with their masks, `(height, width)`, bool.

    Raises:
        SoundsiftError: As for `keep_masks`.
    """
    remaining = iter(masks)
    first, second = next(remaining, None), next(remaining, None)
    if first is None:
        raise SoundsiftError("There are no masks. Give one per picture, or one for all.")
    remaining = repeat(first) if second is None else chain((first, second), remaining)
    marked = False
    count = 0
    for frame in frames:
        mask = next(remaining, None)
        if mask is None:
            raise SoundsiftError(
                f"There are {count} masks, but more pictures. Give one per picture, or one for all."
            )
        if mask.shape != frame.pixels.shape[:2]:
            raise SoundsiftError(
                f"A mask has shape {mask.shape}. Use {frame.pixels.shape[:2]}, the height and "
                "width of the video."
            )
        count += 1
        kept = mask != 0
        marked = marked or bool(kept.any())
        yield frame, kept
    if second is not None and next(remaining, None) is not None:
        raise SoundsiftError(
            f"There are more masks than the video's {count} pictures. Give one per picture, or one "
            "for all."
        )
    if not marked:
        raise SoundsiftError("The masks mark nothing. Draw the object white, or not 0 in an array.")


def read_masks(path: str | Path) -> Iterator[np.ndarray]:
    """Read masks from a file or folder.

    Args:
        path: A NumPy file `.npy` of `(frames, height, width)` or `(height, width)`; an image or a
            video; or a folder of images, one per picture, in the order of their names. In images
            and videos the object is bright, from 128 of 255 in any colour.

    Returns:
        Masks `(height, width)`, bool.

    Raises:
        SoundsiftError: If the path can't be read as masks.
    """
    path = Path(path)
    if path.is_dir():
        files = mask_files(path)
        if not files:
            raise SoundsiftError(f"{path} is an empty folder. Put mask images in it.")
        return chain.from_iterable(map(read_masks, files))
    if path.suffix.lower() != ".npy":
        return (frame.pixels.max(axis=2) >= _OBJECT for frame in read_video(path))
    try:
        masks = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise SoundsiftError(f"{path} can't be read. Use a NumPy array.") from error
    if not isinstance(masks, np.ndarray):
        masks.close()
        raise SoundsiftError(f"{path} is an archive of arrays (.npz). Use a single array (.npy).")
    if masks.ndim not in (2, 3):
        raise SoundsiftError(
            f"{path} has shape {masks.shape}; (frames, height, width) or (height, width) was "
            "expected."
        )
    return (mask != 0 for mask in (masks if masks.ndim == 3 else masks[None]))


def mask_files(folder: Path) -> list[Path]:
    """The files in a folder of masks, in the order of the pictures."""
    return sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))

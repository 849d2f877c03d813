"""Masks of the object."""

import hashlib
import re
from pathlib import Path

import av
import numpy as np
import pytest
from tests.video.pictures import GREY, HEIGHT, SQUARE, WIDTH, moving_square, video, write_video

from soundsift.errors import SoundsiftError
from soundsift.video import Box, VisualPrompt, keep_masks, read_masks


def square_masks(count: int) -> np.ndarray:
    return np.stack([(p == SQUARE).all(axis=2) for p in moving_square(count)])


@pytest.mark.parametrize("kind", ["array", "npy", "folder", "video"])
def test_masks_keep_the_object(tmp_path: Path, kind: str) -> None:
    pictures, masks = moving_square(4), square_masks(4)
    path = tmp_path / f"masks.{'npy' if kind == 'npy' else 'mkv'}"
    images = [np.repeat(m[..., None], 3, axis=2) * np.uint8(255) for m in masks]
    if kind == "npy":
        np.save(path, masks)
    elif kind == "video":
        write_video(path, images)
    elif kind == "folder":
        path = tmp_path / "masks"
        path.mkdir()
        for number, image in enumerate(images):
            with av.open(str(path / f"{number:03}.png"), "w", format="image2") as container:
                stream = container.add_stream("png", rate=1)
                stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "rgb24"
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
    source = masks if kind == "array" else read_masks(path)
    for frame, picture, mask in zip(
        keep_masks(video(pictures), source), pictures, masks, strict=True
    ):
        assert mask.sum() == 16
        assert (frame.pixels[mask] == SQUARE).all()
        assert not frame.pixels[~mask].any()
        assert (picture[~mask] == GREY).all()  # the original is left alone


def test_one_mask_for_all() -> None:
    frames = list(keep_masks(video(moving_square(3)), square_masks(3)[1:2]))
    assert len(frames) == 3
    assert all(frame.pixels.any(axis=2).sum() == 16 for frame in frames)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (square_masks(2), "There are 2 masks, but more pictures"),
        (square_masks(4), "more masks than the video's 3 pictures"),
        (square_masks(3)[:, :10], r"A mask has shape \(10, 30\)\. Use \(20, 30\)"),
        (np.zeros((3, HEIGHT, WIDTH)), "mark nothing"),
        ([], "There are no masks"),
    ],
)
def test_masks_that_do_not_fit(masks: np.ndarray, message: str) -> None:
    with pytest.raises(SoundsiftError, match=message):
        list(keep_masks(video(moving_square(3)), masks))


def test_mask_files_that_cannot_be_read(tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros(3))
    with pytest.raises(SoundsiftError, match=r"flat\.npy has shape \(3,\)"):
        read_masks(tmp_path / "flat.npy")
    with pytest.raises(SoundsiftError, match=r"none\.npy can't be read"):
        read_masks(tmp_path / "none.npy")
    with pytest.raises(SoundsiftError, match=r"none\.png can't be read"):
        list(read_masks(tmp_path / "none.png"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SoundsiftError, match="empty folder"):
        read_masks(tmp_path / "empty")
    for content in (b"", b"PK\x03\x04", b"no array at all"):
        (tmp_path / "bad.npy").write_bytes(content)
        with pytest.raises(SoundsiftError, match=r"bad\.npy can't be read. Use a NumPy array"):
            read_masks(tmp_path / "bad.npy")
    np.savez(tmp_path / "many.npz", masks=square_masks(2))
    (tmp_path / "many.npz").rename(tmp_path / "many.npy")
    with pytest.raises(SoundsiftError, match=r"many\.npy is an archive of arrays"):
        read_masks(tmp_path / "many.npy")


def test_settings_tell_masks_from_others(tmp_path: Path) -> None:
    path = tmp_path / "m.npy"
    np.save(path, square_masks(2))
    before = VisualPrompt(masks=path).described()
    assert before == f"masks {path} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    assert VisualPrompt(masks=path, video="v.mkv").described() == f"{before} in v.mkv"
    video = tmp_path / "v.mkv"
    found = []
    for content in (b"a", b"b"):
        video.write_bytes(content)
        found.append(VisualPrompt(boxes=(Box(1, 2, 3, 4),), video=video).described())
        digest = hashlib.sha256(content).hexdigest()[:16]
        assert found[-1] == f"{Box(1, 2, 3, 4)} in {video} {digest}"
    assert found[0] != found[1]
    np.save(path, ~square_masks(2))
    assert VisualPrompt(masks=path).described() != before
    # Reading says what is wrong with it.
    assert VisualPrompt(masks=tmp_path / "none").described() == f"masks {tmp_path / 'none'}"


def test_settings_tell_folders_of_masks_from_others(tmp_path: Path) -> None:
    found = [VisualPrompt(masks=tmp_path).described()]
    for name, content in (("0.png", b"a"), ("1.png", b"b"), ("0.png", b"c")):
        (tmp_path / name).write_bytes(content)
        found.append(VisualPrompt(masks=tmp_path).described())
    (tmp_path / "1.png").rename(tmp_path / "2.png")
    found.append(VisualPrompt(masks=tmp_path).described())
    assert len({*found}) == len(found)
    # What isn't read doesn't count.
    (tmp_path / ".hidden").write_bytes(b"d")
    assert VisualPrompt(masks=tmp_path).described() == found[-1]


def test_settings_tell_arrays_of_masks_from_others() -> None:
    masks = square_masks(2)
    kinds = (masks, ~masks, masks.reshape(4, -1, WIDTH), masks[:0])
    found = [VisualPrompt(masks=kind).described() for kind in kinds]
    assert len({*found}) == len(kinds)
    assert all(re.fullmatch("masks [0-9a-f]{16}", text) for text in found)
    # However it lies in memory.
    assert VisualPrompt(masks=np.asfortranarray(masks)).described() == found[0]

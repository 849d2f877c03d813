"""Video files, the region of the object, and which picture reaches which latent frame."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from soundsift.checkpoints.pe_vision import convert_pe_vision
from soundsift.errors import SoundsiftError
from soundsift.models.pe_vision import PeVision
from soundsift.prompts import Span
from soundsift.video import (
    Box,
    Pair,
    VideoFrame,
    keep_boxes,
    keep_masks,
    pair_by_time,
    pair_evenly,
    read_masks,
    read_video,
    video_features,
)
from tests.released import TINY_TOWER

DATA = Path(__file__).parent / "data"
HEIGHT, WIDTH = 20, 30
SQUARE = (200, 40, 90)
GREY = 128


def moving_square(count: int) -> list[np.ndarray]:
    """A square of 4 pixels on grey that moves by two pixels a picture; its rows are 8 to 11."""
    pictures = []
    for number in range(count):
        picture = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
        picture[8:12, 2 * number : 2 * number + 4] = SQUARE
        pictures.append(picture)
    return pictures


def write_video(
    path: Path,
    pictures: list[np.ndarray],
    *,
    rate: int = 25,
    milliseconds: list[int] | None = None,
    rotation: int = 0,
    sound_at: float | None = None,
) -> Path:
    """Write pictures without loss, at their times if given, and with a second of silence."""
    codec, pixel_format = ("ffv1", "bgr0") if path.suffix == ".mkv" else ("png", "rgb24")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        if rotation:
            stream.set_display_rotation(rotation)
        sound = None if sound_at is None else container.add_stream("pcm_s16le", rate=8000)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if milliseconds is not None:
                frame.pts, frame.time_base = milliseconds[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None and sound_at is not None:
            samples = np.zeros((1, 8000), np.int16)
            block = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            block.sample_rate, block.time_base = 8000, Fraction(1, 8000)
            block.pts = round(sound_at * 8000)
            container.mux(sound.encode(block))
            container.mux(sound.encode())
    return path


def video(pictures: list[np.ndarray], times: list[Fraction] | None = None) -> Iterator[VideoFrame]:
    times = times or [Fraction(number, 25) for number in range(len(pictures))]
    return (VideoFrame(t, p, Fraction(1, 25)) for t, p in zip(times, pictures, strict=True))


def numbered(times: list[Fraction]) -> Iterator[VideoFrame]:
    """Pictures of one pixel that hold their own number."""
    return video([np.full((1, 1, 3), n, np.uint8) for n in range(len(times))], times)


def indices(pairs: Iterator[Pair], latent_frames: int) -> list[int | None]:
    """The number of the picture that serves each latent frame."""
    index: list[int | None] = [None] * latent_frames
    for picture, served in pairs:
        for frame in served:
            assert index[frame] is None
            index[frame] = int(picture[0, 0, 0])
    return index


# --- reading --------------------------------------------------------------------------------------


def test_pictures_and_times(tmp_path: Path) -> None:
    pictures = moving_square(5)
    frames = list(read_video(write_video(tmp_path / "a.mov", pictures, rate=30)))
    assert [frame.time for frame in frames] == [Fraction(n, 30) for n in range(5)]
    assert all(frame.duration == Fraction(1, 30) for frame in frames)
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(frame.pixels, picture)


def test_uneven_times(tmp_path: Path) -> None:
    times = [0, 40, 320, 360, 1000]
    path = write_video(tmp_path / "a.mkv", moving_square(5), milliseconds=times)
    assert [frame.time * 1000 for frame in read_video(path)] == times


def test_time_zero_is_where_the_sound_begins(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mov", moving_square(4), sound_at=0.08)
    assert [frame.time * 25 for frame in read_video(path)] == [-2, -1, 0, 1]


@pytest.mark.parametrize("degrees", [90, -90, 180])
def test_rotated_pictures_are_turned_upright(tmp_path: Path, degrees: int) -> None:
    """A phone stores what it saw, and by how far it was turned (counter-clockwise)."""
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    (frame,) = read_video(write_video(tmp_path / "a.mov", [picture], rotation=degrees))
    np.testing.assert_array_equal(frame.pixels, np.rot90(picture, degrees // 90))


def test_a_file_without_video(tmp_path: Path) -> None:
    sound = tmp_path / "a.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        block = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        block.sample_rate = 8000
        container.mux(stream.encode(block))
    with pytest.raises(SoundsiftError, match=r"a\.wav has no video"):
        read_video(sound)
    (tmp_path / "a.txt").write_text("no video")
    for name in ("a.txt", "missing.mp4", "."):
        with pytest.raises(SoundsiftError, match="can't be read as video"):
            read_video(tmp_path / name)


def test_the_cover_of_a_music_file_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        cover = container.add_stream("png", rate=1)
        cover.height, cover.width, cover.pix_fmt = 8, 8, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        block = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
        block.sample_rate = 48000
        picture = av.VideoFrame.from_ndarray(np.zeros((8, 8, 3), np.uint8), "rgb24")
        for packets in (
            cover.encode(picture),
            cover.encode(),
            stream.encode(block),
            stream.encode(),
        ):
            container.mux(packets)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(SoundsiftError, match="has no video"):
        read_video(path)


def test_a_video_that_is_cut_off(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mkv", moving_square(8))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    frames = list(read_video(cut))
    assert 0 < len(frames) < 8


# --- boxes ----------------------------------------------------------------------------------------


def test_box_keeps_the_object() -> None:
    """Inside the box the picture stays, outside it is black."""
    pictures = moving_square(3)
    for box in (Box(4, 8, 4, 4), Box.parse("4,8,4,4"), Box(4 / 30, 8 / 20, 4 / 30, 4 / 20)):
        kept = [frame.pixels for frame in keep_boxes(video(pictures), [box])]
        for number, picture in enumerate(kept):
            assert not picture[:8].any() and not picture[12:].any()
            assert not picture[:, :4].any() and not picture[:, 8:].any()
            np.testing.assert_array_equal(picture[8:12, 4:8], pictures[number][8:12, 4:8])
        assert (kept[2][8:12, 4:8] == SQUARE).all()


def test_boxes_that_follow_the_object() -> None:
    """Spans are half open and exact in decimals: 0.28 s is picture 7, which 0.04 * 7 is not."""
    boxes = [Box(0, 0, 10, 20, Span(0, 0.12)), Box(20, 0, 10, 20, Span(0.28, 0.36))]
    kept = list(keep_boxes(video(moving_square(10)), boxes))
    assert [bool(f.pixels[:, :10].any()) for f in kept] == [True] * 3 + [False] * 7
    assert [bool(f.pixels[:, 20:].any()) for f in kept] == [False] * 7 + [True] * 2 + [False]


def test_parse_box() -> None:
    assert Box.parse(" 0.25, .1,0.5 ,1 @0:01-2.5") == Box(0.25, 0.1, 0.5, 1, Span(1, 2.5))
    assert str(Box.parse("120,40,200,180@1.5-3")) == "120,40,200,180@1.5-3"


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,3,4 1-2", "1 2 3 4"])
def test_text_that_is_no_box(text: str) -> None:
    with pytest.raises(SoundsiftError, match=r"can't be read; x,y,width,height"):
        Box.parse(text)


@pytest.mark.parametrize("numbers", [(-1, 0, 4, 4), (0, 0, 0, 4), (0, 0, 4, float("inf"))])
def test_impossible_boxes(numbers: tuple[float, float, float, float]) -> None:
    with pytest.raises(SoundsiftError, match="x and y from 0 on"):
        Box(*numbers)


@pytest.mark.parametrize("box", ["20,0,11,5", "0,16,5,5", "0.5,0,0.6,1", "30,0,1,1"])
def test_boxes_beyond_the_picture(box: str) -> None:
    with pytest.raises(SoundsiftError, match=f"box {box} .* 30 pixels wide and 20 high"):
        list(keep_boxes(video(moving_square(1)), [Box.parse(box)]))


def test_a_box_at_a_time_without_pictures() -> None:
    box = Box(0, 0, 4, 4, Span(3, 4))
    with pytest.raises(SoundsiftError, match="box 0,0,4,4@3-4: the video has no picture"):
        list(keep_boxes(video(moving_square(3)), [box]))


# --- masks ----------------------------------------------------------------------------------------


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
        (square_masks(2), "there are 2 masks, but more pictures"),
        (square_masks(4), "more masks than the video's 3 pictures"),
        (square_masks(3)[:, :10], r"a mask has shape \(10, 30\); \(20, 30\)"),
        (np.zeros((3, HEIGHT, WIDTH)), "mark nothing"),
        ([], "there are no masks"),
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


# --- which picture serves which latent frame ------------------------------------------------------

AUTHORS = json.loads((DATA / "video_index.json").read_text())


def test_by_time_as_the_authors() -> None:
    case = AUTHORS["by_time"]
    times = [n / Fraction(case["fps"]) for n in range(case["n"])]
    assert indices(pair_by_time(numbered(times), case["size"]), case["size"]) == case["idx"]


@pytest.mark.parametrize("case", AUTHORS["spread"], ids=lambda c: f"{c['n_frames']}-{c['size']}")
def test_evenly_as_the_authors(case: dict[str, list[int]]) -> None:
    count, size = case["n_frames"], case["size"]
    pictures = [np.full((1, 1, 3), n, np.uint8) for n in range(count)]
    assert indices(pair_evenly(pictures, size), size) == case["idx"]


def test_nearest_by_brute_force() -> None:
    """Uneven times, among them equal ones and ties, before the sound and after its end."""
    steps = np.random.default_rng(1).integers(0, 8, 60)
    times = [Fraction(int(t), 100) - Fraction(1, 5) for t in np.cumsum(steps)]
    wanted = [min(range(60), key=lambda n: abs(times[n] - Fraction(i, 25))) for i in range(40)]
    assert len(set(wanted)) > 20
    assert indices(pair_by_time(numbered(times), 40), 40) == wanted


def test_no_video_before_and_after() -> None:
    """Two pictures at 2 s and 2.04 s serve from 1 s to 3.08 s, the last one's end and a second."""
    index = indices(pair_by_time(numbered([Fraction(2), Fraction(51, 25)]), 100), 100)
    assert index == [None] * 25 + [0] * 26 + [1] * 27 + [None] * 22
    assert indices(pair_by_time(numbered([]), 3), 3) == [None] * 3


# --- features -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tower() -> PeVision:
    tower = PeVision(TINY_TOWER)
    tensors = load_file(DATA / "pe_vision_tiny.safetensors")
    tower.load_state_dict(convert_pe_vision(tensors, "sd."))
    return tower.eval().requires_grad_(False)


@pytest.fixture
def seen(tower: PeVision) -> Iterator[list[torch.Tensor]]:
    """Everything that goes into the tower, batch by batch."""
    batches: list[torch.Tensor] = []
    hook = tower.register_forward_pre_hook(lambda _, inputs: batches.append(inputs[0]))
    yield batches
    hook.remove()


def test_right_pixels_at_the_right_times(
    tmp_path: Path, tower: PeVision, seen: list[torch.Tensor]
) -> None:
    """From a file of 50 pictures a second to features: every other picture goes into the tower."""
    pictures = moving_square(12)
    frames = read_video(write_video(tmp_path / "a.mov", pictures, rate=50, sound_at=0))
    frames = keep_boxes(frames, [Box(0, 8, 30, 4)])
    done: list[float] = []
    features = video_features(
        tower,
        pair_by_time(frames, 6),
        6,
        batch_size=4,
        dtype=torch.float32,
        progress=done.append,
    )
    assert [len(batch) for batch in seen] == [4, 2]
    assert done == [pytest.approx(4 / 6), 1.0]
    # The square is the only red; its rows, 8 to 11 of 20, are in the middle of the tower's 56.
    for number, image in enumerate(torch.cat(seen)):
        red = (image[0, 28] > 0.3).nonzero()[:, 0].float() / 56 * WIDTH
        assert float(red.mean()) + 0.3 == pytest.approx(4 * number + 2, abs=0.6)
        assert (image[:, :18] == -1).all() and (image[:, 38:] == -1).all()
    assert features.shape == (6, 24) and features.dtype == torch.float32
    torch.testing.assert_close(features.norm(dim=1), torch.ones(6))
    one_by_one = torch.stack([tower(image[None])[0] for image in torch.cat(seen)])
    torch.testing.assert_close(features, one_by_one)


def test_each_distinct_picture_is_encoded_once(tower: PeVision, seen: list[torch.Tensor]) -> None:
    """Out of view the object leaves black pictures, all the same; twice in the same place, too."""
    pictures = moving_square(4) + moving_square(4)
    boxes = [Box(0, 0, 30, 20, Span(0, 0.08)), Box(0, 0, 30, 20, Span(0.16, 0.24))]
    pairs = list(pair_by_time(keep_boxes(video(pictures), boxes), 8))
    assert len(pairs) == 8
    features = video_features(tower, pairs, 8)
    assert sum(map(len, seen)) == 3
    for same in ((0, 4), (1, 5), (2, 3), (2, 6), (2, 7)):
        assert torch.equal(features[same[0]], features[same[1]])
    assert len({tuple(f.tolist()) for f in features}) == 3
    assert (torch.cat(seen)[2] == -1).all()


def test_authors_features(tower: PeVision) -> None:
    """A batch of two videos; in bfloat16, a little off."""
    tensors = load_file(DATA / "pe_vision_tiny.safetensors")
    for number, count in ((0, 5), (1, 2)):
        pairs = list(pair_evenly(tensors[f"in.video{number}"].permute(0, 2, 3, 1).numpy(), count))
        theirs = tensors["out.encoder"][number, :count]
        ours = video_features(tower, pairs, count, dtype=torch.float32)
        assert float((ours - theirs).norm() / theirs.norm()) < 2e-6
        rough = video_features(tower, pairs, count, dtype=torch.bfloat16)
        assert rough.dtype == torch.float32 and not torch.equal(rough, ours)
        assert (rough * theirs).sum(dim=1).min() > 0.999


def test_features_are_zero_where_there_is_no_video(tower: PeVision) -> None:
    picture = moving_square(1)[0]
    features = video_features(tower, [(picture, range(2, 4))], 6)
    assert features[2:4].any(dim=1).all()
    assert not features[:2].any() and not features[4:].any()
    assert torch.equal(video_features(tower, [], 3), torch.zeros(3, 24))

"""Pictures of video files and their times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.video.pictures import HEIGHT, WIDTH, moving_square, write_video

from soundsift.errors import SoundsiftError
from soundsift.video import read_video


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


def test_time_zero_is_the_beginning_of_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mov", moving_square(4), sound_at=0.08)
    assert [frame.time * 25 for frame in read_video(path)] == [0, 1, 2, 3]


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


@pytest.mark.parametrize("degrees", [0, 90])
def test_pictures_are_made_smaller_as_they_are_decoded(tmp_path: Path, degrees: int) -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 40:] = 200
    path = write_video(tmp_path / "a.mov", [picture], rotation=degrees)
    (whole,) = read_video(path)
    (small,) = read_video(path, side=20)
    assert whole.size == whole.pixels.shape[:2] == small.size
    assert small.pixels.shape[:2] == tuple(side // 4 for side in whole.size)
    expected = whole.pixels.reshape(small.pixels.shape[0], 4, small.pixels.shape[1], 4, 3)
    assert np.abs(small.pixels - expected.mean((1, 3))).max() < 12
    # A picture that is small enough stays as it is.
    (same,) = read_video(path, side=80)
    assert np.array_equal(same.pixels, whole.pixels)

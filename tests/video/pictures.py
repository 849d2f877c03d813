"""Small videos to test with."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from soundsift.video import Pair, VideoFrame

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
    return (
        VideoFrame(t, p, duration=Fraction(1, 25)) for t, p in zip(times, pictures, strict=True)
    )


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

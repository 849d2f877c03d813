"""A film of two discs, each of which moves while its own tone sounds."""

from pathlib import Path

import av
import numpy as np

RATE, SECONDS, PICTURES = 16_000, 4, 25
HEIGHT, WIDTH = 120, 160
#: Middles of the discs at rest (x, y), their tones in Hz, and when they move and sound.
LOW = ((45, 60), 300.0, ((0.4, 0.9), (2.0, 2.5)))
HIGH = ((115, 60), 3000.0, ((1.2, 1.7), (3.0, 3.5)))


def write_film(
    path: Path, codec: str = "libx264", sound: str = "aac", wall: float = SECONDS
) -> np.ndarray:
    """Write it.

    Args:
        path: The file.
        codec: Of the pictures.
        sound: Codec of the sound.
        wall: Second from which on a wall hides the low disc.

    Returns:
        `(2, samples)`: the low and the high tone.
    """
    tones = np.stack([_tone(hertz, times) for _, hertz, times in (LOW, HIGH)])
    with av.open(str(path), "w") as container:
        shown, heard = container.add_stream(codec, PICTURES), container.add_stream(sound, RATE)
        shown.width, shown.height, shown.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        heard.codec_context.layout = "mono"
        for number in range(SECONDS * PICTURES):
            pixels = _picture(number / PICTURES)
            if number / PICTURES >= wall:
                pixels[:, :80] = (120, 90, 40)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(shown.encode(picture))
        container.mux(shown.encode(None))
        samples = np.round(32767 * tones.sum(axis=0, keepdims=True)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(heard.encode(frame))
        container.mux(heard.encode(None))
    return tones


def _tone(hertz: float, times: tuple[tuple[float, float], ...]) -> np.ndarray:
    seconds = np.arange(RATE * SECONDS) / RATE
    heard = np.any([(seconds >= start) & (seconds < end) for start, end in times], axis=0)
    return 0.3 * heard * np.sin(2 * np.pi * hertz * seconds)


def _picture(time: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 6, (HEIGHT, WIDTH, 3))
    picture = np.array([60, 110, 70]) + noise
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for ((x, y), _, times), colour in ((LOW, (220, 60, 40)), (HIGH, (60, 80, 230))):
        moving = any(start <= time < end for start, end in times)
        down = 8 * np.sin(2 * np.pi * 3 * time) if moving else 0.0
        picture[np.hypot(columns - x, rows - y - down) < 18] = colour
    return picture.clip(0, 255).astype(np.uint8)

"""Media files with given time stamps, for the tests of reading."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 48_000

#: Suffix of the file, codecs of sound and picture (None: no picture), and the sound's samples.
KINDS: dict[str, tuple[str, str | None, str]] = {
    ".mkv": ("aac", "mpeg4", "fltp"),
    ".mp4": ("aac", "mpeg4", "fltp"),
    ".mov": ("aac", "mpeg4", "fltp"),
    ".webm": ("libopus", "libvpx", "flt"),
    ".m4a": ("aac", None, "fltp"),
    ".mka": ("flac", None, "s16"),
    ".ts": ("aac", "mpeg4", "fltp"),
    ".flv": ("aac", "flv1", "fltp"),
    ".nut": ("pcm_s16le", "mpeg4", "s16"),
    ".ogg": ("libopus", None, "flt"),
    ".mpg": ("mp2", "mpeg2video", "s16"),
    ".3gp": ("aac", "mpeg4", "fltp"),
}


def beeps(times: Sequence[float], seconds: float) -> np.ndarray:
    """Beeps of 0.2 s in faint noise, stereo."""
    t = np.arange(round(seconds * RATE)) / RATE
    wave = 0.01 * np.random.default_rng(0).normal(size=(2, len(t)))
    for time in times:
        on = (t >= time) & (t < time + 0.2)
        wave[:, on] += 0.5 * np.sin(2 * np.pi * 1000 * t[on])
    return wave.astype(np.float32)


def onsets(wave: np.ndarray, rate: int) -> list[float]:
    """When beeps begin, in seconds."""
    width = rate // 100
    loud = np.convolve(np.abs(wave[0]), np.ones(width) / width, "same") > 0.15
    return [float(i) / rate for i in np.flatnonzero(loud[1:] & ~loud[:-1])]


def write_media(
    path: Path,
    wave: np.ndarray,
    *,
    move: Callable[[Fraction], Fraction | None] = lambda time: time,
    picture: tuple[float, float] | None = None,
) -> Path:
    """Write sound, and a picture if the kind of file has one.

    Args:
        path: its suffix names the kind.
        wave: stereo.
        move: from a packet's time to where it goes, None: nowhere.
        picture: when it begins and ends in seconds; None for as long as the sound.
    """
    codec, video, kind = KINDS[path.suffix]
    with av.open(str(path), "w") as container:
        packets = []
        if video is not None:
            fast = {"deadline": "realtime", "cpu-used": "8"} if video == "libvpx" else {}
            stream = container.add_stream(video, rate=25, options=fast)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            begin, end = picture or (0.0, wave.shape[1] / RATE)
            for index in range(round(begin * 25), round(end * 25)):
                image = np.full((48, 64, 3), index % 250, np.uint8)
                frame = av.VideoFrame.from_ndarray(image, "rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                packets += stream.encode(frame)
            packets += stream.encode(None)
        sound = container.add_stream(codec, rate=RATE, layout="stereo")
        sound.format = kind
        sound.codec_context.open()
        size = sound.codec_context.frame_size or 1024
        for start in range(0, wave.shape[1] - size, size):
            piece = wave[:, start : start + size]
            if kind == "s16":
                piece = (piece * 32_767).astype(np.int16)
            data = piece if kind.endswith("p") else piece.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), kind, "stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            packets += _moved(sound.encode(frame), move)
        packets += _moved(sound.encode(None), move)
        packets.sort(key=lambda packet: packet.dts * packet.time_base)
        for packet in packets:
            container.mux(packet)
    return path


def _moved(
    packets: list[av.Packet], move: Callable[[Fraction], Fraction | None]
) -> list[av.Packet]:
    kept = []
    for packet in packets:
        time = move(Fraction(packet.pts * packet.time_base))
        if time is not None:
            packet.pts = packet.dts = round(time / packet.time_base)
            kept.append(packet)
    return kept

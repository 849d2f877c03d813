"""Files of a followed object: its masks, a video that shows them, and a score per picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from soundsift.audio.atomic import atomic_files
from soundsift.audio.containers import open_media
from soundsift.audio.timeline import file_clock_start
from soundsift.audio.tracks import packets, sound_track
from soundsift.segmentation.pictures import opencv
from soundsift.segmentation.track import ObjectTrack
from soundsift.video.frames import VideoFrame, read_video

_MILLISECOND = Fraction(1, 1000)
#: Of the object in the overlay; of its edge.
_TINT, _EDGE = np.array([40, 220, 120], np.float32), (255, 255, 255)
#: What MP4 holds of sound without encoding it anew.
_SOUND = {"aac", "mp3", "ac3", "alac", "opus"}


def write_track(
    track: ObjectTrack,
    video: Path,
    folder: Path,
    name: str,
    *,
    overlay: bool = True,
    overwrite: bool = False,
    record: dict[str, Any] | None = None,
) -> dict[str, Path]:
    """Write the masks, their scores and an overlay; all files appear together or not at all.

    Args:
        track: The object's masks.
        video: The video that they belong to.
        folder: For the files; made if missing.
        name: First part of their names.
        overlay: Whether to write the overlay.
        overwrite: Whether existing files may be replaced.
        record: More entries for the JSON file.

    Returns:
        `masks`, NAME.masks.mkv: one picture per picture of the video, the object white, without
        losses, for `soundsift.video.read_masks`. `overlay`, NAME.overlay.mp4: the video with its
        sound, the object tinted. `scores`, NAME.masks.json: time, score and state of each picture.

    Raises:
        SoundsiftError: A file exists already or cannot be written.
    """
    files = {"masks": f"{name}.masks.mkv", "scores": f"{name}.masks.json"}
    if overlay:
        files["overlay"] = f"{name}.overlay.mp4"
    with atomic_files(folder, overwrite=overwrite) as staging:
        _write_masks(track, staging.file(files["masks"]))
        described = {**(record or {}), **track.described(), "per_picture": _per_picture(track)}
        staging.file(files["scores"]).write_text(json.dumps(described, indent=1) + "\n")
        if overlay:
            _write_overlay(track, video, staging.file(files["overlay"]))
    return {kind: folder / file for kind, file in files.items()}


def _per_picture(track: ObjectTrack) -> list[dict[str, Any]]:
    return [
        {"time": round(float(time), 4), "score": score, "state": state}
        for time, score, state in zip(track.times, track.scores, track.states, strict=True)
    ]


def _write_masks(track: ObjectTrack, path: Path) -> None:
    with av.open(str(path), "w", format="matroska") as container:
        stream = _stream(container, "ffv1", "gray", track.size, {})
        for time, mask in zip(_rising(track), track.masks(), strict=True):
            frame = av.VideoFrame.from_ndarray(mask.astype(np.uint8) * 255, format="gray")
            frame.pts, frame.time_base = time, _MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_overlay(track: ObjectTrack, video: Path, path: Path) -> None:
    height, width = track.size
    # H.264 with colours at half size has even sides.
    size = height + height % 2, width + width % 2
    with av.open(str(path), "w", format="mp4") as container:
        stream = _stream(container, "libx264", "yuv420p", size, {"crf": "20", "preset": "veryfast"})
        with _sound(container, video) as sound:
            following = next(sound, None)
            shown = zip(_rising(track), read_video(video), strict=False)
            for index, (time, frame) in enumerate(shown):
                while following is not None and following.dts * following.time_base < time / 1000:
                    container.mux(following)
                    following = next(sound, None)
                picture = np.zeros((*size, 3), np.uint8)
                picture[:height, :width] = tinted(frame, track.mask(index))
                encoded = av.VideoFrame.from_ndarray(picture, format="rgb24")
                encoded.pts, encoded.time_base = time, _MILLISECOND
                container.mux(stream.encode(encoded))
            container.mux(stream.encode(None))
            while following is not None:
                container.mux(following)
                following = next(sound, None)


def _stream(
    container: Any, codec: str, pixels: str, size: tuple[int, int], options: dict[str, str]
) -> Any:
    stream = container.add_stream(codec, rate=1000, options=options)
    stream.height, stream.width = size
    stream.pix_fmt = pixels
    stream.codec_context.time_base = _MILLISECOND
    return stream


@contextmanager
def _sound(container: Any, video: Path) -> Iterator[Iterator[Any]]:
    """Packets of a video's sound for another container, on the recording clock; perhaps none."""
    with open_media(video) as source:
        stream = sound_track(source)
        if stream is None or stream.codec_context.name not in _SOUND:
            yield iter(())
            return
        copy = container.add_stream_from_template(stream, opaque=True)
        start = file_clock_start(video)

        def moved() -> Iterator[Any]:
            for packet in packets(source, [stream]):
                if not packet.size or packet.dts is None or packet.pts is None:
                    continue
                shift = round(start / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = copy
                yield packet

        yield moved()


def tinted(frame: VideoFrame, mask: np.ndarray) -> np.ndarray:
    """A picture in which the object is tinted and has a white edge, `(height, width, 3)`, uint8."""
    cv2 = opencv()
    picture = np.ascontiguousarray(frame.pixels).copy()
    picture[mask] = (0.55 * picture[mask] + 0.45 * _TINT).astype(np.uint8)
    edges, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, edges, -1, _EDGE, max(1, min(mask.shape) // 300))
    return picture


def _rising(track: ObjectTrack) -> Iterator[int]:
    """Times of the pictures in milliseconds, each above the last one."""
    last = -1
    for time in track.times:
        last = max(round(time * 1000), last + 1)
        yield last

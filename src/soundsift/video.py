"""Pictures of a video and the object in them that is heard: what a visual prompt is made of.

From a file to what the velocity field reads, each step a generator, so that a long video is never
in memory as a whole:

    frames = read_video(path)                        # pictures at their times
    frames = keep_boxes(frames, boxes)               # or keep_masks: black around the object
    pairs = pair_by_time(frames, latent_frames)      # which picture serves which latent frames
    features = video_features(tower, pairs, latent_frames)

The model is shown the object alone, V * M in arXiv 2512.18099, section 3: pixels of the object are
kept, all others are black. The authors' helper for masks blackens the object instead, while their
benchmark does what the paper says; so do we.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, repeat
from math import ceil, floor, isfinite
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from soundsift.devices import pick_dtype
from soundsift.errors import SoundsiftError
from soundsift.models.pe_vision import PeVision, normalise_pictures, resize_picture
from soundsift.prompts import FRAME_RATE, Span

# Before the first picture and after the last there is no video, but streams of one file seldom
# begin and end together: that far the nearest picture still serves.
_HOLD = Fraction(1)

_NUMBER = r"\s*(-?\d+(?:\.\d*)?|-?\.\d+)\s*"
_BOX = re.compile(rf"{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}(?:@(.*))?")

# A pixel of a mask image belongs to the object from here on: far above what lossy formats add to
# black, and below the palette colours of common annotation tools.
_OBJECT = 128


@dataclass(frozen=True)
class VideoFrame:
    """A picture and when it is shown.

    Attributes:
        time: Seconds from the beginning of the sound, exact; may be negative.
        pixels: `(height, width, 3)`, uint8, red, green, blue, upright.
        duration: Seconds, 0 if the file doesn't say.
    """

    time: Fraction
    pixels: np.ndarray
    duration: Fraction = Fraction(0)


Pair = tuple[np.ndarray, range]
"""A picture, `(height, width, 3)`, uint8, and the latent frames that it serves."""


@dataclass(frozen=True)
class Box:
    """A rectangle around the object, for all of the video or a part of it.

    Attributes:
        x, y: Left and upper edge. If all four numbers are at most 1, they are fractions of the
            picture's width and height, otherwise pixels.
        width, height: Size, in the same units.
        span: When the object is there; None: always.

    Raises:
        SoundsiftError: If the box is empty or begins outside the picture.
    """

    x: float
    y: float
    width: float
    height: float
    span: Span | None = None

    def __post_init__(self) -> None:
        numbers = (self.x, self.y, self.width, self.height)
        if not (all(map(isfinite, numbers)) and min(numbers[:2]) >= 0 < min(numbers[2:])):
            raise SoundsiftError(
                f"box {self}: x and y from 0 on, width and height above 0 were expected."
            )

    def __str__(self) -> str:
        numbers = ",".join(f"{n:g}" for n in (self.x, self.y, self.width, self.height))
        return numbers if self.span is None else f"{numbers}@{self.span}"

    @classmethod
    def parse(cls, text: str) -> "Box":
        """Read a box as people write it.

        Args:
            text: "x,y,width,height", as in "120,40,200,180" (pixels) or "0.25,0.1,0.5,0.6"
                (fractions), and "120,40,200,180@1.5-3" for a part of the video.

        Returns:
            The box.

        Raises:
            SoundsiftError: If the text is no box, or an impossible one.
        """
        match = _BOX.fullmatch(text)
        if match is None:
            raise SoundsiftError(
                f"box {text!r} can't be read; x,y,width,height in pixels or fractions of the "
                "picture was expected, as in 120,40,200,180 or 0.25,0.1,0.5,0.6@1.5-3."
            )
        x, y, width, height = map(float, match.groups()[:4])
        span = None if match[5] is None else Span.parse(match[5])
        return cls(x, y, width, height, span)

    def covers(self, time: Fraction) -> bool:
        """Whether the box counts at a time in seconds; a span's end is not part of it."""
        # By way of decimals: 0.28 as a binary float lies after the frame that is shown at 7 / 25 s.
        span = self.span
        return span is None or Fraction(str(span.start)) <= time < Fraction(str(span.end))

    def area(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of the box in a picture, at least one of each.

        Raises:
            SoundsiftError: If the box reaches beyond the picture.
        """
        fractions = max(self.x, self.y, self.width, self.height) <= 1
        across, down = (width, height) if fractions else (1, 1)
        left, right = round(self.x * across), round((self.x + self.width) * across)
        top, bottom = round(self.y * down), round((self.y + self.height) * down)
        if right > width or bottom > height or left >= width or top >= height:
            raise SoundsiftError(
                f"box {self} reaches beyond the picture, which is {width} pixels wide and {height} "
                "high."
            )
        return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


@dataclass(frozen=True)
class VisualPrompt:
    """Where the object that is heard can be seen.

    Attributes:
        boxes: around the object.
        masks: a path for `read_masks`, or an array `(frames, height, width)`; instead of boxes.
        video: the file; None: that of the recording.

    Raises:
        SoundsiftError: If there are neither boxes nor masks, or both.
    """

    boxes: tuple[Box, ...] = ()
    masks: str | Path | np.ndarray | None = None
    video: str | Path | None = None

    def __post_init__(self) -> None:
        if bool(self.boxes) == (self.masks is not None):
            raise SoundsiftError(
                "a visual prompt takes either boxes or masks that mark the object; exactly one of "
                "the two was expected."
            )

    def described(self) -> str:
        """In a line, for settings."""
        marks = " ".join(map(str, self.boxes))
        if self.masks is not None:
            marks = "masks" if isinstance(self.masks, np.ndarray) else f"masks {self.masks}"
        return marks if self.video is None else f"{marks} in {self.video}"

    def frames(self, recording: Path | None) -> Iterator[VideoFrame]:
        """The object alone, picture by picture.

        Args:
            recording: the file to take the video from if none was named.

        Raises:
            SoundsiftError: If there is no video, or the region does not fit it.
        """
        path = self.video or recording
        if path is None:
            raise SoundsiftError("a visual prompt needs a video; samples alone have none.")
        frames = read_video(path)
        if self.masks is None:
            return keep_boxes(frames, self.boxes)
        masks = self.masks if isinstance(self.masks, np.ndarray) else read_masks(self.masks)
        return keep_masks(frames, masks)


def read_video(path: str | Path) -> Iterator[VideoFrame]:
    """Read the pictures of a video in any format that FFmpeg knows, one by one.

    Time 0 is the first sample of the sound track, as in `soundsift.audio.read`, or the first
    picture where there is no sound. Pictures that are marked as rotated are turned upright.

    Args:
        path: The file; an image is a video of one picture.

    Returns:
        The frames in order of time.

    Raises:
        SoundsiftError: If the file can't be opened or has no video; while reading, if no picture
            can be decoded.
    """
    path = Path(path)
    try:
        # `file:` and the whitelist: a playlist must not make us open other files or the network.
        container = av.open(
            f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SoundsiftError(
            f"{path} can't be read as video: it does not exist, is no video, or its header is "
            "damaged or cut off."
        ) from error
    # The cover of a music file is a "video" stream, too.
    cover = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        container.close()
        raise SoundsiftError(f"{path} has no video; a file with moving pictures was expected.")
    return _decode(path, container, streams[0])


def keep_boxes(frames: Iterable[VideoFrame], boxes: Sequence[Box]) -> Iterator[VideoFrame]:
    """Blacken everything outside of the boxes that count at a frame's time.

    Args:
        frames: The video.
        boxes: One or several; where no box counts, the object is not in view and the whole picture
            black.

    Returns:
        The video of the object alone.

    Raises:
        SoundsiftError: While reading, if a box reaches beyond the picture; at the end, if the video
            has no picture in the time of one.
    """
    unused = list(boxes)
    for frame in frames:
        kept = np.zeros_like(frame.pixels)
        for box in boxes:
            if box.covers(frame.time):
                area = box.area(*frame.pixels.shape[:2])
                kept[area] = frame.pixels[area]
                unused = [b for b in unused if b is not box]
        yield replace(frame, pixels=kept)
    if unused:
        raise SoundsiftError(f"box {unused[0]}: the video has no picture in that time.")


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
    remaining = iter(masks)
    first, second = next(remaining, None), next(remaining, None)
    if first is None:
        raise SoundsiftError("there are no masks; one per picture, or one for all, was expected.")
    remaining = repeat(first) if second is None else chain((first, second), remaining)
    marked = False
    count = 0
    for frame in frames:
        mask = next(remaining, None)
        if mask is None:
            raise SoundsiftError(
                f"there are {count} masks, but more pictures; one per picture, or one for all, was "
                "expected."
            )
        if mask.shape != frame.pixels.shape[:2]:
            raise SoundsiftError(
                f"a mask has shape {mask.shape}; {frame.pixels.shape[:2]}, the height and width of "
                "the video, was expected."
            )
        count += 1
        kept = mask != 0
        marked = marked or bool(kept.any())
        yield replace(frame, pixels=frame.pixels * kept[..., None])
    if second is not None and next(remaining, None) is not None:
        raise SoundsiftError(
            f"there are more masks than the video's {count} pictures; one per picture, or one for "
            "all, was expected."
        )
    if not marked:
        raise SoundsiftError(
            "the masks mark nothing; the object was expected to be white, or not 0 in an array."
        )


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
        files = sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith("."))
        if not files:
            raise SoundsiftError(f"{path} is an empty folder; mask images were expected in it.")
        return chain.from_iterable(map(read_masks, files))
    if path.suffix.lower() != ".npy":
        return (frame.pixels.max(axis=2) >= _OBJECT for frame in read_video(path))
    try:
        masks = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise SoundsiftError(f"{path} can't be read; a NumPy array was expected.") from error
    if masks.ndim not in (2, 3):
        raise SoundsiftError(
            f"{path} has shape {masks.shape}; (frames, height, width) or (height, width) was "
            "expected."
        )
    return (mask != 0 for mask in (masks if masks.ndim == 3 else masks[None]))


def pair_by_time(
    frames: Iterable[VideoFrame], latent_frames: int, frame_rate: int = FRAME_RATE
) -> Iterator[Pair]:
    """Give every latent frame the picture that is nearest in time; of two as near, the earlier.

    Latent frame i is at i / `frame_rate` seconds. More than a second before the first picture and
    after the last there is no video, and no pair. (The authors' code goes on with the last one.)

    Args:
        frames: The video in order of time.
        latent_frames: Length of the recording in latent frames.
        frame_rate: Latent frames per second.

    Returns:
        Pictures that serve at least one latent frame, in order.
    """
    start = 0
    current: VideoFrame | None = None
    for frame in frames:
        if current is None:
            start = max(0, ceil((frame.time - _HOLD) * frame_rate))
        elif frame.time <= current.time:
            continue
        else:
            stop = min(floor((current.time + frame.time) / 2 * frame_rate) + 1, latent_frames)
            if start < stop:
                yield current.pixels, range(start, stop)
                start = stop
        current = frame
    if current is not None:
        end = current.time + current.duration + _HOLD
        stop = min(floor(end * frame_rate) + 1, latent_frames)
        if start < stop:
            yield current.pixels, range(start, stop)


def pair_evenly(pictures: Sequence[np.ndarray], latent_frames: int) -> Iterator[Pair]:
    """Spread pictures without times over a recording: the first at its start, the last at its end.

    Args:
        pictures: `(count, height, width, 3)`, uint8.
        latent_frames: Length of the recording in latent frames.

    Returns:
        Pictures that serve at least one latent frame, in order.
    """
    steps = max(latent_frames - 1, 1)
    # Halves go to the even picture, as in the authors' code.
    nearest = [round(Fraction(i * (len(pictures) - 1), steps)) for i in range(latent_frames)]
    start = 0
    for stop in range(1, latent_frames + 1):
        if stop == latent_frames or nearest[stop] != nearest[start]:
            yield pictures[nearest[start]], range(start, stop)
            start = stop


@torch.inference_mode()
def video_features(
    tower: PeVision,
    pairs: Iterable[Pair],
    latent_frames: int,
    *,
    batch_size: int = 8,
    dtype: torch.dtype | None = None,
    progress: Callable[[float], None] | None = None,
) -> Tensor:
    """Encode the pictures of a video, each distinct one once.

    Most of the time of a visual prompt goes here. Pictures that are the same after resizing, such
    as all in which the object is not in view, are encoded once.

    Args:
        tower: The image tower, in eval mode.
        pairs: Pictures and the latent frames that they serve.
        latent_frames: Length of the recording in latent frames.
        batch_size: Pictures that go through the tower together.
        dtype: What products run in, float32 or bfloat16; None: bfloat16 where the hardware has it.
        progress: Called with the fraction of the latent frames that have been dealt with.

    Returns:
        `(latent_frames, out_dim)`, float32, on the tower's device; unit vectors, and zero where
        there is no video. `Conditioning.video` in `soundsift.models.velocity_field` is a batch of
        these.
    """
    device = tower.positions.device
    if dtype is None:
        dtype = pick_dtype(device)
    encoded: list[Tensor] = []
    waiting: list[Tensor] = []
    places: dict[bytes, int] = {}
    # Which distinct picture serves a latent frame; the one after the last is "no video".
    index = torch.full((latent_frames,), -1)

    def encode() -> None:
        if waiting:
            batch = normalise_pictures(torch.stack(waiting).to(device))
            with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
                encoded.append(tower(batch))
            waiting.clear()

    for pixels, served in pairs:
        square = resize_picture(
            torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1), tower.config.image_size
        )
        key = hashlib.blake2b(square.numpy().tobytes(), digest_size=16).digest()
        if key not in places:
            places[key] = len(places)
            waiting.append(square)
        index[served.start : served.stop] = places[key]
        if len(waiting) == batch_size:
            encode()
            if progress is not None:
                progress(served.stop / latent_frames)
    encode()
    if progress is not None:
        progress(1.0)
    nothing = torch.zeros(1, tower.config.out_dim, device=device)
    return torch.cat((*encoded, nothing))[index.to(device)]


def _decode(path: Path, container: Any, stream: Any) -> Iterator[VideoFrame]:
    """Frames of an open container, which is closed at the end."""
    with container:
        stream.thread_type = "AUTO"
        sound = container.streams.best("audio")
        zero: Fraction | None = None
        if sound is not None:
            # A negative start is the encoder's delay, which decoders drop.
            zero = max(Fraction(0), (sound.start_time or 0) * Fraction(sound.time_base))
        count = 0
        for frame in _pictures(container, stream):
            time = _time(frame, stream, count)
            if zero is None:
                zero = time
            count += 1
            duration = Fraction(frame.duration or 0) * Fraction(stream.time_base)
            yield VideoFrame(time - zero, _upright(frame), duration)
        if count == 0:
            raise SoundsiftError(f"{path} is damaged: none of its pictures can be decoded.")


def _pictures(container: Any, stream: Any) -> Iterator[Any]:
    """Decoded pictures; damaged packets are left out, and a file that is cut off just ends."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue


def _time(frame: Any, stream: Any, number: int) -> Fraction:
    """When a picture is shown, in the container's time."""
    if frame.pts is not None:
        return Fraction(frame.pts) * Fraction(frame.time_base or stream.time_base)
    return number / Fraction(stream.average_rate or FRAME_RATE)


def _upright(frame: Any) -> np.ndarray:
    """Pixels `(height, width, 3)` of a picture, turned as the file says."""
    pixels: np.ndarray = frame.to_ndarray(format="rgb24")
    quarters, rest = divmod(frame.rotation, 90)
    return np.rot90(pixels, quarters) if rest == 0 else pixels

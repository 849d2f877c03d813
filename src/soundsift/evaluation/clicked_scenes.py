"""Scenes of two objects in a video that sound at the same time, to measure clicks by the sound.

Each object is a picture that stands still on a textured background and hops while its sound is
heard. Sounds come from one split of a sound bank. Everything follows from the scene's number and
kind:

- two kinds: the objects differ (a cow and a trumpet);
- one kind: both look and sound alike, and only their motion tells which of them is heard when;
- one moves: the same, and the object that was not clicked stands still;
- wrong object: the clicked object makes no sound, the other one does;
- off screen: the clicked object makes no sound and is alone; another sound comes from elsewhere.

In the last two, the clicked object hops in scenes of even numbers and stands still in others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import av
import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip, Samples
from soundsift.evaluation.click_clips import draw, make_background, smoothed
from soundsift.optional import library
from soundsift.video.points import Point

HEIGHT, WIDTH, RATE, SECONDS = 180, 320, 12.5, 5.0

SceneKind = Literal["two kinds", "one kind", "one moves", "wrong object", "off screen"]
KINDS: tuple[SceneKind, ...] = get_args(SceneKind)

#: Times at which a sound may begin, and its longest duration.
_SLOTS, _LONGEST = (0.3, 1.5, 2.7, 3.9), 0.9
_SHORTEST = 0.25
_FADE = round(0.02 * SAMPLE_RATE)
#: Level of each sound in dB full scale, and how much the second one differs.
_LEVEL_DB, _SPREAD_DB = -26.0, 3.0
#: Height of a hop in sizes of the object, hops a second, and how far it leans, in degrees.
_HOP, _HOPS, _LEAN = 0.15, 3.0, 8.0


@dataclass(frozen=True)
class ClickedScene:
    """A video of objects, two sounds, and a click on the first object.

    Attributes:
        number: which one it is.
        texts: canonical captions of the two objects; equal in scenes of one kind.
        pictures: `(frames, height, width, 3)`, uint8, `RATE` a second.
        waves: `(2, samples)`, float32, at 48 kHz: the sounds; their sum is the mixture. The first
            is silent where the clicked object makes no sound.
        point: on the first object.
    """

    number: int
    texts: tuple[str, str]
    pictures: np.ndarray
    waves: Samples
    point: Point


def make_scene(
    number: int, kind: SceneKind, objects: Mapping[str, Sequence[np.ndarray]], bank: Bank
) -> ClickedScene:
    """A scene.

    Args:
        number: seeds everything in it.
        kind: what happens in it.
        objects: for each concept pictures `(height, width, 4)`, uint8, with transparency.
        bank: its clips of these concepts are heard.
    """
    cv2 = library("cv2", "synthetic scenes", "visual")
    rng = np.random.default_rng([21, number, KINDS.index(kind)])
    one_kind = kind in ("one kind", "one moves")
    silent = kind in ("wrong object", "off screen")
    names = sorted(objects)
    first, second = (str(name) for name in rng.choice(names, 2, replace=False))
    texts = (first, first if one_kind else second)
    # In scenes of one kind each has slots of its own; of two kinds, one slot is shared.
    order = [int(slot) for slot in rng.permutation(len(_SLOTS))]
    slots = (order[:2], order[2:]) if one_kind else (order[:2], order[1:3])
    waves, spans = [], []
    used: set[str] = set()
    for text, own in zip(texts, slots, strict=True):
        wave, heard = _sound(rng, bank, text, sorted(own), used)
        waves.append(wave)
        spans.append(heard)
    waves[1] *= 10 ** (rng.uniform(-_SPREAD_DB, _SPREAD_DB) / 20)
    if silent:
        waves[0][:] = 0
        if number % 2:
            spans[0] = []
    if kind == "one moves":
        spans[1] = []
    places = ((0.27, 0.55), (0.73, 0.55)) if rng.random() < 0.5 else ((0.73, 0.55), (0.27, 0.55))
    size = 0.5 * HEIGHT
    shown = texts[:1] if kind == "off screen" else texts
    seen = [smoothed(objects[t][int(rng.integers(len(objects[t])))], size, cv2) for t in shown]
    background = make_background(rng, cv2)[:HEIGHT, :WIDTH]
    frames = round(SECONDS * RATE)
    pictures = np.empty((frames, HEIGHT, WIDTH, 3), np.uint8)
    point = None
    for index in range(frames):
        time = index / RATE
        picture = background.astype(np.float32)
        for number_seen, (drawn, place, own_spans) in enumerate(
            zip(seen, places, spans, strict=False)
        ):
            acting = any(start <= time < stop for start, stop in own_spans)
            phase = 2 * np.pi * _HOPS * time * acting
            middle = np.array(place) * (WIDTH, HEIGHT)
            middle[1] -= _HOP * size * abs(np.sin(phase))
            alpha = draw(picture, drawn, size, middle, _LEAN * np.sin(phase), 0.0, cv2)
            if index == 0 and number_seen == 0:
                depth = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
                row, column = np.unravel_index(int(depth.argmax()), depth.shape)
                point = Point(0.0, float(column) + 0.5, float(row) + 0.5)
        pictures[index] = picture.round().astype(np.uint8)
    assert point is not None
    return ClickedScene(number, texts, pictures, np.stack(waves), point)


def write_scene(scene: ClickedScene, path: Path) -> Path:
    """Write the pictures as H.264; the mixture goes beside them as samples."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(25, 2), options={"crf": "20"})
        stream.height, stream.width = HEIGHT, WIDTH
        stream.pix_fmt = "yuv420p"
        for picture in scene.pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def _sound(
    rng: np.random.Generator, bank: Bank, text: str, slots: Sequence[int], used: set[str]
) -> tuple[Samples, list[tuple[float, float]]]:
    """Clips of a concept at some slots, and when they are heard."""
    clips = [c for c in bank.clips if c.concept == text and c.seconds >= _SHORTEST]
    fresh = [clip for clip in clips if clip.path not in used] or clips
    wave = np.zeros(round(SECONDS * SAMPLE_RATE), np.float32)
    heard = []
    for slot in slots:
        clip: Clip = fresh[int(rng.integers(len(fresh)))]
        used.add(clip.path)
        own = np.array(bank.audio(clip, most=round(_LONGEST * SAMPLE_RATE)), np.float32)
        own *= 10 ** (_LEVEL_DB / 20) / max(float(np.sqrt(np.mean(own**2))), 1e-6)
        own[-_FADE:] *= np.linspace(1, 0, _FADE, dtype=np.float32)
        begin = _SLOTS[slot] + float(rng.uniform(0, 0.15))
        first = round(begin * SAMPLE_RATE)
        wave[first : first + len(own)] += own[: len(wave) - first]
        heard.append((begin, begin + len(own) / SAMPLE_RATE))
    return wave, heard

"""Questions by an example from elsewhere in a scene, in the form in which separation asks them.

A marked moment with a little around it stands in front of a window that has no mark of its own
(`soundsift.separation.example_prompt`). A scene is drawn longer than a window, the example is cut
out of it, and the window lies before or after it. Some sources are heard in a part of the scene
only: a window without the sound is to be answered with silence.

Lengths are latent frames.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from soundsift.config import FRAME_RATE, SAMPLE_RATE
from soundsift.data.drawn import DrawnScene, DrawnSource, Edge
from soundsift.data.scene import MeasuredScene, Query, heard_in
from soundsift.data.scenes import draw_phrase
from soundsift.spans import LONGEST_MARK, Span, frame_anchors, marked_stretch

#: What a scene is longer than a window, in seconds, and the shortest window with its example.
SPARE_SECONDS, SHORTEST_SECONDS = 4.0, 4.0

_ATTEMPTS = 8
_TEXT = 0.35
_FADE_SECONDS = 0.05
#: The most that an edge of a mark is off, and the shortest mark, in seconds.
_OFF, _SHORTEST_MARK = 0.1, 0.04
#: Frames on either side of a mark, usually, and at most where more are shown.
_AROUND, _WIDEST = 12, 37


def with_transients(scene: DrawnScene, share: float, rng: np.random.Generator) -> DrawnScene:
    """The same scene with some sources that begin late or end early.

    Args:
        scene: the scene.
        share: the probability of each source.
        rng: random numbers.
    """
    samples = scene.samples
    sources = tuple(_cut(s, samples, rng) if rng.random() < share else s for s in scene.sources)
    return replace(scene, sources=sources)


def _cut(source: DrawnSource, samples: int, rng: np.random.Generator) -> DrawnSource:
    at = int(rng.uniform(0.2, 0.8) * samples)
    edge = Edge(at, _FADE_SECONDS * SAMPLE_RATE, rises=bool(rng.random() < 0.5))
    return replace(source, transient=edge)


def query_by_example(
    scene: MeasuredScene,
    length: int,
    rng: np.random.Generator,
    favourite: int = 0,
    p_wide_context: float = 0.0,
) -> Query:
    """Ask for a source in one part of a scene by an example of it from another part.

    Args:
        scene: the scene, some seconds longer than `length`.
        length: frames of example and window together.
        rng: random numbers.
        favourite: the source to ask for, if there is a place for its example.
        p_wide_context: probability that more of what surrounds the mark is shown.

    Returns:
        The question; one by text alone about the beginning if no example can be cut out.
    """
    samples = scene.samples
    frames = -(-samples * FRAME_RATE // SAMPLE_RATE)
    # Without it, the random numbers stay what they were.
    around = _around(length, rng) if p_wide_context and rng.random() < p_wide_context else _AROUND
    heard: dict[int, list[tuple[float, float]]] = {}
    for attempt in range(_ATTEMPTS):
        # The favourite has half of the attempts.
        wanted = favourite if attempt < _ATTEMPTS // 2 else int(rng.choice(scene.named))
        if wanted not in heard:
            heard[wanted] = heard_in(scene, (wanted,))
        spans = _occurrence(heard[wanted], samples / SAMPLE_RATE, rng)
        parts = _parts(spans, frames, length, around, rng)
        if parts:
            text = draw_phrase(scene.sources[wanted].clip, rng) if rng.random() < _TEXT else None
            return Query(text, spans, (wanted,), example=True, parts=parts)
    phrase = draw_phrase(scene.sources[favourite].clip, rng)
    return Query(phrase, (), (favourite,), parts=((0, length),))


def _occurrence(
    active: list[tuple[float, float]], duration: float, rng: np.random.Generator
) -> tuple[Span, ...]:
    """Mark one occurrence of a sound from beginning to end, edges a little off; none for silence.

    All of it: around it frames are unmarked, and that the sound is not heard in them tells it from
    others that are.
    """
    if not active:
        return ()
    edges = np.array(active[int(rng.integers(len(active)))]) + rng.uniform(-_OFF, _OFF, 2)
    start, end = np.round(edges.clip(0, duration), 3).tolist()
    return (Span(start, end),) if end - start >= _SHORTEST_MARK else ()


def _around(length: int, rng: np.random.Generator) -> int:
    """Frames on either side of a mark; half of the length, about, is left to the window."""
    room = (length // 2 - LONGEST_MARK) // 2
    return max(_AROUND, min(room, int(rng.integers(_AROUND, _WIDEST + 1))))


def _parts(
    spans: tuple[Span, ...], frames: int, length: int, around: int, rng: np.random.Generator
) -> tuple[tuple[int, int], ...]:
    """Example and window; empty if the example leaves no room for a window."""
    stretch = marked_stretch(frame_anchors(spans, frames), around)
    if stretch is None:
        return ()
    start, end = stretch
    window = length - (end - start)
    # Ranges in which a window can begin, before and after the example.
    ranges = [(0, start - window), (end, frames - window)]
    ranges = [(low, high) for low, high in ranges if high >= low]
    if not ranges:
        return ()
    low, high = ranges[int(rng.integers(len(ranges)))]
    begin = int(rng.integers(low, high + 1))
    return (stretch, (begin, begin + window))

"""What a model without a vision encoder learns from a visual prompt: a phrase and spans.

The object is named by what it looks like (`soundsift.segmentation.naming`) unless the prompt has
text, and it acts when it moves (`soundsift.segmentation.motion`). Where its motion and the sound
agree, the times at which it moves become spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import Any, Literal

import numpy as np

from soundsift.config import FRAME_RATE
from soundsift.errors import SoundsiftError
from soundsift.models.components import ModelComponents
from soundsift.prompts import Prompt
from soundsift.separation.codec_input import AnyRecording, latent_frames
from soundsift.separation.listener import Listener
from soundsift.separation.part import RecordingPart
from soundsift.spans import Span

Agreement = Literal["agrees", "unclear", "disagrees"]
"""Whether the object moves when its sound is heard."""

#: How surely motion and sound fit in time, and don't.
_AGREES_FROM, _DISAGREES_BELOW = 0.8, 0.15
#: With less of the sound during motion, of all that there is, the two don't belong together.
_HEARD = 0.2
#: From here on, the sound is taken to be silent where the object does not move.
_SURE_FROM = 0.85
#: Motion and sound may be so far apart, in seconds; alignments nearer than this are the true one.
_LAG, _NEAR = 0.08, 0.3
#: Levels so far below the highest one in dB are silence.
_QUIETEST = 40.0
#: Around the beginning of motion, in seconds, in which the sound is expected to begin.
_ONSET = 0.16
#: Sounds go on for a while after the motion that makes them, and begin a little before it is seen.
_BEFORE, _AFTER = 0.08, 0.2
#: Seconds after and before motion in which nothing is said.
_OPEN = 0.5


@dataclass(frozen=True)
class Sight:
    """What is seen of the object.

    Attributes:
        text: the phrase for it; None if it can't be named.
        names: phrases with probabilities, the most probable first; empty if text was given.
        speed: `(frames,)`: how fast it moves, in its own widths a second.
        spans: when it acts; none if it does not move in bursts.
        seen: share of the frames in which it is in view.
        lost: (start, end) in seconds of the times at which the followed object was lost.
    """

    text: str | None
    names: tuple[tuple[str, float], ...]
    speed: np.ndarray
    spans: tuple[Span, ...]
    seen: float
    lost: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class SeenSound:
    """A sight compared with the sound.

    Attributes:
        sight: what is seen.
        score: how surely motion and sound fit in time, 0 to 1: how improbable it is that they do
            so by chance; None where the object does not move in bursts.
        agreement: the same in a word.
    """

    sight: Sight
    score: float | None
    agreement: Agreement

    @property
    def spans(self) -> tuple[Span, ...]:
        """Marks: + where the object acts, - well away from it if motion and sound fit well."""
        if self.score is None or self.agreement == "disagrees":
            return ()
        if self.agreement == "unclear" and self.sight.text is not None:
            return ()
        end = len(self.sight.speed) / FRAME_RATE
        heard = _joined(
            [(max(0.0, s.start - _BEFORE), min(end, s.end + _AFTER)) for s in self.sight.spans]
        )
        marks = [Span(start, stop) for start, stop in heard]
        if self.score >= _SURE_FROM:
            edges = [-_OPEN, *(time for pair in heard for time in pair), end + _OPEN]
            for start, stop in zip(edges[::2], edges[1::2], strict=True):
                quiet = max(0.0, start + _OPEN), min(end, stop - _OPEN)
                if quiet[1] - quiet[0] >= _OPEN:
                    marks.append(Span(*quiet, positive=False))
        return tuple(marks)

    def described(self, offset: float = 0.0) -> dict[str, Any]:
        """The same for settings and JSON.

        Args:
            offset: seconds of the recording before the part that was looked at.
        """
        return {
            "name": self.sight.text,
            "names": [list(name) for name in self.sight.names[:3]],
            "moves": [
                [round(s.start + offset, 3), round(s.end + offset, 3)] for s in self.sight.spans
            ],
            "in_view": round(self.sight.seen, 3),
            "lost": [list(times) for times in self.sight.lost],
            "agreement": self.agreement,
            "agreement_score": None if self.score is None else round(self.score, 3),
        }


def see(
    model: ModelComponents, recording: AnyRecording, prompts: Sequence[Prompt]
) -> list[Sight | None]:
    """What is seen of each visual prompt; None for other prompts and models that look themselves.

    Args:
        model: the model.
        recording: the recording or a part of it.
        prompts: all prompts; those of one click follow the object once.

    Raises:
        SoundsiftError: as for `look`.
    """
    looked: dict[tuple[str, str | None, bool], Sight] = {}
    sights: list[Sight | None] = []
    for prompt in prompts:
        if prompt.visual is None or model.vision_encoder is not None:
            sights.append(None)
            continue
        key = prompt.visual.described(), prompt.text, bool(prompt.spans)
        if key not in looked:
            looked[key] = look(prompt, recording, latent_frames(model.codec, recording))
        sights.append(looked[key])
    return sights


def compare_all(
    sights: Sequence[Sight | None],
    prompts: Sequence[Prompt],
    listener: Listener | None,
    recording: AnyRecording,
) -> list[SeenSound | None]:
    """What is seen, compared with what is heard.

    Args:
        sights: from `see`.
        prompts: the prompts with their phrases.
        listener: has listened to the mixture; None if the model cannot hear.
        recording: the recording or a part of it.

    Raises:
        SoundsiftError: an object can't be named and does not move when anything is heard.
    """
    if all(sight is None for sight in sights):
        return [None] * len(sights)
    rows = {} if listener is None else listener.probabilities()
    findings = [None] * len(sights) if listener is None else listener.findings()
    levels: np.ndarray | None = None
    seen: list[SeenSound | None] = []
    for sight, prompt, finding in zip(sights, prompts, findings, strict=True):
        if sight is None:
            seen.append(None)
            continue
        if levels is None:
            levels = frame_levels(recording, len(sight.speed))
        heard = [rows[phrase.text] for phrase in prompt.parts() if phrase.text in rows]
        absent = finding is not None and finding.presence == "absent"
        one = compare(sight, levels, heard, absent)
        if prompt.text is None and not prompt.spans and not one.spans:
            raise SoundsiftError(
                "It can't be told what the object in the video is, and it does not move when "
                "something is heard. Say what it is with text, or mark when it is heard."
            )
        seen.append(one)
    return seen


def look(prompt: Prompt, recording: AnyRecording, frames: int) -> Sight:
    """See the object of a visual prompt.

    Args:
        prompt: with a visual prompt.
        recording: the recording or a part of it, with a file.
        frames: its latent frames.

    Raises:
        SoundsiftError: the video or the region cannot be used, a library is missing, or the object
            can be neither named nor seen to act.
    """
    # Imported here: most separations have no video.
    from soundsift.segmentation.motion import KEPT_SIDE, bursts, region_motion
    from soundsift.segmentation.naming import SURE_FROM, name_object
    from soundsift.segmentation.regions import Region

    assert prompt.visual is not None
    part = recording if isinstance(recording, RecordingPart) else None
    first = 0 if part is None else round(part.start / part.sample_rate * FRAME_RATE)
    region = Region(prompt.visual, recording.path)
    motion = region_motion(region.marked(KEPT_SIDE), first + frames)
    speed, seen = motion.speed[first:], motion.seen[first:]
    names: tuple[tuple[str, float], ...] = ()
    text = prompt.text
    if text is None:
        names = tuple((one.text, one.probability) for one in name_object(motion.pictures))
        text = names[0][0] if names and names[0][1] >= SURE_FROM else None
    spans = bursts(speed)
    if text is None and not spans and not prompt.spans:
        guesses = ", ".join(f"{name!r} ({share:.2f})" for name, share in names[:3])
        raise SoundsiftError(
            "It can't be told what the object in the video is, nor when it acts. Say what it is "
            f"with text{f'; it may be {guesses}' if guesses else ''}."
        )
    lost = () if region.track is None else tuple(region.track.lost())
    return Sight(text, names, speed, spans, float(seen.mean()) if frames else 0.0, lost)


def compare(
    sight: Sight, levels: np.ndarray, heard: Sequence[np.ndarray], absent: bool
) -> SeenSound:
    """Compare what is seen with what is heard.

    Args:
        sight: what is seen.
        levels: `(frames,)`: level of the mixture in dB.
        heard: for each phrase of the prompt, the probability that a frame holds its sound,
            `(frames,)`; none if the model cannot hear.
        absent: whether the sound is probably not in the recording at all.
    """
    if not sight.spans:
        return SeenSound(sight, None, "disagrees" if absent else "unclear")
    # A sound that is not recognised says nothing of when it is heard; the level still does.
    rows = [np.max(np.stack(list(heard)), axis=0)] if heard and not absent else []
    rows = [row[: len(sight.speed)] for row in (*rows, levels)]
    score = max(max(_fit(sight.spans, row), _begins(sight.spans, row)) for row in rows)
    present = max(_present(sight.spans, row) for row in rows)
    if score < _DISAGREES_BELOW or present < _HEARD or (absent and score < _AGREES_FROM):
        return SeenSound(sight, score, "disagrees")
    return SeenSound(sight, score, "agrees" if score >= _AGREES_FROM else "unclear")


def frame_levels(recording: AnyRecording, frames: int) -> np.ndarray:
    """Level of each latent frame of a recording in dB, `(frames,)`."""
    energy = np.zeros(frames + 1)
    position = 0
    for block in recording.blocks():
        count = block.shape[1]
        index = (np.arange(position, position + count) * FRAME_RATE) // recording.sample_rate
        squares = np.square(block, dtype=np.float64).mean(axis=0)
        energy += np.bincount(np.minimum(index, frames), squares, frames + 1)
        position += count
    power = energy[:frames] * FRAME_RATE / recording.sample_rate
    levels: np.ndarray = 10 * np.log10(power + 1e-9)
    return levels


def named(prompt: Prompt, sight: Sight) -> Prompt:
    """The prompt with the phrase for what is seen, unless it has text."""
    return prompt if prompt.text is not None else replace(prompt, text=sight.text)


def _fit(spans: Sequence[Span], sound: np.ndarray) -> float:
    """How well motion fits a sound in time, compared with all other alignments of the two.

    An alignment fits if there is much of the sound during motion, and if it begins when motion
    begins. A second object that sounds at other times leaves that as it is.

    Args:
        spans: when the object moves.
        sound: `(frames,)`: level or probability.

    Returns:
        The share of alignments, all circular shifts, that fit less well than the true one.
    """
    frames = len(sound)
    moving, begins = np.zeros((2, frames))
    for span in spans:
        first, stop = round(span.start * FRAME_RATE), round(span.end * FRAME_RATE)
        moving[max(0, first) : stop] = 1
        reach = round(_ONSET * FRAME_RATE)
        begins[max(0, first - reach) : first + reach + 1] = 1
    clear = np.maximum(sound, sound.max(initial=0.0) - _QUIETEST)
    fits = _correlation(moving, clear) + _correlation(begins, _rises(sound))
    lag, near = round(_LAG * FRAME_RATE), round(_NEAR * FRAME_RATE)
    best = np.max([np.roll(fits, shift) for shift in range(-lag, lag + 1)], axis=0)
    others = best[near : frames - near + 1]
    return float(np.mean(others < best[0])) if len(others) else 0.5


def _present(spans: Sequence[Span], sound: np.ndarray) -> float:
    """How much of a sound there is during motion: 0 as little as ever, 1 as much as ever."""
    clear = np.maximum(sound, sound.max(initial=0.0) - _QUIETEST)
    own = [clear[round(s.start * FRAME_RATE) : round(s.end * FRAME_RATE)] for s in spans]
    during = np.concatenate(own) if own else clear
    extent = float(np.ptp(clear)) if len(clear) else 0.0
    return 1.0 if extent == 0 or not len(during) else float((during.mean() - clear.min()) / extent)


def _begins(spans: Sequence[Span], sound: np.ndarray) -> float:
    """How improbable it is that so many spans begin with the sound by chance, 0 to 1."""
    frames = len(sound)
    rises = _rises(sound)
    if not rises.any():
        return 0.0
    reach = round(_ONSET * FRAME_RATE)
    strong = rises >= 0.5 * np.quantile(rises[rises > 0], 0.95)
    near = np.convolve(strong, np.ones(2 * reach + 1), "same")[:frames] > 0
    starts = [min(round(span.start * FRAME_RATE), frames - 1) for span in spans]
    hits, share = int(near[starts].sum()), float(near.mean())
    as_many = sum(
        comb(len(starts), count) * share**count * (1 - share) ** (len(starts) - count)
        for count in range(hits, len(starts) + 1)
    )
    return 1.0 - float(as_many)


def _rises(sound: np.ndarray) -> np.ndarray:
    """How much a sound rises around each frame, over 0.16 s."""
    clear = np.maximum(sound, sound.max(initial=0.0) - _QUIETEST)
    rises: np.ndarray = np.maximum(np.roll(clear, -2) - np.roll(clear, 2), 0)
    rises[:2] = rises[-2:] = 0
    return rises


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation coefficient of two rows for every circular shift of the second."""
    one, two = (row - row.mean() for row in (first, second))
    scale = float(np.linalg.norm(one) * np.linalg.norm(two))
    if scale == 0:
        return np.zeros(len(first))
    product = np.conj(np.fft.rfft(one)) * np.fft.rfft(two)
    found: np.ndarray = np.fft.irfft(product, len(first)) / scale
    return found


def _joined(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans in order with those that touch made one."""
    joined: list[tuple[float, float]] = []
    for start, stop in pairs:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined

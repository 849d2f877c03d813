"""What the network hears, as answers: when a sound occurs, and how surely it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soundsift.config import FRAME_RATE, HearingCalibration

Presence = Literal["sure", "unsure", "absent"]


@dataclass(frozen=True)
class Occurrence:
    """A stretch of time in which a sound is heard.

    Attributes:
        start: seconds from the beginning.
        end: seconds, after the start.
        probability: of the surest moment in it, 0 to 1.
        sure: whether that is enough to be sure.
    """

    start: float
    end: float
    probability: float
    sure: bool


@dataclass(frozen=True)
class Finding:
    """What was heard of one sound in a recording.

    Attributes:
        found: occurrences in order of time; none if the sound is probably absent.
        confidence: the probability that the sound is in the recording at all, 0 to 1.
        presence: the same in a word.
    """

    found: tuple[Occurrence, ...]
    confidence: float
    presence: Presence

    def described(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "found": [asdict(occurrence) for occurrence in self.found],
            "confidence": self.confidence,
            "presence": self.presence,
        }


class Found:
    """Results that say when their sound was heard, from their `finding`."""

    finding: Finding | None

    @property
    def found(self) -> tuple[Occurrence, ...]:
        """When the sound was heard; none if it is probably not in the recording."""
        return () if self.finding is None else self.finding.found

    @property
    def confidence(self) -> float | None:
        """The probability that the sound is in the recording, 0 to 1; None if unknown.

        Unknown are prompts without text, and results of models that cannot hear.
        """
        return None if self.finding is None else self.finding.confidence


#: A `Finding` as JSON where nothing was listened for.
NOTHING_ASKED: dict[str, Any] = {"found": [], "confidence": None, "presence": None}


def described(finding: Finding | None) -> dict[str, Any]:
    """A finding for JSON: `found`, `confidence` and `presence`."""
    return dict(NOTHING_ASKED) if finding is None else finding.described()


def find_occurrences(probabilities: ArrayLike, calibration: HearingCalibration) -> Finding:
    """Turn the probabilities of frames into occurrences and a confidence.

    The confidence is that of the surest run of `run_frames` frames. An occurrence is a run of
    frames above the threshold, together with those that follow closely; it has the probability of
    the surest run in it and is dropped where that means absent. The occurrences of a sound that is
    not absent include the surest run.

    Args:
        probabilities: `(frames,)`, 25 a second, 0 to 1.
        calibration: thresholds and scale.

    Raises:
        ValueError: if the probabilities are not one row of finite numbers.
    """
    row = np.asarray(probabilities, dtype=np.float64)
    if row.ndim != 1 or not np.isfinite(row).all():
        raise ValueError(f"probabilities are {row.shape}, expected (frames,), each a finite number")
    if not len(row):
        return Finding((), 0.0, "absent")
    run = min(calibration.run_frames, len(row))
    sure = _confidences(row, run, calibration)
    best = int(sure.argmax())
    presence = _presence(sure[best], calibration)
    found: list[Occurrence] = []
    for first, stop in _stretches(row, calibration) if presence != "absent" else ():
        # Of runs inside it, or around it if it is shorter.
        inside = sure[max(0, min(first, stop - run)) : max(first, stop - run) + 1]
        found.append(_occurrence(first, stop, inside.max(), calibration))
    found = [one for one in found if one.probability >= calibration.absent_below]
    if presence != "absent" and not found:
        found = [_occurrence(best, best + run, sure[best], calibration)]
    return Finding(tuple(found), round(float(sure[best]), 3), presence)


def any_of(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The probability that a frame holds any of several sounds: the highest of theirs."""
    highest: NDArray[np.float32] = np.max(np.stack(rows), axis=0)
    return highest


def heard_frames(row: NDArray[np.float64], calibration: HearingCalibration) -> NDArray[np.bool_]:
    """Which frames are parts of spans, `(frames,)`, where the sound is in the recording at all."""
    if calibration.span_range is None:
        return row > calibration.span_threshold
    size = calibration.span_frames
    counts = np.convolve(np.ones(len(row)), np.ones(size), mode="same")
    means = np.convolve(_logits(row), np.ones(size), mode="same") / counts
    # Convolution gives at least `size` values.
    means = means[: len(row)]
    heard: NDArray[np.bool_] = means > means.max() - calibration.span_range
    return heard


def _logits(row: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = row.clip(1e-7, 1 - 1e-7)
    logits: NDArray[np.float64] = np.log(clipped / (1 - clipped))
    return logits


def _confidences(
    row: NDArray[np.float64], run: int, calibration: HearingCalibration
) -> NDArray[np.float64]:
    """The calibrated confidence of every run, `(frames - run + 1,)`."""
    sums = np.concatenate(([0.0], np.cumsum(_logits(row))))
    means = (sums[run:] - sums[:-run]) / run
    scaled = calibration.presence_scale * means + calibration.presence_offset
    confidences: NDArray[np.float64] = 1 / (1 + np.exp(-scaled))
    return confidences


def _stretches(row: NDArray[np.float64], calibration: HearingCalibration) -> list[tuple[int, int]]:
    """Runs of frames above the threshold, as (first, stop), with short gaps closed."""
    heard = np.zeros(len(row) + 2, dtype=np.int8)
    heard[1:-1] = heard_frames(row, calibration)
    joined: list[tuple[int, int]] = []
    for first, stop in np.flatnonzero(np.diff(heard)).reshape(-1, 2).tolist():
        if joined and first - joined[-1][1] < calibration.join_seconds * FRAME_RATE:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((first, stop))
    return joined


def _occurrence(
    first: int, stop: int, confidence: float, calibration: HearingCalibration
) -> Occurrence:
    rounded = round(float(confidence), 3)
    sure = rounded >= calibration.sure_from
    return Occurrence(first / FRAME_RATE, stop / FRAME_RATE, rounded, sure)


def _presence(confidence: float, calibration: HearingCalibration) -> Presence:
    if confidence < calibration.absent_below:
        return "absent"
    return "sure" if confidence >= calibration.sure_from else "unsure"

"""The headphone check of Woods et al. (2017): which of three tones is the quietest?

One of the tones has opposite phase in the two channels. Over loudspeakers it cancels in the air and
seems the quietest; over headphones it is as loud as the loud one.
"""

from __future__ import annotations

import hashlib

import numpy as np

#: Questions of one attempt, right answers that pass it, attempts.
QUESTIONS, NEEDED, ATTEMPTS = 6, 5, 2
SAMPLE_RATE = 44_100
TONES = 3
_HZ, _SECONDS, _PAUSE, _RAMP = 200.0, 1.0, 0.5, 0.1
_QUIETER_DB, _PEAK_DB = -6.0, -20.0


def right_answers(listener: str, attempt: int) -> list[int]:
    """Which tone is the quietest, 1 to `TONES`, in each question of an attempt."""
    rng = _rng(listener, attempt)
    return [int(n) for n in 1 + rng.integers(TONES, size=QUESTIONS)]


def question_sound(listener: str, attempt: int, question: int) -> np.ndarray:
    """Sound of one question: three tones, float32 `(2, samples)` at `SAMPLE_RATE`.

    Args:
        listener: id of the listener, from which the order of the tones follows.
        attempt: 0 to `ATTEMPTS` - 1.
        question: 0 to `QUESTIONS` - 1.
    """
    quiet = right_answers(listener, attempt)[question] - 1
    others = [tone for tone in range(TONES) if tone != quiet]
    opposite = others[int(_rng(listener, attempt, question).integers(2))]
    time = np.arange(round(_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    ramp = np.clip(np.minimum(time, time[-1] - time) / _RAMP, 0.0, 1.0)
    tone = 10 ** (_PEAK_DB / 20) * np.sin(2 * np.pi * _HZ * time) * np.sin(np.pi / 2 * ramp) ** 2
    pause = np.zeros((2, round(_PAUSE * SAMPLE_RATE)))
    parts = []
    for place in range(TONES):
        gain = 10 ** (_QUIETER_DB / 20) if place == quiet else 1.0
        right = -1.0 if place == opposite else 1.0
        parts += [np.stack([gain * tone, right * gain * tone]), pause]
    return np.concatenate(parts[:-1], axis=1).astype(np.float32)


def _rng(listener: str, *numbers: int) -> np.random.Generator:
    digest = hashlib.sha256(f"headphones {listener}".encode()).digest()
    return np.random.default_rng([int.from_bytes(digest[:8], "big"), *numbers])

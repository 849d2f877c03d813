from __future__ import annotations

import numpy as np
import pytest

from soundsift.evaluation.listening_test import headphones


def test_a_question() -> None:
    rate = headphones.SAMPLE_RATE
    for question, right in enumerate(headphones.right_answers("abc", 0)):
        sound = headphones.question_sound("abc", 0, question)
        tones = [sound[:, round(1.5 * n * rate) :][:, :rate] for n in range(3)]
        levels = [10 * np.log10(np.mean(tone**2)) for tone in tones]
        assert int(np.argmin(levels)) == right - 1
        assert max(levels) - min(levels) == pytest.approx(6.0, abs=1e-3)
        # Over loudspeakers, where the channels add up, another tone is the quietest.
        together = [10 * np.log10(np.mean(tone.mean(0) ** 2) + 1e-12) for tone in tones]
        assert int(np.argmin(together)) != right - 1


def test_the_order_differs_between_listeners_and_attempts() -> None:
    orders = {tuple(headphones.right_answers(name, n)) for name in "abcdefgh" for n in (0, 1)}
    assert len(orders) > 12
    answers = np.concatenate([headphones.right_answers(str(n), 0) for n in range(200)])
    assert np.bincount(answers, minlength=4)[1:].min() > 340

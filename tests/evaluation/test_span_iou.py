import numpy as np
import pytest

from soundsift.evaluation.span_iou import heard_spans, span_scores
from soundsift.spans import Span

RATE = 48_000


def tone(*spans: tuple[float, float], seconds: float = 4.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = np.zeros_like(time)
    for start, end in spans:
        inside = (time >= start) & (time < end)
        wave[inside] = 0.3 * np.sin(2 * np.pi * 440 * time[inside])
    return wave[None].astype(np.float32)


def test_by_hand() -> None:
    """Found 1 to 3 and 5 to 6, true 2 to 5.5: shared 1.5, union 5."""
    found = span_scores([(1.0, 3.0), (5.0, 6.0)], [Span(2.0, 5.5), Span(7, 8, positive=False)])
    assert found["span_iou"] == pytest.approx(1.5 / 5.0, abs=1e-6)
    assert found["span_recall"] == pytest.approx(1.5 / 3.5, abs=1e-6)
    assert found["span_precision"] == pytest.approx(1.5 / 3.0, abs=1e-6)
    assert set(span_scores([], [Span(0, 1)]).values()) == {0.0}


def test_spans_of_tones_to_a_step() -> None:
    found = heard_spans(tone((0.5, 1.2), (2.5, 3.5)), RATE)
    assert np.array(found) == pytest.approx(np.array([(0.5, 1.2), (2.5, 3.5)]), abs=0.011)


def test_short_pauses_and_quiet_sound_count_as_heard() -> None:
    assert len(heard_spans(tone((0.5, 1.2), (1.4, 2.0)), RATE)) == 1
    quiet = tone((0.0, 2.0)) + 0.03 * tone((2.0, 4.0))  # -30 dB
    assert heard_spans(quiet, RATE) == [(0.0, 4.0)]
    faint = tone((0.0, 2.0)) + 0.003 * tone((2.0, 4.0))  # -50 dB
    assert heard_spans(faint, RATE)[0] == pytest.approx((0.0, 2.0), abs=0.011)


def test_silence_and_very_short_outputs() -> None:
    assert heard_spans(np.zeros((1, RATE), np.float32), RATE) == []
    assert heard_spans(tone((0, 0.1), seconds=0.1), RATE) == [(0.0, 0.1)]

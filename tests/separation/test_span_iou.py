import numpy as np
import pytest

from soundsift.separation.span_iou import heard_steps, span_iou
from soundsift.spans import Span


def bursts(steps: int, *loud: tuple[int, int], level: float = 1.0) -> np.ndarray:
    energies = np.zeros(steps)
    for start, stop in loud:
        energies[start:stop] = level
    return energies


def test_sound_where_no_silent_stretch_reaches() -> None:
    heard = heard_steps(bursts(300, (100, 200)))
    assert np.flatnonzero(heard).tolist() == list(range(100, 200))


def test_a_gap_shorter_than_a_stretch_is_no_silence() -> None:
    assert heard_steps(bursts(300, (50, 100), (120, 200)))[50:200].all()
    assert not heard_steps(bursts(300, (50, 100), (130, 200)))[100:130].any()


def test_forty_decibels_below_the_loudest_count_as_silence() -> None:
    energies = bursts(300, (0, 100)) + bursts(300, (200, 300), level=1.1e-4)
    # Near the edge a stretch is half silent.
    assert heard_steps(energies)[225:].all()
    energies = bursts(300, (0, 100)) + bursts(300, (200, 300), level=0.9e-4)
    assert not heard_steps(energies)[200:].any()


def test_intersection_over_union() -> None:
    energies = bursts(400, (100, 200))
    assert span_iou(energies, [Span(1.0, 2.0)]) == 1.0
    assert span_iou(energies, [Span(1.5, 2.5)]) == pytest.approx(50 / 150)
    assert span_iou(energies, [Span(0.0, 4.0), Span(0.0, 1.0, positive=False)]) == pytest.approx(
        100 / 300
    )
    assert span_iou(energies, [Span(3.0, 9.0)]) == 0.0


def test_silence_and_short_sounds() -> None:
    assert span_iou(np.zeros(100), [Span(0.2, 0.4)]) == 0.0
    assert span_iou(np.zeros(100), []) == 1.0
    assert heard_steps(np.ones(3)).tolist() == [True] * 3
    assert heard_steps(np.zeros(0)).tolist() == []

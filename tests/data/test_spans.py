"""Spans drawn from the energy of a stem: closed-form cases and the bounds of what is drawn."""

import numpy as np
import pytest

from soundsift.data.spans import active_spans, draw_example, draw_spans

RATE = 48_000
FRAME = 0.02


def bursts(seconds: float, *heard: tuple[float, float], gain: float = 0.5) -> np.ndarray:
    """A tone during the given times, silence elsewhere."""
    time = np.arange(round(seconds * RATE)) / RATE
    on = np.zeros(len(time))
    for start, end in heard:
        on[round(start * RATE) : round(end * RATE)] = 1
    return (gain * on * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)


def test_sound_throughout_is_one_span() -> None:
    assert active_spans(bursts(2.03, (0, 2.03)), RATE) == [(0.0, pytest.approx(2.03))]


def test_silence_has_no_span() -> None:
    assert active_spans(np.zeros(RATE, np.float32), RATE) == []
    assert draw_spans([], 1.0, np.random.default_rng(0)) == ()


def test_a_burst_is_found_to_the_frame() -> None:
    [(start, end)] = active_spans(bursts(3, (1.0, 1.5)), RATE)
    assert (start, end) == (pytest.approx(1.0, abs=1e-9), pytest.approx(1.5, abs=1e-9))


@pytest.mark.parametrize(("pause", "count"), [(0.1, 1), (0.2, 1), (0.3, 2), (1.0, 2)])
def test_pauses_under_a_quarter_of_a_second_are_bridged(pause: float, count: int) -> None:
    wave = bursts(4, (0.5, 1.0), (1.0 + pause, 2.5))
    found = active_spans(wave, RATE)
    assert len(found) == count
    assert found[0][0] == pytest.approx(0.5)
    assert found[-1][1] == pytest.approx(2.5)


@pytest.mark.parametrize(("level_db", "heard"), [(-38.0, True), (-42.0, False)])
def test_what_lies_forty_decibels_below_the_loudest_is_silence(
    level_db: float, heard: bool
) -> None:
    quiet = bursts(4, (2.0, 3.0), gain=0.5 * 10 ** (level_db / 20))
    found = active_spans(bursts(4, (0.0, 1.0)) + quiet, RATE)
    assert found == ([(0.0, 1.0), (2.0, 3.0)] if heard else [(0.0, 1.0)])


def test_the_threshold_follows_the_level_of_the_stem() -> None:
    wave = bursts(3, (1.0, 1.5)) + 1e-4 * bursts(3, (2.0, 2.5))
    assert active_spans(wave, RATE) == active_spans(wave * 0.01, RATE)


def test_edges_are_off_by_the_jitter_at_most() -> None:
    wave = bursts(6, (1.0, 2.0), (4.0, 5.0))
    edges = np.array([1.0, 2.0, 4.0, 5.0])
    largest = 0.0
    for seed in range(200):
        for span in draw_spans(
            active_spans(wave, RATE), len(wave) / RATE, np.random.default_rng(seed), jitter=0.1
        ):
            if span.positive:
                off = [np.abs(edges - edge).min() for edge in (span.start, span.end)]
                largest = max(largest, *off)
    assert 0.08 < largest <= 0.1 + 0.0005  # and rounded to milliseconds


def test_without_jitter_the_spans_are_the_active_ones_or_some_of_them() -> None:
    wave = bursts(6, (1.0, 2.0), (4.0, 5.0))
    sets = set()
    for seed in range(60):
        spans = draw_spans(
            active_spans(wave, RATE), len(wave) / RATE, np.random.default_rng(seed), jitter=0
        )
        sets.add(tuple((s.start, s.end) for s in spans if s.positive))
    assert sets == {((1.0, 2.0),), ((4.0, 5.0),), ((1.0, 2.0), (4.0, 5.0))}


def test_negative_spans_lie_where_nothing_is_heard() -> None:
    wave = bursts(6, (1.0, 2.0), (4.0, 5.0))
    gaps = {(0.0, 1.0), (2.0, 4.0), (5.0, 6.0)}
    found = set()
    for seed in range(100):
        spans = draw_spans(
            active_spans(wave, RATE), len(wave) / RATE, np.random.default_rng(seed), jitter=0
        )
        found |= {(s.start, s.end) for s in spans if not s.positive}
    assert found == gaps


def test_spans_stay_within_the_recording() -> None:
    wave = bursts(2, (0.0, 2.0))
    for seed in range(50):
        [span] = draw_spans(active_spans(wave, RATE), len(wave) / RATE, np.random.default_rng(seed))
        assert 0 <= span.start < span.end <= 2


def test_drawing_is_repeatable() -> None:
    wave = bursts(6, (1.0, 2.0), (4.0, 5.0))
    first, again, other = (
        draw_spans(active_spans(wave, RATE), len(wave) / RATE, np.random.default_rng(s))
        for s in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_an_example_is_one_moment_of_the_sound_up_to_three_seconds() -> None:
    heard = ((1.0, 1.2), (2.0, 9.0))
    lengths = []
    for seed in range(200):
        [span] = draw_example(active_spans(bursts(10, *heard), RATE), np.random.default_rng(seed))
        assert span.positive
        assert any(a <= span.start and span.end <= b + 1e-9 for a, b in heard)
        lengths.append(span.end - span.start)
    assert min(lengths) == pytest.approx(0.2, abs=1e-3)
    assert 2.5 < max(lengths) <= 3.001
    assert draw_example([], np.random.default_rng(0)) == ()

"""Prompts: reading spans, exact frames, the sentences for what can't be right."""

import json
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest

from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt
from soundsift.spans import NEGATIVE, NULL, POSITIVE, Span, frame_anchors

FIXTURE = json.loads((Path(__file__).parent / "data" / "anchors.json").read_text())
CASES = {case["name"]: case for case in FIXTURE["process_anchors"]}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("1.2-2.5", 1.2, 2.5),
        ("1:02.5-1:10", 62.5, 70),
        ("1.2..2.5", 1.2, 2.5),
        ("1..2", 1, 2),
        ("0-0.28", 0, 0.28),
        (" 1.2 – 2.5 s ", 1.2, 2.5),
        ("1 to 2", 1, 2),
        ("59-1:00", 59, 60),
        ("1:00:00-1:00:05.25", 3600, 3605.25),
    ],
)
def test_parse(text, start, end):
    assert Span.parse(text) == Span(start, end)
    assert Span.parse(text, positive=False) == Span(start, end, positive=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "write start-end in seconds"),
        ("1.2", "write start-end in seconds"),
        ("1-2-3", "write start-end in seconds"),
        ("a-b", "write start-end in seconds"),
        ("1,2-2,5", "write start-end in seconds"),
        ("1:75-2:00", "below 60"),
        ("nan-2", "write start-end in seconds"),
        ("-1-2", "before the beginning"),
        ("2.5-1.2", "1.2-2.5"),
        ("1-1.0", "empty"),
    ],
)
def test_parse_refuses(text, words):
    with pytest.raises(SoundsiftError, match=words) as caught:
        Span.parse(text)
    assert "\n" not in str(caught.value)


def test_span_refuses_invalid_times():
    for start, end in ((float("nan"), 1), (0, float("inf")), (-0.1, 1), (2, 1), (1, 1)):
        with pytest.raises(SoundsiftError, match="Invalid span"):
            Span(start, end)


def test_text_is_normalised():
    assert Prompt("  Dog\tBARKING\n").text == "dog barking"
    assert Prompt("cafe\u0301").text == "caf\u00e9"
    assert Prompt(" \n").text is None
    assert Prompt(None).text is None
    assert Prompt("x" * 200).text == "x" * 200
    with pytest.raises(SoundsiftError, match="201 characters"):
        Prompt("x" * 201)
    with pytest.raises(SoundsiftError, match="no word"):
        Prompt("?!")


def test_check_against_the_recording():
    Prompt("dog").check(1)
    Prompt(spans=(Span(0, 10), Span(2, 3, False), Span(9.99, 10.03))).check(10)
    for prompt in (Prompt(), Prompt("  ")):
        with pytest.raises(SoundsiftError, match="prompt is empty"):
            prompt.check(10)
    for span in (Span(10, 10.02), Span(11, 12), Span(9, 10.05)):
        with pytest.raises(SoundsiftError, match=r"outside the recording.*from 0 to 10 s"):
            Prompt("dog", (span,)).check(10)


def reference(case: dict, item: int) -> np.ndarray:
    """The fixture's anchor id of every frame: its ids, through its alignment."""
    return np.array(case["ids"][item])[np.array(case["alignment"][item])]


@pytest.mark.parametrize(
    "name",
    [
        "none",
        "empty lists",
        "one span",
        "plus and minus, overlap: the later one wins",
        "ragged batch",
        "past the end",
    ],
)
def test_anchors_match_the_released_system(name):
    case = CASES[name]
    frames = max(case["lens"])
    for item, valid in enumerate(case["lens"]):
        given = case["anchors"][item] if case["anchors"] else []
        spans = [Span(start, end, sign == "+") for sign, start, end in given]
        # Padding is the batch's business, and a span never reaches into it.
        padded = np.full(frames, 3)
        padded[:valid] = frame_anchors(spans, valid)
        expected = reference(case, item)
        if name == "ragged batch" and item == 1:
            # Exact: 0.28 s ends before frame 7, the float32 ceil of the reference too late.
            assert padded.tolist() == [NULL] * 3 + [NEGATIVE] * 2 + [NULL, POSITIVE] + [3] * 5
            continue
        assert padded.tolist() == expected.tolist()


def test_where_we_differ_from_the_released_system():
    # Exact decimals instead of float32: 0.28 s is frame 7.
    case = CASES["float ceil: 0.28 s is frame 7 exactly but start becomes 8"]
    assert np.flatnonzero(reference(case, 0)).tolist() == [8, 9]
    assert np.flatnonzero(frame_anchors([Span(0.28, 0.4)], 12)).tolist() == [7, 8, 9]
    # A span inside one frame marks that frame instead of none.
    assert not reference(CASES["span inside one frame (ceil start) is lost"], 0).any()
    assert np.flatnonzero(frame_anchors([Span(0.05, 0.07)], 8)).tolist() == [1]
    # Empty spans and negative times are refused.
    for name in ("empty span", "negative start is python slicing from the end"):
        ((_, start, end),) = CASES[name]["anchors"][0]
        with pytest.raises(SoundsiftError):
            Span(start, end)


def test_edges_on_frames_are_exact():
    off_by_one = FIXTURE["predicted_span_off_by_one_frames"]
    assert len(off_by_one) > 1000
    for frame in [*off_by_one, *range(1, 500)]:
        exact = [frame / 25, 0.04 * frame, float(np.float32(frame * 0.04)), float(f"{frame / 25}")]
        for seconds in exact[: 4 if frame < 250 else 2]:
            assert Span(seconds, seconds + 1).frames() == (frame, frame + 25)


def test_frames_by_fractions():
    rng = np.random.default_rng(0)
    for start, length in rng.integers(1, 60_000, (500, 2)).tolist():
        span = Span(start / 1000, (start + length) / 1000)
        first, stop = (ceil(Fraction(time, 1000) * 25) for time in (start, start + length))
        assert span.frames() == (first if first < stop else first - 1, stop)


def test_later_span_wins_and_short_spans_count():
    spans = [Span(0, 0.4), Span(0.2, 0.3, False), Span(0.22, 0.23)]
    assert frame_anchors(spans, 12).tolist() == [1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 0, 0]
    assert frame_anchors([Span(0.5, 0.9)], 4).tolist() == [0, 0, 0, 0]
    # In the last frame, and ending a little after the recording.
    assert frame_anchors([Span(0.31, 0.33)], 8).tolist() == [0] * 7 + [1]
    anchors = frame_anchors([], 3)
    assert anchors.dtype == np.int64 and anchors.tolist() == [0, 0, 0]
    assert frame_anchors([Span(0.1, 0.2)], 30, frame_rate=100).sum() == 10

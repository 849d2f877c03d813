import numpy as np
import pytest

from soundsift.config import HearingCalibration
from soundsift.separation.occurrences import any_of, described, find_occurrences, heard_frames

PLAIN = HearingCalibration(
    span_threshold=0.5, join_seconds=0.2, run_frames=10, absent_below=0.3, sure_from=0.7
)


def heard(*stretches: tuple[int, int, float], frames: int = 250) -> np.ndarray:
    row = np.full(frames, 0.01, np.float32)
    for first, stop, probability in stretches:
        row[first:stop] = probability
    return row


def test_what_is_heard_is_found_where_it_is() -> None:
    finding = find_occurrences(heard((25, 50, 0.9), (100, 150, 0.6)), PLAIN)
    assert [(one.start, one.end, one.probability, one.sure) for one in finding.found] == [
        (1.0, 2.0, 0.9, True),
        (4.0, 6.0, 0.6, False),
    ]
    assert (finding.confidence, finding.presence) == (0.9, "sure")


def test_short_gaps_are_closed_and_longer_ones_are_not() -> None:
    finding = find_occurrences(heard((25, 50, 0.9), (54, 80, 0.9), (90, 120, 0.9)), PLAIN)
    assert [(one.start, one.end) for one in finding.found] == [(1.0, 3.2), (3.6, 4.8)]


def test_absent_sounds_are_not_found() -> None:
    """A frame or two above the threshold do not make a sound."""
    finding = find_occurrences(heard((25, 27, 0.9)), PLAIN)
    assert finding.found == ()
    assert finding.presence == "absent" and finding.confidence < 0.1
    assert find_occurrences([], PLAIN).presence == "absent"


def test_a_sound_that_is_present_is_found_somewhere() -> None:
    """Also where no frame is above the threshold of spans: at its surest moment."""
    finding = find_occurrences(heard((100, 130, 0.4)), PLAIN)
    assert finding.presence == "unsure"
    ((start, end),) = [(one.start, one.end) for one in finding.found]
    assert 4.0 <= start < end <= 5.2 and end - start == pytest.approx(0.4)


def test_an_unlikely_occurrence_is_left_out() -> None:
    finding = find_occurrences(heard((25, 50, 0.9), (100, 101, 0.6)), PLAIN)
    assert [one.start for one in finding.found] == [1.0]


def test_calibration_scales_logits() -> None:
    scaled = PLAIN.model_copy(update={"presence_scale": 2.0, "presence_offset": -1.0})
    logit = 2 * np.log(0.8 / 0.2) - 1
    finding = find_occurrences(heard((0, 250, 0.8)), scaled)
    assert finding.confidence == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-3)


def test_certain_frames_are_no_infinity() -> None:
    assert find_occurrences(np.ones(50), PLAIN).confidence == 1.0
    assert find_occurrences(np.zeros(50), PLAIN).confidence == 0.0


def test_several_phrases_are_one_sound() -> None:
    both = any_of([heard((25, 50, 0.9)), heard((100, 150, 0.8))])
    assert len(find_occurrences(both, PLAIN).found) == 2


def test_json() -> None:
    assert described(None) == {"found": [], "confidence": None, "presence": None}
    facts = described(find_occurrences(heard((25, 50, 0.9)), PLAIN))
    assert facts == {
        "found": [{"start": 1.0, "end": 2.0, "probability": 0.9, "sure": True}],
        "confidence": 0.9,
        "presence": "sure",
    }


def test_rows_of_numbers_only() -> None:
    with pytest.raises(ValueError, match=r"expected \(frames,\)"):
        find_occurrences(np.zeros((2, 5)), PLAIN)
    with pytest.raises(ValueError, match="finite"):
        find_occurrences([0.1, float("nan")], PLAIN)


@pytest.mark.parametrize("height", [0.9, 0.02])
def test_with_a_range_the_frames_near_the_highest_count(height: float) -> None:
    """However sure the network ever gets of the sound."""
    row = np.full(60, height / 100)
    row[20:40] = height
    calibration = HearingCalibration(span_range=2.0, span_frames=5)
    heard = heard_frames(row, calibration)
    assert heard[22:38].all()
    assert not heard[:18].any()
    assert not heard[42:].any()


def test_a_range_fits_a_recording_shorter_than_its_average() -> None:
    assert heard_frames(np.array([0.5, 0.4]), HearingCalibration(span_range=1.0)).shape == (2,)

import pytest

from soundsift.cli.findings import clock, found_in_words, times_in_words
from soundsift.separation.occurrences import Finding, Occurrence


def occurrence(start: float, probability: float = 0.9, length: float = 0.5) -> Occurrence:
    return Occurrence(start, start + length, probability, probability > 0.7)


def test_times_with_how_sure_they_are() -> None:
    found = (occurrence(41.2), occurrence(130.4), occurrence(182, 0.5))
    said = found_in_words(Finding(found, 0.9, "sure"))
    assert said == "Found at 0:41, 2:10 (sure), 3:02 (unsure)."
    assert times_in_words([occurrence(0, length=5.6)]) == "0:00-0:05 (sure)"


def test_a_second_is_told_once() -> None:
    found = [occurrence(0.1), occurrence(0.7, length=5), occurrence(6.2), occurrence(6.8)]
    assert times_in_words(found) == "0:00-0:05, 0:06 (sure)"
    assert times_in_words(found, with_words=False) == "0:00-0:05, 0:06"


def test_absent_sounds_are_not_found() -> None:
    said = found_in_words(Finding((), 0.083, "absent"))
    assert said == "Probably not in this recording (confidence 0.08)."


def test_of_many_occurrences_the_surest_are_told() -> None:
    found = [occurrence(60 * n, 0.95 if n < 12 else 0.8) for n in range(40)]
    said = times_in_words(found)
    assert said.endswith("11:00 (sure) and 28 more")
    assert said.count(",") == 11


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (59.9, "0:59"), (3730, "1:02:10")])
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown

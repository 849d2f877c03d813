"""The recording clock: gaps, overlaps, and sound that begins late."""

from fractions import Fraction

import numpy as np
import pytest
from tests.audio.media import KINDS, RATE, beeps, onsets, write_media

from soundsift.audio import examine, read
from soundsift.audio.timeline import MOST_SILENCE, Timeline, TimestampError, file_clock_start
from soundsift.errors import SoundsiftError
from soundsift.video import read_video

PICTURES = [suffix for suffix, (_, video, _) in KINDS.items() if video is not None]
# FFmpeg writes no gaps into program streams, and only those between pages into Ogg.
GAPS = [
    (suffix, *gap)
    for suffix in KINDS
    for gap in ((2.0, 3.5), (0.5, 0.7), (0.3, 3.9))
    if suffix != ".mpg" and (suffix != ".ogg" or gap == (2.0, 3.5))
]


@pytest.mark.parametrize(("suffix", "begin", "end"), GAPS)
def test_a_gap_is_silence_of_its_length(tmp_path, suffix, begin, end):
    def gap(time: Fraction) -> Fraction | None:
        return None if begin <= time < end else time

    wave = beeps((0.05, 4.0), 6)
    path = write_media(tmp_path / f"a{suffix}", wave, move=gap)
    recording = read(path)
    # MPEG-TS and FLV do not say that AAC's first 1024 samples are the encoder's delay.
    assert onsets(recording.samples, RATE) == pytest.approx([0.05, 4.0], abs=0.045)
    assert recording.duration == pytest.approx(6, abs=0.07)
    # A packet holds up to 0.1 s.
    inside = recording.samples[:, round((begin + 0.11) * RATE) : round((end - 0.03) * RATE)]
    assert np.abs(inside).max() < 2e-4
    assert examine(path).length == recording.length


def test_many_short_gaps_add_up(tmp_path):
    def gap(time: Fraction) -> Fraction | None:
        return None if time > 1 and int(time * RATE / 1024) % 3 == 0 else time

    path = write_media(tmp_path / "a.mkv", beeps((0.5, 10.0), 12), move=gap)
    # Single packets are lost; the beep is found where the clock says.
    found = onsets(read(path).samples, RATE)
    assert found[0] == pytest.approx(0.5, abs=0.03)
    assert min(abs(time - 10) for time in found) < 0.05
    assert read(path).duration == pytest.approx(12, abs=0.07)


@pytest.mark.parametrize("suffix", [".mkv", ".mka", ".nut"])
def test_what_is_stored_twice_is_kept_once(tmp_path, suffix):
    def overlap(time: Fraction) -> Fraction:
        return time if time < 2 else time - Fraction(1, 2)

    path = write_media(tmp_path / f"a{suffix}", beeps((1.0, 4.0), 6), move=overlap)
    recording = read(path)
    assert onsets(recording.samples, RATE) == pytest.approx([1.0, 3.5], abs=0.045)
    assert recording.duration == pytest.approx(5.5, abs=0.07)


def test_jitter_moves_nothing(tmp_path):
    def jitter(time: Fraction) -> Fraction:
        return time + Fraction(int(time * 1000) % 17, 1000)

    wave = beeps((1.0, 4.0), 6)
    path = write_media(tmp_path / "a.mka", wave, move=jitter)
    samples = read(path).samples
    assert np.array_equal(
        np.round(samples * 32_768), np.trunc(wave[:, : samples.shape[1]] * 32_767)
    )


@pytest.mark.parametrize("suffix", PICTURES)
@pytest.mark.parametrize("late", [2.0, 0.24])
def test_sound_that_begins_late_stays_at_its_picture(tmp_path, suffix, late):
    def move(time: Fraction) -> Fraction:
        return time + Fraction(late)

    path = write_media(tmp_path / f"a{suffix}", beeps((1.0,), 4), move=move, picture=(0, 4 + late))
    recording = read(path)
    if suffix == ".mpg" and late == 2.0:
        pytest.skip("this muxer moves sound that is so late")
    (found,) = onsets(recording.samples, RATE)
    assert found == pytest.approx(late + 1, abs=0.045)
    assert np.abs(recording.samples[:, : round((late - 0.05) * RATE)]).max() < 1e-4
    first = next(iter(read_video(path)))
    assert abs(first.time) <= 0.001


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".webm", ".ts"])
def test_pictures_that_begin_late(tmp_path, suffix):
    path = write_media(tmp_path / f"a{suffix}", beeps((1.0,), 4), picture=(1.0, 4))
    recording = read(path)
    assert onsets(recording.samples, RATE) == pytest.approx([1.0], abs=0.045)
    assert float(next(iter(read_video(path))).time) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("suffix", [".mka", ".m4a", ".ogg"])
def test_sound_alone_begins_with_its_first_sample(tmp_path, suffix):
    path = write_media(tmp_path / f"a{suffix}", beeps((1.0,), 4), move=lambda time: time + 5)
    assert onsets(read(path).samples, RATE) == pytest.approx([1.0], abs=0.045)


def test_a_broadcast_that_is_spliced_goes_on(tmp_path):
    def splice(time: Fraction) -> Fraction:
        return time if time < 2 else time + 3600

    path = write_media(tmp_path / "a.ts", beeps((1.0, 4.0), 6), move=splice, picture=(0, 2))
    recording = read(path)
    assert onsets(recording.samples, RATE) == pytest.approx([1.0, 4.0], abs=0.045)
    assert recording.duration == pytest.approx(6, abs=0.1)


def test_time_stamps_that_ask_for_days_are_refused(tmp_path):
    def far(time: Fraction) -> Fraction:
        return time if time < 2 else time + 10**6

    path = write_media(tmp_path / "a.mka", beeps((1.0,), 4), move=far)
    with pytest.raises(SoundsiftError, match=r"damaged time stamps.*1000000 s after 2\.0"):
        read(path)


def test_clock_of_a_file(tmp_path):
    path = write_media(
        tmp_path / "a.mkv", beeps((1.0,), 3), move=lambda time: time + 2, picture=(1, 5)
    )
    assert file_clock_start(path) == 1


def place(timeline: Timeline, *times: float | None) -> list[float]:
    """Corrections for frames of a second each."""
    return [
        float(timeline.place(None if time is None else Fraction(time), Fraction(1)))
        for time in times
    ]


def test_places_in_time():
    timeline = Timeline(None)
    # The clock starts with the first time stamp; frames without one follow the one before.
    assert place(timeline, 7, 8, None, 10.03, 10.97) == [0, 0, 0, 0, 0]
    # A gap; an overlap; a frame that was heard already; back to the beginning: a splice.
    assert place(timeline, 14) == [2]
    assert place(timeline, 14.5) == [-0.5]
    assert place(timeline, 14.5) == [-1]
    assert place(timeline, 15.5, 1, 2, 3.5) == [0, 0, 0, 0.5]
    assert timeline.position == 13 and timeline.lead == 0


def test_silence_has_a_limit():
    timeline = Timeline(None)
    place(timeline, 0)
    with pytest.raises(TimestampError) as error:
        place(timeline, 2 + float(MOST_SILENCE))
    assert error.value.position == 1 and error.value.gap == 1 + MOST_SILENCE

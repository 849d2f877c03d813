"""Parts of a recording, amounts, negations and several phrases as one target."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsift import Separator, SoundsiftError
from soundsift.audio import quantise
from soundsift.separation.finishing import Finishing

RATE = 16_000


@pytest.fixture
def mixture() -> np.ndarray:
    noise = 0.1 * np.random.default_rng(3).normal(size=(2, 3 * RATE))
    # Numbers of 16 bits: floats then add up to the last bit.
    return quantise(noise, "s16")


def test_outside_of_the_part_the_recording_comes_through(separator: Separator, mixture) -> None:
    part = separator.separate(mixture, sample_rate=RATE, text="dog", start=0.5, end=1.75)
    first, stop = RATE // 2, RATE * 7 // 4
    assert np.array_equal(part.residual[:, :first], mixture[:, :first])
    assert np.array_equal(part.residual[:, stop:], mixture[:, stop:])
    assert not part.target[:, :first].any() and not part.target[:, stop:].any()
    assert np.array_equal(part.target + part.residual, mixture)
    # Within it, but for the fades, it is what the part alone gives.
    alone = separator.separate(mixture[:, first:stop], sample_rate=RATE, text="dog")
    inner = slice(first + 400, stop - 400)
    np.testing.assert_allclose(part.target[:, inner], alone.target[:, 400:-400], atol=2e-3)
    assert part.target[:, first].max() < 1e-6
    assert abs(part.target_level_db - alone.target_level_db) < 0.5


def test_a_part_of_a_file_keeps_its_numbers(
    separator: Separator, mixture: np.ndarray, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.wav", mixture.T, RATE, subtype="PCM_16")
    saved = separator.separate_file(tmp_path / "a.wav", tmp_path, text="dog", start=1, by=6)
    whole, residual = (
        soundfile.read(path, dtype="int16")[0]
        for path in (tmp_path / "a.wav", saved.paths["residual"])
    )
    assert np.array_equal(whole[:RATE], residual[:RATE])
    assert not np.array_equal(whole[RATE:], residual[RATE:])


def test_marks_count_from_the_recordings_beginning(separator: Separator, mixture) -> None:
    asked = {"spans": [(1.2, 1.4)], "sample_rate": RATE}
    part = separator.separate(mixture, **asked, start=1, end=2)
    assert part.settings["spans"] == [{"start": 1.2, "end": 1.4, "positive": True}]
    alone = separator.separate(mixture[:, RATE : 2 * RATE], spans=[(0.2, 0.4)], sample_rate=RATE)
    np.testing.assert_allclose(
        part.target[:, RATE + 400 : 2 * RATE - 400], alone.target[:, 400:-400], atol=2e-3
    )
    with pytest.raises(SoundsiftError, match=r"1\.2-1\.4 is outside the part"):
        separator.separate(mixture, **asked, start=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 2, "end": 1}, "empty or too short"),
        ({"start": 3.5}, "outside the recording"),
        ({"start": -1}, "outside the recording"),
        ({"end": float("nan")}, "outside the recording"),
        ({"by": 0}, "above 0"),
        ({"by": float("inf")}, "above 0"),
    ],
)
def test_impossible_parts_and_amounts(separator: Separator, mixture, options, message) -> None:
    with pytest.raises(SoundsiftError, match=message):
        separator.separate(mixture, sample_rate=RATE, text="dog", **options)


@pytest.mark.parametrize("text", ["dog", "everything but the dog"])
def test_a_sound_is_lowered_by_so_many_db(separator: Separator, mixture, text) -> None:
    out = separator.separate(mixture, sample_rate=RATE, text=text)
    lowered = separator.separate(mixture, sample_rate=RATE, text=text, by=12)
    kept = 10 ** (-12 / 20)
    np.testing.assert_allclose(lowered.residual, out.residual + kept * out.target, atol=1e-6)
    assert np.array_equal(lowered.target + lowered.residual, mixture)
    # The level is the sound's, whatever is left of it.
    assert abs(lowered.target_level_db - out.target_level_db) < 1e-3


def test_everything_but_a_sound_is_its_residual(separator: Separator, mixture) -> None:
    dog = separator.separate(mixture, sample_rate=RATE, text="dog")
    other = separator.separate(mixture, sample_rate=RATE, text="no dog, please")
    assert np.array_equal(other.target, dog.residual)
    assert np.array_equal(other.residual, dog.target)
    assert other.settings["text"] == "everything but dog"
    streams = (
        np.concatenate(
            [*separator.stream([mixture], sample_rate=RATE, text=text, stem=stem)], axis=1
        )
        for text, stem in (("without the dog", "target"), ("dog", "residual"))
    )
    assert np.array_equal(*streams)


def test_phrases_of_one_prompt_are_one_target(separator: Separator, mixture) -> None:
    dog, rain, both, rest = (
        separator.separate(mixture, sample_rate=RATE, text=text)
        for text in ("dog", "rain", "a dog, the rain", "everything but the dog and the rain")
    )
    assert np.array_equal(both.target + both.residual, mixture)
    assert both.settings["text"] == "dog, rain"
    assert np.array_equal(rest.target, both.residual)
    # No less than either, and no more than both, in energy.
    energies = [np.square(one.target).sum() for one in (dog, rain, both)]
    assert max(energies[:2]) * 0.999 < energies[2]
    several = separator.separate_many(mixture, ["dog, rain", "bell"], sample_rate=RATE)
    np.testing.assert_allclose(several[0].target, both.target, atol=1e-5)


def test_sounds_that_share_can_have_several_phrases(separator: Separator, mixture) -> None:
    found = separator.separate_many(
        mixture, ["dog, rain", "bell"], sample_rate=RATE, exclusive=True
    )
    assert len(found) == 3
    np.testing.assert_allclose(sum(one.target for one in found), mixture, atol=1e-6)
    with pytest.raises(SoundsiftError, match="can't share"):
        separator.separate_many(mixture, ["no dog", "bell"], sample_rate=RATE, exclusive=True)


def test_a_negation_with_a_mark_is_refused(separator: Separator, mixture) -> None:
    with pytest.raises(SoundsiftError, match="either part"):
        separator.separate(mixture, sample_rate=RATE, text="all but the dog", spans=[(1, 2)])


def test_a_generative_model_fades_and_lowers_between_its_own_stems() -> None:
    rng = np.random.default_rng(0)
    mixture, target, residual = rng.normal(size=(3, 1, 100)).astype(np.float32)
    finishing = Finishing("f32", False, kept=0.25, fades=(10, 0), length=100)
    done = finishing.finish(mixture, np.stack((target, residual))[None])[0]
    assert np.allclose(done[1, :, 0], mixture[:, 0]) and done[0, 0, 0] == 0
    np.testing.assert_allclose(done[0, :, 10:], 0.75 * target[:, 10:], rtol=1e-6)
    np.testing.assert_allclose(done[1, :, 10:], residual[:, 10:] + 0.25 * target[:, 10:], rtol=1e-5)

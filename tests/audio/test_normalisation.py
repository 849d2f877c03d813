"""Constant offset and level of a model's input."""

import numpy as np
import pytest
import soundfile

from soundsift.audio import Recording, examine, read
from soundsift.audio.normalisation import DcBlocker, Normalisation
from soundsift.errors import SoundsiftError

RATE = 8000


def noise(seconds: float = 3.0, level: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(0, level, (2, round(seconds * RATE))).astype(np.float32)


def test_offset_is_removed_and_given_back():
    wave = noise()
    wave -= wave.mean(axis=1, keepdims=True)
    moved = wave + np.array([[0.05], [-0.2]], np.float32)
    normalisation = Recording(moved, RATE).normalisation
    assert normalisation.offset == pytest.approx((0.05, -0.2), abs=1e-6)
    heard = normalisation.apply(moved)
    assert np.abs(heard - wave).max() < 1e-6
    stems = np.stack([0.25 * heard, 0.75 * heard])[None]
    without = normalisation.undo(stems, with_offset=False)
    assert np.array_equal(without, stems)
    restored = normalisation.undo(stems, with_offset=True)
    assert np.abs(restored.sum(axis=1)[0] - moved).max() < 1e-6
    assert np.array_equal(restored[:, 0], stems[:, 0])


@pytest.mark.parametrize("peak", [3.0, 32768.0, 2.0**31])
def test_loud_floats_are_heard_at_full_scale(peak):
    wave = noise()
    wave *= np.float32(peak) / np.abs(wave).max()
    normalisation = Normalisation.of_samples(wave)
    heard = normalisation.apply(wave)
    assert heard.dtype == np.float32 and np.abs(heard).max() == pytest.approx(1, rel=1e-3)
    back = normalisation.undo(heard[None, None], with_offset=False)[0, 0]
    assert np.allclose(back, normalisation.gain**-1 * heard, rtol=1e-6)


def test_sound_without_offset_is_heard_as_it_is():
    wave = noise()
    wave -= wave.mean(axis=1, keepdims=True)
    assert Normalisation.of_samples(wave) == Normalisation()
    assert Normalisation().apply(wave) is wave


def test_a_file_and_its_samples_have_one_normalisation(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, (3 * noise() + 0.5).T, RATE, subtype="FLOAT")
    examined, whole = examine(path).normalisation, read(path).normalisation
    assert examined.offset == pytest.approx(whole.offset, rel=1e-9)
    assert examined.gain == pytest.approx(whole.gain, rel=1e-6) and whole.gain < 1


@pytest.mark.parametrize("value", [1e10, 1e30, 3e38])
def test_samples_too_large_for_sound_are_refused(tmp_path, value):
    path = tmp_path / "a.wav"
    wave = noise()
    wave[0, 100] = value
    soundfile.write(path, wave.T, RATE, subtype="FLOAT")
    with pytest.raises(SoundsiftError, match="full scale is 1"):
        read(path)


def test_a_constant_offset_alone_is_silence(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full((RATE, 2), 0.1), RATE, subtype="PCM_24")
    with pytest.raises(SoundsiftError, match=r"silent.*constant offset"):
        read(path)


@pytest.mark.parametrize("size", [160, 999, 30_000])
def test_offset_of_arriving_sound_fades_out(size):
    wave = noise(8.0)
    plain, moved = DcBlocker(RATE), DcBlocker(RATE)
    blocks = [
        (plain.apply(wave[:, i : i + size]), moved.apply(wave[:, i : i + size] + np.float32(0.1)))
        for i in range(0, wave.shape[1], size)
    ]
    first, second = (np.concatenate(found, axis=1) for found in zip(*blocks, strict=True))
    # The step response of the filter: an exponential of one second.
    expected = 0.1 * np.exp(-np.arange(1, wave.shape[1] + 1) / RATE)
    assert np.abs(second - first - expected).max() < 1e-5
    whole = DcBlocker(RATE).apply(wave)
    assert np.abs(first - whole).max() < 1e-6

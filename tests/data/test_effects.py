"""What the augmentations may and may not do to a sound."""

import numpy as np
import pytest

from soundsift.data import effects

RATE = 48_000


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.1 * rng.standard_normal(round(seconds * RATE)).astype(np.float32)


def band_levels_db(wave: np.ndarray, hertz: list[float]) -> np.ndarray:
    """Level in third octaves around the given frequencies."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    bins = np.fft.rfftfreq(len(wave), 1 / RATE)
    inside = [(bins > f / 2 ** (1 / 6)) & (bins < f * 2 ** (1 / 6)) for f in hertz]
    return np.array([10 * np.log10(power[where].mean()) for where in inside])


def test_speed_shortens_and_raises_the_pitch() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    faster = effects.change_speed(tone, 1.1)
    assert len(faster) == pytest.approx(RATE / 1.1, abs=2)
    spectrum = np.abs(np.fft.rfft(faster * np.hanning(len(faster))))
    assert np.argmax(spectrum) * RATE / len(faster) == pytest.approx(1100, abs=2)
    assert effects.change_speed(tone, 1.0) is tone


def test_drawn_speeds_lie_around_one() -> None:
    rng = np.random.default_rng(0)
    drawn = [effects.draw_speed(rng, 0.12) for _ in range(500)]
    assert np.exp(-0.12) <= min(drawn) < 0.92
    assert 1.08 < max(drawn) <= np.exp(0.12)


@pytest.mark.parametrize("effect", ["equaliser", "band_limit", "room"])
def test_shaping_keeps_the_length_and_repeats_itself(effect: str) -> None:
    wave = noise(0.5)
    chosen = {"equaliser": False, "band_limit": False, "room": False, effect: True}
    first, again, other = (
        effects.shape(wave, np.random.default_rng(seed), **chosen) for seed in (1, 1, 2)
    )
    assert first.shape == wave.shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    assert not np.allclose(first, wave)


def test_nothing_chosen_changes_nothing() -> None:
    wave = noise(0.2)
    rng = np.random.default_rng(0)
    assert effects.shape(wave, rng, equaliser=False, band_limit=False, room=False) is wave


def test_the_equaliser_is_gentle() -> None:
    wave = noise(2)
    hertz = [125.0, 500.0, 1000.0, 4000.0, 16000.0]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        shaped = effects.shape(wave, rng, equaliser=True, band_limit=False, room=False)
        change = band_levels_db(shaped, hertz) - band_levels_db(wave, hertz)
        octaves = np.abs(np.log2(np.array(hertz) / 1000))
        assert (np.abs(change) < 12 + 1.5 * octaves + 1).all()


def test_a_band_limit_takes_treble_away_and_leaves_the_middle() -> None:
    wave = noise(2)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        shaped = effects.shape(wave, rng, equaliser=False, band_limit=True, room=False)
        middle, top = band_levels_db(shaped, [1000, 20000]) - band_levels_db(wave, [1000, 20000])
        assert middle == pytest.approx(0, abs=0.5)
        assert top < -15


def test_a_room_begins_with_the_direct_sound_and_decays() -> None:
    for seed in range(20):
        response = effects.room_response(np.random.default_rng(seed))
        assert response[0] == 1.0
        assert np.abs(response[1:]).max() < 1.0
        assert not response[1 : int(0.003 * RATE)].any()
        quarter = len(response) // 4
        early, late = response[1:quarter], response[-quarter:]
        assert np.square(late).sum() < 0.1 * np.square(early).sum()
        # From 0 dB (as much reverberation as direct sound) to 12 dB, a few reflections on top.
        assert 0.05 < np.square(response[1:]).sum() < 1 + 8 * 0.4**2 + 1


def test_a_room_does_not_wrap_the_end_round_to_the_beginning() -> None:
    wave = np.zeros(RATE // 2, np.float32)
    wave[-10] = 1.0
    rng = np.random.default_rng(0)
    heard = effects.shape(wave, rng, equaliser=False, band_limit=False, room=True)
    assert np.abs(heard[:-10]).max() < 1e-4


def test_damage_is_heard_but_leaves_the_sound_recognisable() -> None:
    time = np.arange(RATE) / RATE
    wave = (0.3 * np.sin(2 * np.pi * 440 * time) + 0.03 * noise(1, 1)).astype(np.float32)
    ratios = []
    for seed in range(30):
        damaged = effects.damage(wave, np.random.default_rng(seed))
        assert damaged.shape == wave.shape
        assert damaged.dtype == np.float32
        error = np.square(damaged - wave).sum() / np.square(wave).sum()
        ratios.append(-10 * np.log10(error))
    assert min(ratios) > 12
    assert max(ratios) < 60


def test_damage_leaves_silence_alone() -> None:
    silence = np.zeros(1000, np.float32)
    for seed in range(5):
        assert not effects.damage(silence, np.random.default_rng(seed)).any()

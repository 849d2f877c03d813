"""What the augmentations may and may not do to a sound."""

import numpy as np
import pytest
import torch
from scipy import fft, signal

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


def test_drawn_speeds_lie_around_one() -> None:
    rng = np.random.default_rng(0)
    drawn = [effects.draw_speed(rng, 0.12) for _ in range(500)]
    assert np.exp(-0.12) <= min(drawn) < 0.92
    assert 1.08 < max(drawn) <= np.exp(0.12)


def shaped(wave: np.ndarray, seed: int, **chosen: bool) -> np.ndarray:
    waves = torch.from_numpy(wave.copy())[None]
    effects.apply_filters(waves, [effects.draw_filters(np.random.default_rng(seed), **chosen)])
    return waves[0].numpy()


def damaged(wave: np.ndarray, drawn: effects.Damage) -> np.ndarray:
    waves = torch.from_numpy(wave.copy())[None]
    effects.damage(waves, [drawn])
    return waves[0].numpy()


@pytest.mark.parametrize("effect", ["equaliser", "band_limit", "room", "far"])
def test_shaping_keeps_the_length_and_repeats_itself(effect: str) -> None:
    wave = noise(0.5)
    first, again, other = (shaped(wave, seed, **{effect: True}) for seed in (1, 1, 2))
    assert first.shape == wave.shape
    assert np.isfinite(first).all()
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    assert not np.allclose(first, wave)


def test_nothing_chosen_changes_nothing() -> None:
    assert effects.draw_filters(np.random.default_rng(0)) is None
    wave = noise(0.2)
    assert np.array_equal(shaped(wave, 0), wave)


def test_each_wave_has_its_own_filters() -> None:
    """Whatever the others of its batch have."""
    wave = noise(0.5)
    drawn = [
        effects.draw_filters(np.random.default_rng(seed), **chosen)
        for seed, chosen in enumerate((
            {"room": True}, {"equaliser": True}, {}, {"far": True, "band_limit": True},
            {"equaliser": True, "room": True},
        ))
    ]  # fmt: skip
    together = torch.from_numpy(wave).repeat(len(drawn), 1)
    effects.apply_filters(together, drawn)
    for row, filters in zip(together, drawn, strict=True):
        alone = torch.from_numpy(wave.copy())[None]
        effects.apply_filters(alone, [filters])
        torch.testing.assert_close(row, alone[0], rtol=0, atol=1e-5)


def test_the_equaliser_is_gentle() -> None:
    wave = noise(2)
    hertz = [125.0, 500.0, 1000.0, 4000.0, 16000.0]
    for seed in range(20):
        change = band_levels_db(shaped(wave, seed, equaliser=True), hertz) - band_levels_db(
            wave, hertz
        )
        octaves = np.abs(np.log2(np.array(hertz) / 1000))
        assert (np.abs(change) < 12 + 1.5 * octaves + 1).all()


def test_a_band_limit_takes_treble_away_and_leaves_the_middle() -> None:
    wave = noise(2)
    for seed in range(20):
        hertz = [1000.0, 20000.0]
        limited = shaped(wave, seed, band_limit=True)
        middle, top = band_levels_db(limited, hertz) - band_levels_db(wave, hertz)
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
    heard = shaped(wave, 0, room=True)
    assert np.abs(heard[:-10]).max() < 1e-4


def test_damage_is_heard_but_leaves_the_sound_recognisable() -> None:
    time = np.arange(RATE) / RATE
    wave = (0.3 * np.sin(2 * np.pi * 440 * time) + 0.03 * noise(1, 1)).astype(np.float32)
    ratios = []
    for seed in range(30):
        coded = damaged(wave, effects.draw_damage(np.random.default_rng(seed)))
        assert coded.shape == wave.shape
        error = np.square(coded - wave).sum() / np.square(wave).sum()
        ratios.append(-10 * np.log10(error))
    assert min(ratios) > 12
    assert max(ratios) < 60


def test_damage_leaves_silence_alone() -> None:
    silence = np.zeros(1000, np.float32)
    for seed in range(5):
        drawn = effects.draw_damage(np.random.default_rng(seed))
        assert not damaged(silence, drawn).any()


def test_a_room_is_heard_as_a_convolution() -> None:
    wave = noise(0.3)
    filters = effects.draw_filters(np.random.default_rng(3), room=True)
    assert filters is not None and filters.room is not None
    expected = signal.fftconvolve(wave, filters.room)[: len(wave)]
    np.testing.assert_allclose(shaped(wave, 3, room=True), expected, atol=1e-5)


def test_holes_are_those_of_a_cosine_transform() -> None:
    """Of each block, in steps of its loudest coefficient."""
    wave = noise(1024 / RATE)
    coefficients = fft.dct(wave, norm="ortho")
    step = np.abs(coefficients).max() * 10 ** (-30 / 20)
    coarse = np.round(coefficients / (step + 1e-9)) * step
    expected = fft.idct(coarse, norm="ortho")
    error = damaged(wave, effects.Damage(holes_db=30)) - expected
    # A coefficient between two steps may be rounded to the other one.
    assert np.square(error).sum() < 3 * step**2


def test_a_slow_gain_is_a_line_in_decibels() -> None:
    [gain] = effects.slow_gains([(-6.0, 0.0, 6.0)], RATE, torch.device("cpu"))
    decibels = 20 * np.log10(gain.numpy())
    np.testing.assert_allclose(decibels, np.linspace(-6, 6, RATE), atol=0.02)


def test_the_level_is_that_of_the_active_part() -> None:
    waves = torch.zeros(2, RATE)
    waves[0, : RATE // 2] = 0.1
    level, silent = effects.active_level_db(waves).tolist()
    assert level == pytest.approx(-20, abs=0.1)
    assert silent == 0.0


def test_noise_is_as_drawn() -> None:
    drawn = [effects.draw_noise(RATE, np.random.default_rng(seed)) for seed in range(12)]
    waves = effects.make_noise(drawn, RATE, torch.device("cpu")).numpy()
    assert waves.shape == (12, RATE)
    for wave, one in zip(waves, drawn, strict=True):
        # Between the high-pass and the hum below and the low-pass above.
        low, high = band_levels_db(wave, [500.0, 2000.0])
        assert low - high == pytest.approx(2 * one.fall_db, abs=1.5)

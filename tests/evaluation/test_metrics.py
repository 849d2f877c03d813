import numpy as np
import pytest
import torch

from soundsift.evaluation.metrics import (
    HIGHEST_DB,
    LOWEST_DB,
    attenuation_db,
    bootstrap_mean,
    bootstrap_share,
    sdr,
    sdr_improvement,
    si_sdr,
    si_sdr_improvement,
)


def orthogonal() -> tuple[np.ndarray, np.ndarray]:
    """Two waves of equal energy without anything in common."""
    time = np.arange(4800) / 4800
    first, second = np.sin(2 * np.pi * 10 * time), np.sin(2 * np.pi * 20 * time)
    return first.astype(np.float32), second.astype(np.float32)


def test_si_sdr_is_the_ratio_of_what_is_wanted_to_what_is_not() -> None:
    wanted, noise = orthogonal()
    assert si_sdr(wanted + 0.1 * noise, wanted) == pytest.approx(20.0, abs=1e-3)
    assert si_sdr(wanted + noise, wanted) == pytest.approx(0.0, abs=1e-3)


def test_gain_counts_in_sdr_only() -> None:
    wanted, noise = orthogonal()
    estimate = wanted + 0.1 * noise
    assert si_sdr(0.5 * estimate, wanted) == pytest.approx(si_sdr(estimate, wanted), abs=1e-4)
    assert si_sdr(-estimate, wanted) == pytest.approx(si_sdr(estimate, wanted), abs=1e-4)
    # Half is missing: 6 dB, whatever else.
    assert sdr(0.5 * wanted, wanted) == pytest.approx(6.02, abs=0.01)


def test_extremes_stay_finite() -> None:
    wanted, noise = orthogonal()
    assert si_sdr(np.zeros_like(wanted), wanted) == LOWEST_DB
    assert si_sdr(noise, wanted) == LOWEST_DB
    assert si_sdr(wanted, wanted) == HIGHEST_DB
    assert sdr(wanted, wanted) == HIGHEST_DB
    assert sdr(np.zeros_like(wanted), wanted) == pytest.approx(0.0)


def test_tensors_and_arrays_give_the_same() -> None:
    wanted, noise = orthogonal()
    estimate = wanted + 0.3 * noise
    tensors = si_sdr(torch.from_numpy(estimate), torch.from_numpy(wanted))
    assert tensors == si_sdr(estimate, wanted)


def test_improvement_is_against_the_mixture() -> None:
    wanted, noise = orthogonal()
    mixture, estimate = wanted + noise, wanted + 0.1 * noise
    assert si_sdr_improvement(estimate, wanted, mixture) == pytest.approx(20.0, abs=1e-3)
    assert sdr_improvement(estimate, wanted, mixture) == pytest.approx(20.0, abs=1e-3)
    assert si_sdr_improvement(mixture, wanted, mixture) == 0.0


def test_attenuation() -> None:
    wanted, _ = orthogonal()
    assert attenuation_db(0.1 * wanted, wanted) == pytest.approx(20.0, abs=1e-4)
    assert attenuation_db(np.zeros_like(wanted), wanted) == HIGHEST_DB


def test_silent_reference_and_other_shapes_are_refused() -> None:
    wanted, _ = orthogonal()
    with pytest.raises(ValueError, match="silent"):
        si_sdr(wanted, np.zeros_like(wanted))
    with pytest.raises(ValueError, match="shape"):
        si_sdr(wanted[:-1], wanted)
    with pytest.raises(ValueError, match="shape"):
        si_sdr(wanted[None], wanted[None])


def test_bootstrap_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        found = bootstrap_mean(rng.normal(3.0, 2.0, 50).tolist(), seed=trial)
        hits += found.low <= 3.0 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_bootstrap_is_seeded_and_survives_few_values() -> None:
    values = np.random.default_rng(0).normal(size=31).tolist()
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values) != bootstrap_mean(values, seed=1)
    assert bootstrap_mean([1.0, 2.0, 4.0, 8.0]).median == 3.0
    one = bootstrap_mean([5.0])
    assert (one.mean, one.low, one.high, one.count) == (5.0, 5.0, 5.0, 1)
    none = bootstrap_mean([])
    assert none.count == 0
    assert np.isnan(none.mean)


def test_bootstrap_share_is_of_sums_and_covers() -> None:
    assert bootstrap_share([1.0, 9.0], [10.0, 10.0])[0] == 0.5
    share, low, high = bootstrap_share([3.0, 6.0, 1.5], [4.0, 8.0, 2.0])
    assert share == low == high == 0.75
    rng = np.random.default_rng(2)
    hits = 0
    for trial in range(200):
        wholes = rng.uniform(5.0, 25.0, 50)
        parts = 0.8 * wholes + rng.normal(0.0, 4.0, 50)
        _, low, high = bootstrap_share(parts.tolist(), wholes.tolist(), seed=trial)
        hits += low <= 0.8 <= high
    assert 0.90 <= hits / 200 <= 0.99

from pathlib import Path

import numpy as np
import pytest

from soundsift.studio.peaks import read_peaks, write_peaks


@pytest.mark.parametrize("size", [100, 256, 1000, 5001])
def test_peaks_are_the_extremes_of_their_part(tmp_path: Path, size: int) -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, (2, 5001)).astype(np.float32)
    write_peaks(tmp_path / "p.npy", (wave[:, at : at + size] for at in range(0, 5001, size)))
    found = read_peaks(tmp_path / "p.npy", 5, 16_000)
    # 20 stored pairs of 256 samples, four for each point.
    parts = [wave[:, at : at + 1024] for at in range(0, 5001, 1024)]
    assert found["points"] == 5
    expected = np.array([part.min(axis=1) for part in parts]).T
    np.testing.assert_allclose(found["minimum"], expected, atol=1e-4)
    expected = np.array([part.max(axis=1) for part in parts]).T
    np.testing.assert_allclose(found["maximum"], expected, atol=1e-4)


def test_points_are_limited_to_stored_pairs(tmp_path: Path) -> None:
    write_peaks(tmp_path / "p.npy", [np.full((1, 300), 0.5, np.float32)])
    found = read_peaks(tmp_path / "p.npy", 1000, 16_000)
    assert found["points"] == 2
    assert found["minimum"] == found["maximum"]
    np.testing.assert_allclose(found["maximum"], [[0.5, 0.5]], atol=2e-5)


def test_peaks_are_clipped_to_full_scale(tmp_path: Path) -> None:
    write_peaks(tmp_path / "p.npy", [np.array([[3.0, -4.0, 0.0]], np.float32)])
    found = read_peaks(tmp_path / "p.npy", 1, 16_000)
    assert (found["minimum"], found["maximum"]) == ([[-1.0]], [[1.0]])


def test_a_part_equals_that_part_of_the_whole(tmp_path: Path) -> None:
    rate = 44_100
    wave = np.random.default_rng(1).uniform(-1, 1, (1, 100 * 256)).astype(np.float32)
    write_peaks(tmp_path / "p.npy", [wave])
    whole = read_peaks(tmp_path / "p.npy", 100, rate)
    part = read_peaks(tmp_path / "p.npy", 20, rate, 30 * 256 / rate, 70 * 256 / rate)
    assert (part["start"], part["end"]) == (30 * 256 / rate, 70 * 256 / rate)
    least = np.array(whole["minimum"][0])[30:70].reshape(20, 2).min(axis=1)
    assert part["minimum"][0] == least.tolist()
    # Beyond the end: the last pair.
    beyond = read_peaks(tmp_path / "p.npy", 20, rate, 1e6, 2e6)
    assert beyond["maximum"][0] == whole["maximum"][0][-1:]

"""SDR and SI-SDR as published, against values by hand and against torchmetrics."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from soundsift.errors import SoundsiftError
from soundsift.evaluation import metrics
from soundsift.evaluation.suites.published import (
    audiosep_sdr,
    audiosep_si_sdr,
    load_mono,
    need_files,
)

TORCHMETRICS = pytest.importorskip("torchmetrics.functional.audio")


def waves(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    wanted = rng.normal(0, 0.1, 4000)
    return wanted, 0.7 * wanted + rng.normal(0, 0.02, 4000)


def test_by_hand() -> None:
    wanted, found = np.array([1.0, 2.0, 2.0]), np.array([1.0, 2.0, 3.0])
    # Energy 9, error 1.
    assert audiosep_sdr(wanted, found) == pytest.approx(10 * np.log10(9), abs=1e-6)
    # Gain 11 / 9: 121 / 9 against 14 - 121 / 9.
    si_sdr = 10 * np.log10((121 / 9) / (14 - 121 / 9))
    assert audiosep_si_sdr(wanted, found) == pytest.approx(si_sdr, abs=1e-6)
    # Powers below 1e-10 count as 1e-10.
    assert audiosep_sdr(wanted, wanted) == pytest.approx(10 * np.log10(3 / 1e-10), abs=1e-6)
    assert audiosep_sdr(np.zeros(3), np.ones(3)) == pytest.approx(-100.0, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_torchmetrics_agrees(seed: int) -> None:
    wanted, found = waves(seed)
    pair = torch.from_numpy(found), torch.from_numpy(wanted)
    si_sdr = float(TORCHMETRICS.scale_invariant_signal_distortion_ratio(*pair))
    snr = float(TORCHMETRICS.signal_noise_ratio(*pair))
    assert metrics.si_sdr(found, wanted) == pytest.approx(si_sdr, abs=1e-6)
    assert metrics.sdr(found, wanted) == pytest.approx(snr, abs=1e-6)
    # float32's epsilon in every sum moves the published SI-SDR by up to 1e-5 dB here.
    assert audiosep_si_sdr(wanted, found) == pytest.approx(si_sdr, abs=1e-4)
    assert audiosep_sdr(wanted, found) == pytest.approx(snr, abs=1e-6)


def test_files_are_mixed_down_and_resampled(tmp_path: Path) -> None:
    stereo = np.stack([np.full(8000, 0.5), np.full(8000, 0.1)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 8000, subtype="FLOAT")
    assert load_mono(tmp_path / "a.wav", 8000) == pytest.approx(np.full(8000, 0.3), abs=1e-6)
    assert len(load_mono(tmp_path / "a.wav", 16000)) == 16000


def test_missing_files_are_named_with_their_source(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.wav" for n in range(5)]
    with pytest.raises(SoundsiftError, match=r"suite: missing .*0\.wav.* and 2 more.*the shop"):
        need_files(paths, "suite", "the shop")

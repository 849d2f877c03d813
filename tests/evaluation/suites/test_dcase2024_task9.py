from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsift.errors import SoundsiftError
from soundsift.evaluation.suites.dcase2024_task9 import mix, open_suite, summarise

RATE = 16_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "lass_validation").mkdir()
    for name, level in (("111", 0.1), ("222", 0.05), ("333", 0.6)):
        wave = rng.uniform(-level, level, RATE)
        path = tmp_path / "lass_validation" / f"{name}.wav"
        soundfile.write(path, wave, RATE, subtype="FLOAT")
    (tmp_path / "lass_synthetic_validation.csv").write_text(
        'source,noise,snr,caption\n111,222,10,"A dog barks, then rests"\n333,111,-15,Rain falls\n'
    )
    return tmp_path


def test_the_mixture_has_the_snr_and_the_caption(data: Path) -> None:
    suite = open_suite(data)
    assert suite.ids == ("0000", "0001")
    item = suite.load("0000")
    assert item.asks[0].text == "A dog barks, then rests"
    assert item.sample_rate == RATE
    target = item.references["target"]
    noise = item.mixture - target
    ratio = np.square(target).mean() / np.square(noise).mean()
    assert 10 * np.log10(ratio) == pytest.approx(10.0, abs=1e-4)


def test_a_clipping_mixture_is_scaled_with_its_source(data: Path) -> None:
    item = open_suite(data).load("0001")
    assert np.abs(item.mixture).max() == pytest.approx(0.9, abs=1e-6)
    target = item.references["target"]
    assert 10 * np.log10(
        np.square(target).mean() / np.square(item.mixture - target).mean()
    ) == pytest.approx(-15.0, abs=1e-4)


def test_scores_by_hand(data: Path) -> None:
    """Half of the source: SDR 20 log10 2, SI-SDR bounded by epsilon, improvement against 10 dB."""
    suite = open_suite(data)
    item = suite.load("0000")
    scores = suite.score(item, {"target": 0.5 * item.references["target"]})
    assert scores["sdr"] == pytest.approx(20 * np.log10(2), abs=1e-6)
    target, mixture = (w[0].astype(np.float64) for w in (item.references["target"], item.mixture))
    before = 10 * np.log10(np.square(target).mean() / np.square(mixture - target).mean())
    assert scores["sdr_i"] == pytest.approx(20 * np.log10(2) - before, abs=1e-6)
    found = summarise([{"scores": scores, "group": ""}, {"scores": {"sdr": 0.0}, "group": ""}])
    assert found["sdr"].value == pytest.approx(10 * np.log10(2), abs=1e-6)
    assert (found["sdr"].count, found["sdr_i"].count) == (2, 1)


def test_mix_by_hand() -> None:
    source, noise = np.array([0.1, -0.1], np.float32), np.array([0.4, 0.4], np.float32)
    target, mixture = mix(source, noise, 20)
    assert target == pytest.approx([0.1, -0.1], abs=1e-7)
    # 20 dB below 0.1 is 0.01.
    assert mixture == pytest.approx([0.11, -0.09], abs=1e-7)


def test_missing_sounds_and_other_columns_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match="needs the folder"):
        open_suite(None)
    (data / "lass_validation" / "222.wav").unlink()
    with pytest.raises(SoundsiftError, match=r"missing .*222\.wav\. Get the data from zenodo"):
        open_suite(data)
    (data / "lass_synthetic_validation.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SoundsiftError, match="columns are a,b"):
        open_suite(data)

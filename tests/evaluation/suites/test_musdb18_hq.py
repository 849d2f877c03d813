import importlib.util
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from soundsift.errors import SoundsiftError
from soundsift.evaluation.suites.musdb18_hq import (
    PROMPTS,
    by_name,
    open_suite,
    summarise,
    windowed_sdr,
)

RATE = 1000


@pytest.fixture(scope="module")
def museval() -> ModuleType:
    """museval's metrics; the package itself asks for the program ffmpeg when it is imported."""
    path = Path(str(distribution("museval").locate_file("museval/metrics.py")))
    spec = importlib.util.spec_from_file_location("museval_metrics", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("samples", [3 * RATE, 3 * RATE + 400, 600])
def test_museval_agrees(museval: ModuleType, samples: int) -> None:
    rng = np.random.default_rng(samples)
    references = rng.normal(0, 0.1, (3, 2, samples))
    estimates = references + rng.normal(0, 0.05, references.shape)
    estimates[1] += 0.3 * references[0]
    if samples >= 3 * RATE:
        references[2, :, RATE : 2 * RATE] = 0  # a silent window of one stem
    theirs = museval.bss_eval(
        references.transpose(0, 2, 1), estimates.transpose(0, 2, 1), window=RATE, hop=RATE
    )[0]
    ours = windowed_sdr(references, estimates, RATE)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert np.isnan(ours).any() == (samples >= 3 * RATE)


def test_an_exact_output_is_infinite_and_a_silent_one_does_not_count(museval: ModuleType) -> None:
    references = np.random.default_rng(0).normal(0, 0.1, (1, 2, 2 * RATE))
    estimates = references.copy()
    estimates[:, :, RATE:] = 0
    ours = windowed_sdr(references, estimates, RATE)
    assert ours[0, 0] == np.inf
    assert np.isnan(ours[0, 1])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for track in ("A - One", "B - Two"):
        folder = tmp_path / "test" / track
        folder.mkdir(parents=True)
        stems = {name: rng.uniform(-0.1, 0.1, (88_200, 2)) for name in PROMPTS}
        stems["mixture"] = sum(stems.values())
        for name, wave in stems.items():
            soundfile.write(folder / f"{name}.wav", wave, 44_100, subtype="FLOAT")
    return tmp_path


def test_median_over_windows_then_tracks(data: Path) -> None:
    suite = open_suite(data)
    assert suite.ids == ("A - One", "B - Two")
    item = suite.load("A - One")
    assert item.mixture.shape == (2, 88_200)
    outputs = {name: 0.5 * wave for name, wave in item.references.items()}
    scores = suite.score(item, outputs)
    assert scores["vocals_sdr"] == pytest.approx(20 * np.log10(2), abs=1e-6)
    rows = [{"scores": {"vocals_sdr": v}, "group": ""} for v in (1.0, 2.0, 9.0)]
    assert summarise(rows)["vocals_sdr"].value == 2.0


def test_stems_of_systems_without_prompts_go_by_name(data: Path) -> None:
    item = open_suite(data).load("A - One")
    silent = np.zeros_like(item.mixture)
    assert list(by_name(item, {"accompaniment": silent, "vocals": silent})) == ["vocals"]
    with pytest.raises(ValueError, match="none of the stems"):
        by_name(item, {"speech": silent})


def test_missing_stems_are_named(data: Path) -> None:
    (data / "test" / "B - Two" / "bass.wav").unlink()
    with pytest.raises(SoundsiftError, match=r"bass\.wav.*zenodo"):
        open_suite(data)

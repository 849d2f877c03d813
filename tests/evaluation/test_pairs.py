"""Pairs of classes at 0 dB, from any folder of classes."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsift.errors import SoundsiftError
from soundsift.evaluation.pairs import draw_pair, find_classes
from soundsift.evaluation.suites.pairs import open_suite

RATE = 44_100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of tones; one of silence and one folder without sound."""
    root = tmp_path_factory.mktemp("classes")
    time = np.arange(RATE * 2) / RATE
    for name, hertz in {"Dog_bark": 300, "church bells": 900, "rain": 2000}.items():
        (root / name).mkdir()
        for take in range(2):
            wave = (0.1 + 0.2 * take) * np.sin(2 * np.pi * hertz * time)
            soundfile.write(root / name / f"{take}.wav", wave, RATE)
    (root / "notes").mkdir()
    (root / "notes" / "readme.txt").write_text("no sound")
    return root


def test_classes_are_named_by_their_folders(folder: Path) -> None:
    assert list(find_classes(folder)) == ["dog bark", "church bells", "rain"]


def test_pairs_are_of_different_classes_at_equal_energy_and_repeatable(folder: Path) -> None:
    classes = find_classes(folder)
    for number in range(10):
        waves, names = draw_pair(classes, number)
        same, _ = draw_pair(classes, number)
        assert names[0] != names[1]
        assert waves.shape == (2, 5 * 48_000)
        energies = np.square(waves).sum(axis=1)
        assert energies[0] == pytest.approx(energies[1], rel=1e-4)
        assert np.array_equal(waves, same)


def test_figures_of_the_mixture_and_of_the_right_answer(folder: Path) -> None:
    """The mixture improves by 0 dB and is 3 dB too loud; the target itself improves by far."""
    suite = open_suite(folder)
    first, second = (suite.load(name) for name in suite.ids[:2])
    assert first.asks[0].text == second.extra["other_text"] != second.asks[0].text
    assert np.array_equal(first.references["target"], second.references["other"])
    scores = suite.score(first, {"target": first.mixture})
    assert scores["si_sdr_i"] == pytest.approx(0.0, abs=1e-6)
    assert scores["level_db"] == pytest.approx(3.0, abs=0.1)
    assert scores["near"] == 0.0
    scores = suite.score(first, {"target": first.references["target"]})
    assert scores["sdr_i"] > 50
    assert (scores["near"], scores["span_iou"]) == (1.0, 1.0)


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match="no such folder"):
        find_classes(tmp_path / "missing")
    with pytest.raises(SoundsiftError, match="expected at least 2"):
        find_classes(tmp_path)

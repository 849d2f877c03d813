"""Pairs of classes at 0 dB, from any folder of classes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from soundsift.errors import SoundsiftError
from soundsift.evaluation import pairs
from soundsift.evaluation.baselines import Query
from soundsift.evaluation.pairs import draw_pair, find_classes, run_pairs

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


def test_figures_of_the_mixture_and_of_the_right_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mixture improves by 0 dB and is 3 dB too loud; the target itself improves by far."""
    waves: dict[str, np.ndarray] = {}
    drawn = draw_pair

    def remember(classes: dict[str, list[Path]], number: int) -> Any:
        pair, names = drawn(classes, number)
        waves.update(zip(names, pair, strict=True))
        return pair, names

    def unchanged(mixture: np.ndarray, query: Query) -> np.ndarray:
        return mixture

    def perfect(mixture: np.ndarray, query: Query) -> np.ndarray:
        return waves[str(query.text)][None]

    monkeypatch.setattr(pairs, "draw_pair", remember)
    results = []
    for separate in (unchanged, perfect):
        monkeypatch.setattr(pairs, "open_model", lambda *_, own=separate: (own, None))
        results.append(run_pairs(folder, pairs=4))
    assert results[0]["si_sdr"]["mean"] == pytest.approx(0.0, abs=1e-6)
    assert results[0]["near"]["mean"] == 0.0
    assert results[1]["sdr"]["mean"] > 50
    assert results[1]["near"]["mean"] == 1.0
    assert results[1]["si_sdr"]["count"] == 8


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match="no such folder"):
        find_classes(tmp_path / "missing")
    with pytest.raises(SoundsiftError, match="expected at least 2"):
        find_classes(tmp_path)

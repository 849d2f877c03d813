"""The clearest moment of a first pass, and the second pass that has it as an example."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from tests.separation.test_references import RATE, Seen, model, seen
from tests.separation.test_separator import noise
from torch import Tensor

from soundsift.errors import SoundsiftError
from soundsift.prompts import NULL, OPEN, POSITIVE, Prompt, Span
from soundsift.separation import second_look
from soundsift.separation.second_look import clearest
from soundsift.separation.separator import Separator

__all__ = ["seen"]


@pytest.fixture(scope="module")
def separator(tmp_path_factory: pytest.TempPathFactory) -> Separator:
    return model(tmp_path_factory.mktemp("open"), 4)


def energies(frames: int, *parts: tuple[int, int, float]) -> Tensor:
    found = torch.full((frames,), 1e-9)
    for start, end, energy in parts:
        found[start:end] = energy
    return found


def test_the_clearest_moment_is_loud_and_alone() -> None:
    target = energies(500, (50, 70, 1.0), (200, 220, 2.0), (300, 320, 0.5))
    mixture = target + energies(500, (190, 230, 20.0), (300, 320, 0.1))
    assert clearest(target, mixture) == (50, 70)
    # Louder wins where both are alone.
    assert clearest(target, target) == (200, 220)


def test_it_is_two_seconds_at_most_and_bridges_short_pauses() -> None:
    long = energies(500, (100, 300, 1.0))
    start, end = clearest(long, long) or (0, 0)
    assert end - start == 51 and start >= 100 and end <= 300
    broken = energies(500, (100, 110, 1.0), (114, 124, 1.0), (140, 145, 1.0))
    assert clearest(broken, broken) == (100, 124)
    assert clearest(long[100:120], long[100:120]) == (0, 20)


def test_what_is_never_a_quarter_of_the_mixture_has_none() -> None:
    target = energies(500, (50, 70, 1.0))
    assert clearest(target, target + 3.5) is None
    assert clearest(torch.zeros(500), torch.zeros(500)) is None
    assert clearest(torch.zeros(500), torch.ones(500)) is None


def test_the_second_pass_has_the_moment_in_front_of_every_window(
    separator: Separator, seen: list[Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    def target(**options: Any) -> np.ndarray:
        seen.clear()
        mixture = noise(1, RATE * 30)
        result = separator.separate(mixture, sample_rate=RATE, text="hiss", **options)
        found = preset != "draft" and second_look.clearest(1, 2) is not None
        assert result.settings.get("reference") == ([388 / 25, 437 / 25] if found else None)
        assert result.settings["spans"] == []
        return result.target

    plain = [(NULL, 250)]
    # Also in front of those that hear it themselves: nobody said that it is all there is.
    example = [(NULL, 12), (POSITIVE, 25), (NULL, 12), (OPEN, 250)]
    targets = {}
    for name, moment, preset, trust, second in (
        ("draft", (400, 425), "draft", 0.5, []),
        ("no moment", None, "standard", 0.5, [plain] * 4),
        ("moment", (400, 425), "standard", 1.0, [example] * 4),
        ("moment, half trusted", (400, 425), "standard", 0.5, [example] * 4 + [plain] * 4),
    ):
        monkeypatch.setattr(second_look, "clearest", lambda *_, moment=moment: moment)
        monkeypatch.setattr(second_look, "_TRUST", trust)
        targets[name] = target(preset=preset)
        told = [item.marks for item in seen]
        assert told[:4] == [plain] * 4
        assert sorted(told[4:]) == sorted(second)
    assert np.array_equal(targets["no moment"], targets["draft"])
    apart = np.abs(targets["moment"] - targets["draft"]).max()
    # Half trusted, it lies in between, cell by cell.
    for other in ("moment", "draft"):
        assert np.abs(targets["moment, half trusted"] - targets[other]).max() < 0.7 * apart


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        (Prompt("hiss"), {"preset": "draft"}),
        (Prompt("hiss"), {"joining": "chunks"}),
        (Prompt("hiss"), {"joining": "one-shot"}),
        (Prompt("hiss"), {"window": 40.0}),
        (Prompt("hiss", (Span(1.0, 2.0),)), {}),
        (Prompt("hiss", (Span(1.0, 2.0, False),)), {}),
        (Prompt(spans=(Span(1.0, 2.0),)), {}),
    ],
)
def test_one_look_is_enough(
    separator: Separator, monkeypatch: pytest.MonkeyPatch, asked: Prompt, options: dict
) -> None:
    monkeypatch.delattr(second_look, "clearest")
    [result] = separator.separate_many(noise(1, RATE * 30), [asked], sample_rate=RATE, **options)
    assert ("reference" in result.settings) == any(span.positive for span in asked.spans)


def test_models_that_know_no_examples_look_once(tmp_path: Path) -> None:
    result = model(tmp_path, 3).separate(noise(1, RATE * 30), sample_rate=RATE, text="hiss")
    assert "reference" not in result.settings


def test_progress_tells_of_both_passes(separator: Separator) -> None:
    told: list[float] = []
    separator.separate(noise(2, RATE * 300), sample_rate=RATE, text="hiss", progress=told.append)
    assert told == sorted(told) and told[-1] == 1
    steps = np.diff([0.0, *told])
    assert steps.max() < 0.2


def test_files_hold_what_arrays_do(separator: Separator, tmp_path: Path) -> None:
    source = tmp_path / "mix.wav"
    soundfile.write(source, noise(2, 44_100 * 24).T, 44_100, subtype="PCM_16")
    saved = separator.separate_file(source, tmp_path / "out", text="hiss")
    whole = separator.separate(source, text="hiss")
    assert saved.settings == whole.settings and "reference" in saved.settings
    found = soundfile.read(saved.paths["target"], dtype="int16", always_2d=True)[0].T
    assert np.array_equal(found, np.rint(whole.target * 2**15))


def test_a_place_that_is_taken_is_refused_before_the_first_pass(
    separator: Separator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "mix.wav"
    soundfile.write(source, noise(1, RATE * 24).T, RATE)
    (tmp_path / "mix.residual.wav").write_text("mine")
    monkeypatch.delattr(second_look, "clearest")
    with pytest.raises(SoundsiftError, match="exists already"):
        separator.separate_file(source, tmp_path, text="hiss")

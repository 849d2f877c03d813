"""Phrases that may mean what is marked."""

from dataclasses import replace

import pytest
import torch
from tests.separation.test_separator import noise, separator
from torch import Tensor

from soundsift.data.captions import load_rules
from soundsift.separation import naming
from soundsift.separation.naming import known_phrases, likely_phrases
from soundsift.separation.separator import Separator

__all__ = ["separator"]

MARKS = torch.tensor([0] * 12 + [1] * 25 + [0] * 12)


def test_the_phrases_are_concepts() -> None:
    assert set(known_phrases()) <= load_rules().concepts.keys()
    assert len(known_phrases()) > 150


@pytest.mark.parametrize(("nearest", "found"), [(0.8, ("right",)), (0.99, ())])
def test_the_phrases_with_the_nearest_answers(
    separator: Separator, monkeypatch: pytest.MonkeyPatch, nearest: float, found: tuple[str, ...]
) -> None:
    """None where all of the moment is the sound, and any phrase would do."""
    marked = torch.linspace(0, 1, 128)[:, None].expand(-1, 49)
    answers = {
        None: marked,
        "faint": 0.05 * marked,
        "half": 0.5 * marked,
        "other": 1 - marked,
        "right": nearest * marked,
    }

    def cells(*given: object) -> Tensor:
        _, _, context, phrases, anchors = given
        assert isinstance(context, Tensor) and isinstance(anchors, Tensor)
        assert context.shape[1] == anchors.shape[1] == 49
        # What is marked is shown to the first only.
        assert anchors.sum() == (25 if phrases == [None] else 0)
        return torch.stack([answers[phrase] for phrase in phrases])  # type: ignore[attr-defined]

    monkeypatch.setattr(naming, "_cells", cells)
    wave = torch.from_numpy(noise(2, 1920 * 49))[None]
    names = ["faint", "half", "other", "right"]
    assert likely_phrases(separator.networks, wave, MARKS, names) == found


def test_any_order_of_phrases_gives_the_same(
    separator: Separator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Random weights hardly listen to text: all phrases are near.
    monkeypatch.setattr(naming, "_CLEAN_DB", 1000.0)
    wave = torch.from_numpy(noise(2, 1920 * 49))[None]
    found = likely_phrases(separator.networks, wave, MARKS)
    assert len(found) == 1 and {*found} <= {*known_phrases()}
    assert likely_phrases(separator.networks, wave, MARKS, known_phrases()[::-1]) == found


def test_codecs_without_cells_name_nothing(separator: Separator) -> None:
    wave = torch.from_numpy(noise(2, 1920 * 49))[None]
    other = replace(separator.networks, codec=object())  # type: ignore[arg-type]
    assert likely_phrases(other, wave, MARKS) == ()

"""Phrases that may mean what is marked."""

from dataclasses import replace

import pytest
import torch
from tests.separation.test_separator import noise, separator
from torch import Tensor

from soundsift.config import MelCodecConfig
from soundsift.data.captions import load_rules
from soundsift.models.mel_codec import MelCodec
from soundsift.separation import naming
from soundsift.separation.excerpts import Excerpt, analyse
from soundsift.separation.naming import known_phrases, nearest_phrases
from soundsift.separation.separator import Separator

__all__ = ["separator"]

MARKS = torch.tensor([0] * 12 + [1] * 25 + [0] * 12)


def test_the_phrases_are_concepts() -> None:
    assert set(known_phrases()) <= load_rules().concepts.keys()
    assert len(known_phrases()) > 150


def excerpt(anchors: Tensor) -> Excerpt:
    wave = torch.from_numpy(noise(2, 1920 * len(anchors)))[None]
    return analyse(MelCodec(MelCodecConfig()), wave, anchors)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str | None, Tensor]:
    """What phrases lift out of the moment, and marks (None): masks, the same in all its frames."""
    masks: dict[str | None, Tensor] = {}
    wanted = torch.linspace(0, 1, 128)[:, None]
    masks |= {None: wanted, "faint": 0.05 * wanted, "half": 0.5 * wanted, "other": 1 - wanted}

    def cells(*given: object) -> Tensor:
        _, _, context, phrases, anchors = given
        assert isinstance(context, Tensor) and isinstance(anchors, Tensor)
        assert isinstance(phrases, list) and context.shape[1] == anchors.shape[1] == 49
        # What is marked is shown to the first only.
        assert anchors.sum() == (25 if phrases == [None] else 0)
        return torch.stack([masks[phrase].expand(-1, 49) for phrase in phrases])

    monkeypatch.setattr(naming, "_cells", cells)
    return masks


def test_the_phrases_with_the_nearest_answers(
    separator: Separator, answers: dict[str | None, Tensor]
) -> None:
    wanted = answers[None]
    # 14.0 dB, 6.0, 4.4, 1.9, 0.4, and less than nothing.
    for name, scale in {"right": 0.8, "third": 0.4, "fourth": 0.2}.items():
        answers[name] = scale * wanted
    names = ["faint", "other", "fourth", "third", "half", "right"]
    found = nearest_phrases(separator.networks, excerpt(MARKS), names)
    assert found == ["right", "half", "third", "fourth"]
    # Silence is nearer than another sound.
    answers["wrong"] = torch.full_like(wanted, 3.0)
    found = nearest_phrases(separator.networks, excerpt(MARKS), ["wrong", "faint"])
    assert found == ["faint", "wrong"]


def test_any_order_of_phrases_gives_the_same(separator: Separator) -> None:
    moment = excerpt(MARKS)
    found = nearest_phrases(separator.networks, moment)
    assert len(set(found)) == 4 and {*found} <= {*known_phrases()}
    assert nearest_phrases(separator.networks, moment, known_phrases()[::-1]) == found


def test_codecs_without_cells_name_nothing(separator: Separator) -> None:
    other = replace(separator.networks, codec=object())  # type: ignore[arg-type]
    assert nearest_phrases(other, excerpt(MARKS)) == []

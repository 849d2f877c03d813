"""Phrases that may mean what is marked."""

from dataclasses import replace

import pytest
import torch
from tests.separation.test_separator import noise, separator
from torch import Tensor

from soundsift.config import MelCodecConfig
from soundsift.data.captions import load_rules
from soundsift.models.mel_codec import MelCodec
from soundsift.prompts import NEGATIVE, OPEN
from soundsift.separation import naming
from soundsift.separation.naming import Excerpt, analyse, known_phrases, likely_phrases
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


@pytest.mark.parametrize(
    ("scale", "found"),
    [
        # 14.0 dB, where "half" has 6.0: that is then too unlikely.
        (0.8, {"right": 1.0}),
        # 8.0 dB.
        (0.6, {"right": 0.656, "half": 0.344}),
        # 1.9 dB.
        (0.2, {"half": 0.796, "right": 0.204}),
    ],
)
def test_the_phrases_with_the_nearest_answers(
    separator: Separator,
    answers: dict[str | None, Tensor],
    scale: float,
    found: dict[str, float],
) -> None:
    answers["right"] = scale * answers[None]
    names = ["faint", "half", "other", "right"]
    likely = likely_phrases(separator.networks, excerpt(MARKS), [], names)
    assert likely == pytest.approx(found, abs=1e-3)
    assert [*likely] == [*found]


def test_what_a_phrase_lifts_out_elsewhere_counts(
    separator: Separator, answers: dict[str | None, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest phrase is not taken if it means another sound when the example goes along."""
    answers["right"] = 0.6 * answers[None]
    in_moment = naming._cells
    elsewhere = [torch.zeros(60), torch.tensor([0] * 50 + [NEGATIVE] * 10)]
    shown: list[list[int]] = []

    def cells(*given: object) -> Tensor:
        networks, codec, context, phrases, anchors = given
        assert isinstance(context, Tensor) and isinstance(anchors, Tensor)
        if context.shape[1] == 49:
            return in_moment(networks, codec, context, phrases, anchors)  # type: ignore[arg-type]
        assert isinstance(phrases, list) and len(context) == len(anchors) == len(phrases) == 2
        beside = context.shape[1] == 49 + 60
        assert beside or context.shape[1] == 60
        shown.extend(anchors.tolist())
        mask = torch.linspace(0.1, 0.9, 128)[:, None].expand(2, -1, context.shape[1])
        # Alike up to a gain, or not at all.
        if phrases[0] == "right" and beside:
            return 1 - mask
        return 0.3 * mask if beside else mask

    monkeypatch.setattr(naming, "_cells", cells)
    names = ["faint", "half", "other", "right"]
    stretches = [excerpt(one.long()) for one in elsewhere]
    likely = likely_phrases(separator.networks, excerpt(MARKS), stretches, names)
    assert next(iter(likely)) == "half" and likely.get("right", 0) < 0.2
    # Beside the example what is not marked may hold the sound, alone there is nothing to say.
    marks = MARKS.tolist()
    assert [*marks, *[OPEN] * 50, *[NEGATIVE] * 10] in shown
    assert [*[0] * 50, *[NEGATIVE] * 10] in shown


def test_any_order_of_phrases_gives_the_same(separator: Separator) -> None:
    stretches = [excerpt(torch.zeros(60, dtype=torch.int64))]
    moment = excerpt(MARKS)
    found = likely_phrases(separator.networks, moment, stretches)
    assert {*found} <= {*known_phrases()} and sum(found.values()) == pytest.approx(1)
    again = likely_phrases(separator.networks, moment, stretches, known_phrases()[::-1])
    assert again == pytest.approx(found, abs=1e-3)


def test_codecs_without_cells_name_nothing(separator: Separator) -> None:
    other = replace(separator.networks, codec=object())  # type: ignore[arg-type]
    assert likely_phrases(other, excerpt(MARKS), []) == {}


def test_of_codecs_without_cells_there_is_context_alone() -> None:
    class Plain:
        def context(self, wave: Tensor) -> Tensor:
            return wave[..., ::1920].transpose(1, 2)

    wave = torch.from_numpy(noise(2, 1920 * 49))[None]
    found = analyse(Plain(), wave, MARKS)  # type: ignore[arg-type]
    assert found.context.shape == (1, 49, 2) and found.weight.numel() == 0

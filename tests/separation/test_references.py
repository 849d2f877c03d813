import math

import pytest
import torch
from tests.separation.test_separator import noise, separator
from torch import Tensor

import soundsift.separation.references
from soundsift.data.captions import load_rules
from soundsift.models.inference import InferenceField
from soundsift.prompts import POSITIVE, Span, frame_anchors
from soundsift.separation.references import (
    CONTEXT,
    LONGEST,
    find_reference,
    known_phrases,
    marked_stretch,
)
from soundsift.separation.separator import Separator

__all__ = ["separator"]

FIRST = Span(1.0, 2.0)


def anchors(*spans: Span, frames: int = 1000) -> Tensor:
    return torch.from_numpy(frame_anchors(spans, frames))


def test_a_mark_is_looked_at_with_what_is_around_it() -> None:
    assert marked_stretch(anchors(FIRST)) == (25 - CONTEXT, 50 + CONTEXT)
    assert marked_stretch(anchors(Span(0.0, 1.0))) == (0, 25 + CONTEXT)
    assert marked_stretch(anchors(Span(1.0, 2.0, False))) is None


@pytest.mark.parametrize("seconds", [0.04, 0.5, 2.0, 2.5, 3.0, 10.0])
def test_what_is_looked_at_is_bounded(seconds: float) -> None:
    marked = anchors(Span(5.0, 5.0 + seconds), Span(20.0, 20.02))
    start, end = marked_stretch(marked) or (0, 0)
    assert end - start <= LONGEST
    assert start < 125 < end
    assert (marked[start:end] == POSITIVE).sum() >= min(25 * seconds, LONGEST // 2)
    assert marked[start] != POSITIVE


def test_the_phrases_are_concepts() -> None:
    assert set(known_phrases()) <= load_rules().concepts.keys()
    assert len(known_phrases()) > 150


def test_the_phrase_with_the_nearest_answer_is_found(
    separator: Separator, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixture = torch.from_numpy(noise(2, 1920 * 200))[None]
    seen: list[tuple[int, int]] = []

    def part(start: int, end: int) -> Tensor:
        seen.append((start, end))
        return mixture[..., start:end]

    marked = torch.linspace(0, 1, 128)[:, None].expand(-1, 49)
    answers = {None: marked, "right": 0.8 * marked, "faint": 0.05 * marked, "other": 1 - marked}

    def cells(*given: object) -> Tensor:
        _, _, context, phrases, anchors = given
        assert isinstance(context, Tensor) and isinstance(anchors, Tensor)
        assert context.shape[1] == anchors.shape[1] == 49
        # What is marked is shown to the first only.
        assert anchors.sum() == (25 if phrases == [None] else 0)
        return torch.stack([answers[phrase] for phrase in phrases])  # type: ignore[attr-defined]

    monkeypatch.setattr(soundsift.separation.references, "_cells", cells)
    names = ["faint", "other", "right"]
    found = find_reference(separator.networks, part, [FIRST], 200, names)
    assert found is not None and found.phrase == "right"
    assert found.match_db == pytest.approx(20 * math.log10(5))
    assert seen == [((25 - CONTEXT) * 1920, (50 + CONTEXT) * 1920)]
    assert find_reference(separator.networks, part, [], 200, names) is None


def test_a_mark_reaches_windows_that_it_does_not_touch(
    separator: Separator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    encode = separator.networks.text.encode_batch

    def spy(phrases: list[str | None]) -> tuple[Tensor, Tensor] | tuple[None, None]:
        asked.extend(phrases)
        return encode(phrases)

    monkeypatch.setattr(separator.networks.text, "encode_batch", spy)
    mixture = noise(1, 48_000 * 30)
    result = separator.separate(mixture, sample_rate=48_000, spans=[FIRST])
    found = result.settings["elsewhere"]
    assert found in known_phrases()
    # The first window hears the mark itself.
    assert asked[-4:] == [None, found, found, found]
    asked.clear()
    both = separator.separate(mixture, sample_rate=48_000, text="hiss", spans=[FIRST])
    assert asked == ["hiss"] * 4 and "elsewhere" not in both.settings


def test_nothing_is_looked_for_in_a_recording_of_one_window(
    separator: Separator, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluations: list[int] = []
    evaluate = InferenceField.__call__

    def spy(self: InferenceField, noisy: Tensor, *rest: object) -> Tensor:
        evaluations.append(len(noisy))
        return evaluate(self, noisy, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(InferenceField, "__call__", spy)
    separator.separate(noise(1, 48_000 * 5), sample_rate=48_000, spans=[FIRST])
    assert evaluations == [1]

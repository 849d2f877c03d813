from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tests.separation.test_separator import noise
from tests.tiny_model import SIZES, TINY
from torch import Tensor

import soundsift
from soundsift.checkpoints.folder import save_model
from soundsift.config import SeparatorConfig
from soundsift.models.inference import InferenceConditioning, InferenceField
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.prompts import NEGATIVE, NULL, OPEN, POSITIVE, Prompt, Span, frame_anchors
from soundsift.separation import along, references
from soundsift.separation.plan import make_plan
from soundsift.separation.presets import find_preset
from soundsift.separation.references import (
    AROUND,
    LONGEST_MARK,
    make_reference,
    marked_stretch,
)
from soundsift.separation.separator import Separator
from soundsift.separation.track import Track
from soundsift.separation.wanted import Wanted
from soundsift.separation.windows import Layout

FIRST = Span(1.0, 2.0)
#: Of what is shown with it, in frames.
START = max(0, 25 - AROUND)
RATE = 16_000
NAMED = ("hum", "click")


def model(folder: Path, anchor_count: int) -> Separator:
    # As in the default model, text reaches every block in two ways.
    field_config = {
        **TINY["field"],  # type: ignore[dict-item]
        "anchor_count": anchor_count,
        "transformer": SIZES | {"pooled_text": True},
    }
    config = SeparatorConfig.model_validate(TINY | {"field": field_config})
    torch.manual_seed(0)
    field = VelocityField(config.field)
    for parameter in field.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    save_model(folder, config, field.state_dict())
    return soundsift.load(folder, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def separator(tmp_path_factory: pytest.TempPathFactory) -> Separator:
    return model(tmp_path_factory.mktemp("open"), 4)


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Phrases for whatever is marked, and the frames of what was looked at."""
    lengths: list[int] = []

    def likely(_: object, wave: Tensor, anchors: Tensor) -> tuple[str, ...]:
        assert wave.shape[-1] == 1920 * len(anchors)
        lengths.append(len(anchors))
        return NAMED

    monkeypatch.setattr(references, "likely_phrases", likely)
    return lengths


@dataclass
class Seen:
    """What a network was told of one item: its context, and frame ids as runs."""

    context: Tensor
    marks: list[tuple[int, int]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Seen]]:
    items: list[Seen] = []
    prepare = InferenceField.prepare

    def spy(
        self: InferenceField, conditioning: Conditioning, times: Sequence[float] = ()
    ) -> InferenceConditioning:
        assert conditioning.anchors is not None
        for context, ids in zip(conditioning.context, conditioning.anchors, strict=True):
            values, counts = torch.unique_consecutive(ids, return_counts=True)
            items.append(Seen(context, list(zip(values.tolist(), counts.tolist(), strict=True))))
        return prepare(self, conditioning, times)

    monkeypatch.setattr(InferenceField, "prepare", spy)
    yield items


def anchors(*spans: Span, frames: int = 1000) -> Tensor:
    return torch.from_numpy(frame_anchors(spans, frames))


def test_a_mark_is_shown_with_what_is_around_it() -> None:
    assert marked_stretch(anchors(FIRST)) == (START, 50 + AROUND)
    assert marked_stretch(anchors(Span(4.0, 5.0))) == (100 - AROUND, 125 + AROUND)
    assert marked_stretch(anchors(Span(0.0, 1.0))) == (0, 25 + AROUND)
    assert marked_stretch(anchors(Span(1.0, 2.0, False))) is None


@pytest.mark.parametrize("seconds", [0.04, 0.5, 2.0, 2.5, 3.0, 10.0])
def test_what_is_shown_is_bounded(seconds: float) -> None:
    marked = anchors(Span(5.0, 5.0 + seconds), Span(20.0, 20.02))
    start, end = marked_stretch(marked) or (0, 0)
    assert end - start <= LONGEST_MARK + 2 * AROUND
    assert start < 125 < end
    assert (marked[start:end] == POSITIVE).sum() >= min(25 * seconds, LONGEST_MARK)
    assert marked[start] != POSITIVE


def test_a_reference_is_the_longest_mark(separator: Separator) -> None:
    mixture = torch.from_numpy(noise(2, 1920 * 200))[None]
    asked: list[tuple[int, int]] = []

    def part(start: int, end: int) -> Tensor:
        asked.append((start, end))
        return mixture[..., start:end]

    spans = (Span(6.0, 6.2), FIRST, Span(2.0, 2.2, False))
    found = make_reference(separator.networks, part, Prompt(None, spans), 200)
    assert found is not None and found.start == START
    assert asked == [(START * 1920, (50 + AROUND) * 1920)]
    expected = separator.networks.codec.context(mixture[..., slice(*asked[0])])
    assert torch.equal(found.context, expected)
    assert found.anchors.unique_consecutive().tolist() == [NULL, POSITIVE, NEGATIVE, NULL]
    assert found.phrases == (None, *NAMED)
    assert make_reference(separator.networks, part, Prompt(None, spans[2:]), 200) is None
    assert len(asked) == 1


@pytest.mark.parametrize("text", [None, "hiss"])
def test_a_mark_reaches_windows_that_it_does_not_touch(
    separator: Separator, seen: list[Seen], text: str | None
) -> None:
    spans = [FIRST, Span(20.0, 20.4, False)]
    result = separator.separate(noise(1, RATE * 30), sample_rate=RATE, text=text, spans=spans)
    assert result.settings["reference"] == [START / 25, (50 + AROUND) / 25]
    reference = [(NULL, 25 - START), (POSITIVE, 25), (NULL, AROUND)]
    ahead = 50 - START + AROUND

    def joined(*runs: tuple[int, int]) -> list[tuple[int, int]]:
        return [*reference, *runs]

    # The name that was given, or without one nothing and two that were found.
    times = 1 if text else 3
    assert result.settings["named"] == ([] if text else list(NAMED))
    assert [item.marks for item in seen] == [
        # The first window hears the mark itself.
        [(NULL, 25), (POSITIVE, 25), (NULL, 200)],
        *[joined((OPEN, 250))] * times,
        # From frame 376, and the last from 20 s.
        *[joined((OPEN, 124), (NEGATIVE, 10), (OPEN, 116))] * times,
        *[joined((NEGATIVE, 10), (OPEN, 240))] * times,
    ]
    shown = [item.context[:ahead] for item in seen[1:]]
    assert all(torch.equal(one, shown[0]) for one in shown)


def test_what_is_answered_for_the_reference_is_thrown_away(
    separator: Separator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that answers with a frame's number within its window."""

    def count(_: InferenceField, noisy: Tensor, *__: object) -> Tensor:
        ahead = noisy.shape[1] - 250
        assert ahead in (0, 50 - START + AROUND)
        number = torch.arange(-ahead, 250.0, device=noisy.device)[None, :, None]
        return number.expand_as(noisy)

    monkeypatch.setattr(InferenceField, "__call__", count)
    found: list[Tensor] = []

    def decode(_: object, latents: Track, mixture: Track) -> Iterator[Tensor]:
        latents.extend(1000)
        found.append(latents.part(0, latents.end))
        yield mixture.part(0, latents.end * 1920)[:, None]

    monkeypatch.setattr(along, "_decode", decode)
    separator.separate(
        noise(1, RATE * 20), sample_rate=RATE, text="hiss", spans=[FIRST], window=10.0, overlap=0.0
    )
    # Two windows side by side, each counted from its own first frame.
    assert found[0][0, :, 0].round().tolist() == [*range(250), *range(250)]


def test_prompts_with_and_without_marks_go_together(separator: Separator) -> None:
    mixture = noise(2, RATE * 25)
    prompts = [
        Prompt("hiss"),
        Prompt(spans=(FIRST,)),
        Prompt("hum", (Span(16.0, 16.4),)),
        Prompt("click", (Span(3.0, 4.0, False),)),
    ]
    together = separator.separate_many(mixture, prompts, sample_rate=RATE)
    for prompt, shared in zip(prompts, together, strict=True):
        alone = separator.separate_many(mixture, [prompt], sample_rate=RATE)[0]
        np.testing.assert_allclose(shared.target, alone.target, atol=2e-5)
        assert shared.settings == alone.settings
    assert ["reference" in one.settings for one in together] == [False, True, True, False]


@pytest.mark.parametrize("channels", [1, 2])
def test_files_hold_what_arrays_do(separator: Separator, tmp_path: Path, channels: int) -> None:
    source = tmp_path / "mix.wav"
    soundfile.write(source, noise(channels, 44_100 * 24).T, 44_100, subtype="PCM_16")
    # The reference is far from the file's beginning.
    spans = [(19.0, 20.0)]
    saved = separator.separate_file(source, tmp_path / "out", spans=spans)
    whole = separator.separate(source, spans=spans)
    assert saved.settings == whole.settings and "reference" in saved.settings
    found = soundfile.read(saved.paths["target"], dtype="int16", always_2d=True)[0].T
    assert np.array_equal(found, np.rint(whole.target * 2**15))


def test_chunks_hear_the_reference_too(separator: Separator, seen: list[Seen]) -> None:
    separator.separate(
        noise(1, RATE * 20), sample_rate=RATE, text="hiss", spans=[FIRST], joining="chunks"
    )
    reference = [(NULL, 25 - START), (POSITIVE, 25), (NULL, AROUND)]
    assert [item.marks[:3] == reference for item in seen] == [False, True, True]


def test_a_recording_of_one_window_needs_none(separator: Separator, seen: list[Seen]) -> None:
    short = separator.separate(noise(1, RATE * 5), sample_rate=RATE, spans=[FIRST])
    assert "reference" not in short.settings
    assert [item.marks for item in seen] == [[(NULL, 25), (POSITIVE, 25), (NULL, 75)]]


def test_models_without_the_fourth_kind_get_none(tmp_path: Path, seen: list[Seen]) -> None:
    three_kinds = model(tmp_path, 3)
    result = three_kinds.separate(noise(1, RATE * 15), sample_rate=RATE, spans=[FIRST])
    assert "reference" not in result.settings
    assert [item.marks for item in seen] == [
        [(NULL, 25), (POSITIVE, 25), (NULL, 200)],
        [(NULL, 250)],
    ]


def test_answers_of_all_phrases_are_averaged(separator: Separator) -> None:
    """Without a name a window's latents are the mean of those with each phrase."""
    plan = make_plan(find_preset("draft", "data"), 0, Layout.overlapping(250, 62))
    wave = torch.from_numpy(noise(1, 1920 * 500))[None]
    prompt = Prompt(None, (FIRST,))
    reference = make_reference(
        separator.networks, lambda start, end: wave[..., start:end], prompt, 500
    )
    assert reference is not None

    def latents(phrases: tuple[str | None, ...], monkeypatch: pytest.MonkeyPatch) -> Tensor:
        found: list[Tensor] = []

        def decode(_: object, track: Track, mixture: Track) -> Iterator[Tensor]:
            track.extend(1000)
            found.append(track.part(0, track.end))
            yield mixture.part(0, 1)[:, None]

        monkeypatch.setattr(along, "_decode", decode)
        wanted = Wanted(prompt, reference=replace(reference, phrases=phrases))
        with torch.inference_mode():
            list(along.stems_along(separator.networks, iter([wave]), [wanted], plan, print))
        return found[0]

    with pytest.MonkeyPatch.context() as patch:
        together = latents((None, *NAMED), patch)
        alone = [latents((phrase,), patch) for phrase in (None, *NAMED)]
    assert not torch.allclose(alone[0], alone[1], atol=1e-3)
    torch.testing.assert_close(together, sum(alone) / 3, atol=1e-4, rtol=1e-4)

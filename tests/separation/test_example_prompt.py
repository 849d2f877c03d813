"""One marked moment that steers the windows of a recording that it does not touch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tests.signals import noise
from tests.tiny_model import SIZES, TINY
from torch import Tensor

import soundsift
from soundsift.audio import Recording
from soundsift.checkpoints.store import save_model
from soundsift.config import SeparatorConfig
from soundsift.models.inference import InferenceConditioning, InferenceField
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.prompts import Prompt
from soundsift.sampling.buffers import SlidingBuffer
from soundsift.sampling.windows import WindowLayout
from soundsift.separation import pipeline
from soundsift.separation.example_prompt import find_example
from soundsift.separation.separator import Separator
from soundsift.spans import (
    AROUND,
    LONGEST_MARK,
    NEGATIVE,
    NULL,
    OPEN,
    POSITIVE,
    Span,
    frame_anchors,
    marked_stretch,
)

FIRST = Span(1.0, 2.0)
#: First frame of the example that this mark gives.
START = max(0, 25 - AROUND)
RATE = 16_000
LAYOUT = WindowLayout.overlapping(250, 62)


def model(folder: Path, anchor_count: int, seed: int = 0, std: float = 0.3) -> Separator:
    # As in the default model, text reaches every block in two ways.
    field_config = {
        **TINY["field"],  # type: ignore[dict-item]
        "anchor_count": anchor_count,
        "transformer": SIZES | {"pooled_text": True},
    }
    config = SeparatorConfig.model_validate(TINY | {"field": field_config})
    torch.manual_seed(seed)
    field = VelocityField(config.field)
    for parameter in field.parameters():
        torch.nn.init.normal_(parameter, std=std)
    save_model(folder, config, field.state_dict())
    return soundsift.load(folder, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def separator(tmp_path_factory: pytest.TempPathFactory) -> Separator:
    return model(tmp_path_factory.mktemp("open"), 4)


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
        self: InferenceField, conditioning: Conditioning, times: Sequence[float], text_of: Tensor
    ) -> InferenceConditioning:
        assert conditioning.anchors is not None
        for context, ids in zip(conditioning.context, conditioning.anchors, strict=True):
            values, counts = torch.unique_consecutive(ids, return_counts=True)
            items.append(Seen(context, list(zip(values.tolist(), counts.tolist(), strict=True))))
        return prepare(self, conditioning, times, text_of)

    monkeypatch.setattr(InferenceField, "prepare", spy)
    yield items


def anchors(*spans: Span, frames: int = 1000) -> np.ndarray:
    return frame_anchors(spans, frames)


def test_a_mark_is_shown_with_its_surroundings() -> None:
    assert marked_stretch(anchors(FIRST)) == (START, 50 + AROUND)
    assert marked_stretch(anchors(Span(4.0, 5.0))) == (100 - AROUND, 125 + AROUND)
    assert marked_stretch(anchors(Span(0.0, 1.0))) == (0, 25 + AROUND)
    assert marked_stretch(anchors(Span(1.0, 2.0, False))) is None


@pytest.mark.parametrize("seconds", [0.04, 0.5, 2.0, 2.5, 3.0, 10.0])
def test_the_example_is_bounded(seconds: float) -> None:
    marked = anchors(Span(5.0, 5.0 + seconds), Span(20.0, 20.02))
    start, end = marked_stretch(marked) or (0, 0)
    assert end - start <= LONGEST_MARK + 2 * AROUND
    assert start < 125 < end
    assert (marked[start:end] == POSITIVE).sum() >= min(25 * seconds, LONGEST_MARK)
    assert marked[start] != POSITIVE


@pytest.mark.parametrize("text", [None, "hiss"])
def test_the_example_is_the_longest_mark(separator: Separator, text: str | None) -> None:
    recording = Recording(noise(2, 48_000 * 36), 48_000)
    spans = (Span(6.0, 6.2), FIRST, Span(2.0, 2.2, False))
    found = find_example(separator.model, recording, Prompt(text, spans), LAYOUT)
    assert found is not None and found.start == START
    samples = recording.normalisation.apply(recording.samples)
    stretch = torch.from_numpy(samples[:, START * 1920 : (50 + AROUND) * 1920])
    assert torch.equal(found.context, separator.model.codec.context(stretch[None]))
    assert found.anchors.unique_consecutive().tolist() == [NULL, POSITIVE, NEGATIVE, NULL]
    assert find_example(separator.model, recording, Prompt(text, spans[2:]), LAYOUT) is None


@pytest.mark.parametrize("text", [None, "hiss"])
def test_a_mark_reaches_windows_that_it_does_not_touch(
    separator: Separator, seen: list[Seen], text: str | None
) -> None:
    spans = [FIRST, Span(20.0, 20.4, False)]
    result = separator.separate(noise(1, RATE * 30), sample_rate=RATE, text=text, spans=spans)
    assert result.settings["example"] == [START / 25, (50 + AROUND) / 25]
    example = [(NULL, 25 - START), (POSITIVE, 25), (NULL, AROUND)]
    ahead = 50 - START + AROUND

    def joined(*runs: tuple[int, int]) -> list[tuple[int, int]]:
        return [*example, *runs]

    windows = [
        [(OPEN, 250)],
        # From frame 376, and the last from 20 s.
        [(OPEN, 124), (NEGATIVE, 10), (OPEN, 116)],
        [(NEGATIVE, 10), (OPEN, 240)],
    ]
    # The first window contains the mark itself.
    first = [(NULL, 25), (POSITIVE, 25), (NULL, 200)]
    assert [item.marks for item in seen if item.marks[:3] != example] == [first]
    assert [item.marks for item in seen if item.marks[:3] == example] == [
        joined(*window) for window in windows
    ]
    shown = [item.context[:ahead] for item in seen if item.marks[:3] == example]
    assert all(torch.equal(one, shown[0]) for one in shown)


def test_the_answer_for_the_example_is_discarded(
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

    def decode(_: object, latents: SlidingBuffer, mixture: SlidingBuffer) -> Iterator[Tensor]:
        latents.extend(1000)
        found.append(latents.read(0, latents.end))
        yield mixture.read(0, latents.end * 1920)[:, None]

    monkeypatch.setattr(pipeline, "_decode", decode)
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
    assert ["example" in one.settings for one in together] == [False, True, True, False]


@pytest.mark.parametrize("channels", [1, 2])
def test_files_hold_what_arrays_do(separator: Separator, tmp_path: Path, channels: int) -> None:
    source = tmp_path / "mix.wav"
    soundfile.write(source, noise(channels, 44_100 * 24).T, 44_100, subtype="PCM_16")
    # The example is far from the file's beginning.
    spans = [(19.0, 20.0)]
    saved = separator.separate_file(source, tmp_path / "out", spans=spans)
    whole = separator.separate(source, spans=spans)
    assert saved.settings == whole.settings and "example" in saved.settings
    found = soundfile.read(saved.paths["target"], dtype="int16", always_2d=True)[0].T
    assert np.array_equal(found, np.rint(whole.target * 2**15))


def test_chunks_get_the_example_too(separator: Separator, seen: list[Seen]) -> None:
    separator.separate(
        noise(1, RATE * 20), sample_rate=RATE, text="hiss", spans=[FIRST], windowing="chunks"
    )
    example = [(NULL, 25 - START), (POSITIVE, 25), (NULL, AROUND)]
    assert [item.marks[:3] == example for item in seen] == [False, True, True]


def test_a_recording_of_one_window_needs_no_example(separator: Separator, seen: list[Seen]) -> None:
    short = separator.separate(noise(1, RATE * 5), sample_rate=RATE, spans=[FIRST])
    assert "example" not in short.settings
    assert [item.marks for item in seen] == [[(NULL, 25), (POSITIVE, 25), (NULL, 75)]]


def test_models_without_open_frames_get_no_example(tmp_path: Path, seen: list[Seen]) -> None:
    three_kinds = model(tmp_path, 3)
    result = three_kinds.separate(noise(1, RATE * 15), sample_rate=RATE, spans=[FIRST])
    assert "example" not in result.settings
    assert [item.marks for item in seen] == [
        [(NULL, 25), (POSITIVE, 25), (NULL, 200)],
        [(NULL, 250)],
    ]

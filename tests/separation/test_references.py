from collections.abc import Callable, Iterator, Sequence
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
from soundsift.checkpoints.store import save_model
from soundsift.config import SeparatorConfig
from soundsift.models.inference import InferenceConditioning, InferenceField
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.presets import find_preset
from soundsift.prompts import NEGATIVE, NULL, OPEN, POSITIVE, Prompt, Span, frame_anchors
from soundsift.separation import along, references
from soundsift.separation.excerpts import Excerpt
from soundsift.separation.exercises import Material, Rest
from soundsift.separation.plan import make_plan
from soundsift.separation.references import (
    AROUND,
    LONGEST_MARK,
    make_reference,
    marked_stretch,
    unmarked_windows,
)
from soundsift.separation.separator import Separator
from soundsift.separation.track import Track
from soundsift.separation.trials import Moment, Trial
from soundsift.separation.wanted import Reference, Wanted, Way
from soundsift.separation.windows import Layout

FIRST = Span(1.0, 2.0)
#: Of what is shown with it, in frames.
START = max(0, 25 - AROUND)
RATE = 16_000
#: Without practice, which has tests of its own.
PLAN = make_plan(find_preset("draft", "data"), 0, Layout.overlapping(250, 62))
NAMES = ["hum", "click"]
WAYS = (
    Way(None, 1 / 3),
    Way("hum", 0.25),
    Way("hum", 0.25, example=False),
    Way("click", 1 / 12),
    Way("click", 1 / 12, example=False),
)


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


@pytest.fixture(autouse=True)
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ways for whatever is marked, and the frames of the windows that they were tried on."""
    lengths: list[int] = []

    def named(_: object, moment: Excerpt) -> list[str]:
        assert (moment.anchors == POSITIVE).any()
        return NAMES

    def tried(
        _: object,
        moment: Moment,
        elsewhere: Sequence[Excerpt],
        ways: Sequence[Way],
        seed: int,
        report: Callable[[float], None],
    ) -> Trial:
        for one in (moment.example, moment.whole, *elsewhere):
            assert one.context.shape[1] == one.weight.shape[2] == len(one.anchors)
        assert (moment.whole.anchors == POSITIVE).sum() >= (moment.example.anchors == 1).sum()
        assert not any((one.anchors == POSITIVE).any() for one in elsewhere)
        # The example alone, then phrases beside it and alone.
        assert [(way.phrase, way.example) for way in ways] == [
            (None, True),
            *((name, example) for name in NAMES for example in (True, False)),
        ]
        lengths.extend(len(one.anchors) for one in elsewhere)
        nothing = torch.zeros(1)
        return Trial(WAYS, Material(nothing, Rest(nothing, nothing), ()))

    monkeypatch.setattr(references, "nearest_phrases", named)
    monkeypatch.setattr(references, "try_ways", tried)
    # Practice has tests of its own.
    monkeypatch.setattr(references, "adapt", lambda *_: None)
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
        self: InferenceField, conditioning: Conditioning, times: Sequence[float], text_of: Tensor
    ) -> InferenceConditioning:
        assert conditioning.anchors is not None
        for context, ids in zip(conditioning.context, conditioning.anchors, strict=True):
            values, counts = torch.unique_consecutive(ids, return_counts=True)
            items.append(Seen(context, list(zip(values.tolist(), counts.tolist(), strict=True))))
        return prepare(self, conditioning, times, text_of)

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


@pytest.mark.parametrize("text", [None, "hiss"])
def test_a_reference_is_the_longest_mark(
    separator: Separator, looked_at: list[int], text: str | None
) -> None:
    mixture = torch.from_numpy(noise(2, 1920 * 900))[None]
    asked: list[tuple[int, int]] = []

    def read(stretches: Sequence[tuple[int, int]]) -> Iterator[Tensor]:
        asked.extend(stretches)
        return (mixture[..., start:end] for start, end in stretches)

    spans = (Span(6.0, 6.2), FIRST, Span(2.0, 2.2, False))
    found = make_reference(separator.networks, read, Prompt(text, spans), 900, PLAN, print)
    assert found is not None and found.start == START
    own = START * 1920, (50 + AROUND) * 1920
    assert own in asked and asked == sorted(asked)
    # With a name there is nothing to try phrases on.
    assert len(asked) == 1 + len(looked_at)
    assert set(looked_at) == (set() if text else {250})
    expected = separator.networks.codec.context(mixture[..., slice(*own)])
    assert torch.equal(found.context, expected)
    assert found.anchors.unique_consecutive().tolist() == [NULL, POSITIVE, NEGATIVE, NULL]
    assert found.ways == ((Way(text),) if text else WAYS)
    before = len(asked)
    assert (
        make_reference(separator.networks, read, Prompt(text, spans[2:]), 900, PLAN, print) is None
    )
    assert len(asked) == before


@pytest.mark.parametrize("frames", [251, 600, 7500, 90_000])
def test_names_are_tried_on_windows_without_the_mark(frames: int) -> None:
    windows = unmarked_windows(anchors(FIRST, Span(21.0, 22.0, False), frames=frames), 250)
    assert all(0 <= start < end < frames and end - start == 250 for start, end in windows)
    assert not any(start < 50 and end > 25 for start, end in windows)
    # Of ten that are spread over the recording the mark touches some.
    expected = {251: 0, 600: 8, 7500: 9, 90_000: 9}[frames]
    assert len(windows) == expected
    assert max((end for _, end in windows), default=0) <= 15_000


@pytest.mark.parametrize(("window", "longest"), [(200, 200), (8000, 250)])
def test_of_long_windows_a_part_is_looked_at(
    separator: Separator, looked_at: list[int], window: int, longest: int
) -> None:
    """Or `--window 300` would have nearly an hour in memory at once."""
    asked: list[int] = []

    def read(stretches: Sequence[tuple[int, int]]) -> Iterator[Tensor]:
        asked.extend(end - start for start, end in stretches)
        return (torch.zeros(1, 1, end - start) for start, end in stretches)

    plan = replace(PLAN, layout=Layout.overlapping(window, 50))
    make_reference(separator.networks, read, Prompt(None, (FIRST,)), 20_000, plan, print)
    assert set(looked_at) == {longest}
    assert max(asked) == longest * 1920


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

    windows = [
        [(OPEN, 250)],
        # From frame 376, and the last from 20 s.
        [(OPEN, 124), (NEGATIVE, 10), (OPEN, 116)],
        [(NEGATIVE, 10), (OPEN, 240)],
    ]
    unmarked = [[(NULL if k == OPEN else k, n) for k, n in window] for window in windows]
    assert result.settings["named"] == ([] if text else NAMES)
    # The first window hears the mark itself. By the names that were found windows are also asked
    # without the moment.
    alone = [] if text else [window for window in unmarked for _ in NAMES]
    first = [(NULL, 25), (POSITIVE, 25), (NULL, 200)]
    # By the name that was given, or by nothing and by the names that were found.
    beside = [joined(*window) for window in windows for _ in range(1 if text else 3)]
    assert [item.marks for item in seen if item.marks[:3] != reference] == [first, *alone]
    assert [item.marks for item in seen if item.marks[:3] == reference] == beside
    shown = [item.context[:ahead] for item in seen if item.marks[:3] == reference]
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
        noise(1, RATE * 20), sample_rate=RATE, text="hiss", spans=[FIRST], windowing="chunks"
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


def test_answers_to_all_questions_are_averaged(separator: Separator) -> None:
    """Without a name: by the moment alone, with phrases beside it, and by phrases alone."""
    wave = torch.from_numpy(noise(1, 1920 * 500))[None]
    prompt = Prompt(None, (FIRST,))
    reference = make_reference(
        separator.networks,
        lambda stretches: (wave[..., start:end] for start, end in stretches),
        prompt,
        500,
        PLAN,
        print,
    )
    assert reference is not None

    def latents(prompt: Prompt, asked: Reference | None = None) -> Tensor:
        found: list[Tensor] = []

        def decode(_: object, track: Track, mixture: Track) -> Iterator[Tensor]:
            track.extend(1000)
            found.append(track.part(0, track.end))
            yield mixture.part(0, 1)[:, None]

        wanted = Wanted(prompt, reference=asked)
        with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
            patch.setattr(along, "_decode", decode)
            list(along.stems_along(separator.networks, iter([wave]), [wanted], PLAN, print))
        # From where no window hears the mark.
        return found[0][:, 250:]

    apart = [
        latents(prompt, replace(reference, ways=(replace(way, share=1.0),)))
        if way.example
        else latents(Prompt(way.phrase))
        for way in WAYS
    ]
    for i in range(len(WAYS)):
        assert not torch.allclose(apart[i], apart[i - 1], atol=1e-3)
    mean = sum(way.share * one for way, one in zip(WAYS, apart, strict=True))
    torch.testing.assert_close(latents(prompt, reference), mean, atol=1e-4, rtol=1e-4)


def test_without_a_trial_the_example_is_all(
    separator: Separator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "try_ways", lambda *_: None)
    result = separator.separate(noise(1, RATE * 30), sample_rate=RATE, spans=[FIRST])
    assert "reference" in result.settings
    assert result.settings["named"] == []

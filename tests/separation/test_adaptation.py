"""A network that practises on a recording before it answers for it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.separation.test_exercises import exercises, tone
from tests.separation.test_references import model
from tests.separation.test_separator import noise
from torch import Tensor

from soundsift.heard import heard_term
from soundsift.models.mel_codec import MelCodec
from soundsift.presets import find_preset
from soundsift.prompts import Prompt, Span
from soundsift.separation import adaptation, along, references
from soundsift.separation.adaptation import adapt
from soundsift.separation.asking import beside, mean_answer
from soundsift.separation.excerpts import Excerpt, analyse
from soundsift.separation.exercises import Material, Rest
from soundsift.separation.plan import make_plan
from soundsift.separation.references import make_reference
from soundsift.separation.separator import Separator
from soundsift.separation.wanted import Wanted, Way
from soundsift.separation.windows import Layout

RATE = 48_000
SPANS = (Span(3.0, 4.0),)
WAYS = (Way(None, 0.5), Way("hum", 0.25), Way("hum", 0.25, example=False))


@pytest.fixture(scope="module")
def separator(tmp_path_factory: pytest.TempPathFactory) -> Separator:
    # Weights from which a network learns.
    return model(tmp_path_factory.mktemp("open"), 4, std=0.1)


def codec_of(separator: Separator) -> MelCodec:
    codec = separator.networks.codec
    assert isinstance(codec, MelCodec)
    return codec


@pytest.fixture(scope="module")
def example(separator: Separator) -> Excerpt:
    """A whistle of one second in hiss."""
    wave = torch.from_numpy(noise(1, RATE * 3)[0]) / 4
    wave[RATE : 2 * RATE] += tone(1, 2000)
    anchors = torch.zeros(75, dtype=torch.int64)
    anchors[25:50] = 1
    return analyse(separator.networks.codec, wave[None, None], anchors)


@pytest.fixture(scope="module")
def material() -> Material:
    hiss = torch.from_numpy(noise(1, RATE * 8)[0]) / 4
    far = [tone(6, 300), torch.from_numpy(noise(1, RATE * 6, 1)[0])]
    rests = [Rest(wave, torch.zeros_like(wave)) for wave in (hiss, *far)]
    return Material(tone(1, 2000), rests[0], tuple(rests[1:]))


@pytest.mark.parametrize("ways", [WAYS, (Way("whistle"),), (Way(None),)])
def test_practice_makes_better(
    separator: Separator,
    material: Material,
    example: Excerpt,
    monkeypatch: pytest.MonkeyPatch,
    ways: Sequence[Way],
) -> None:
    """In the ways that were practised, on exercises that were not."""
    monkeypatch.setattr(adaptation, "_RATE", 3e-3)  # for a network this small
    networks = separator.networks
    before = mean_answer(networks, example.context, [None], example.anchors[None])
    field = adapt(networks, material, example, ways, 20, 1, lambda _: None)
    after = mean_answer(networks, example.context, [None], example.anchors[None])
    # The model is as it was.
    assert field is not None and torch.equal(before, after)
    fresh = exercises(material, 2)

    def loss(asked: object) -> float:
        losses = []
        for one in fresh:
            for way in ways:
                context, anchors = one.context, torch.zeros(4, 150, dtype=torch.int64)
                if way.example:
                    context, anchors = beside(example.context, example.anchors, context, anchors)
                latents = mean_answer(networks, context, [way.phrase] * 4, anchors, asked)  # type: ignore[arg-type]
                mask = codec_of(separator).cell_mask(latents[:, -150:])
                losses.append(float(heard_term(mask, one)))
        return float(np.mean(losses))

    assert loss(field) < loss(networks.field) - 0.2


def test_a_seed_is_an_answer(separator: Separator, material: Material, example: Excerpt) -> None:
    ids = example.anchors[None]
    answers = []
    for seed in (3, 3, 4):
        field = adapt(separator.networks, material, example, WAYS, 3, seed, lambda _: None)
        assert field is not None
        context = example.context
        answers.append(mean_answer(separator.networks, context, [None], ids, field))
    assert torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[0], answers[2])


def test_in_inference_mode(separator: Separator, example: Excerpt) -> None:
    """As the separator calls it, and with what was made there."""
    with torch.inference_mode():
        wave = torch.from_numpy(noise(1, RATE * 4)[0])
        rest = Rest(wave * 0.5, torch.zeros_like(wave))
        made = Material(wave[RATE : 2 * RATE] * 0.5, rest, (rest,))
        shown = analyse(separator.networks.codec, wave[None, None], torch.ones(100).long())
        field = adapt(separator.networks, made, shown, WAYS, 2, 0, lambda _: None)
    assert field is not None


def test_where_there_is_nothing_to_practise(
    separator: Separator, material: Material, example: Excerpt
) -> None:
    def practise(steps: int = 2, **changes: object) -> object:
        networks = replace(separator.networks, **changes)  # type: ignore[arg-type]
        return adapt(networks, material, example, WAYS, steps, 0, lambda _: None)

    assert practise() is not None
    assert practise(steps=0) is None
    assert practise(trainable=None) is None
    assert practise(codec=object()) is None


def test_practice_can_be_stopped(
    separator: Separator, material: Material, example: Excerpt
) -> None:
    told: list[float] = []

    def report(fraction: float) -> None:
        told.append(fraction)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(separator.networks, material, example, WAYS, 10, 0, report)
    assert told == [0.0, 0.1, 0.2]


@pytest.mark.parametrize(("preset", "steps"), [("draft", 0), ("standard", 40), ("best", 40)])
def test_presets_say_how_much(
    separator: Separator, monkeypatch: pytest.MonkeyPatch, preset: str, steps: int
) -> None:
    asked: list[tuple[int, int]] = []

    def spy(*given: object) -> None:
        assert isinstance(given[4], int) and isinstance(given[5], int)
        asked.append((given[4], given[5]))

    monkeypatch.setattr(references, "adapt", spy)
    result = separator.separate(
        noise(1, 8000 * 20), sample_rate=8000, spans=SPANS, preset=preset, seed=5
    )
    assert asked == [(steps, 5)]
    assert result.settings["practised"] is False and result.settings["practice"] == steps


def test_a_separation_practises(separator: Separator, tmp_path: Path) -> None:
    """Progress rises from 0 to 1 through practice and answers, and the result is one of its own."""
    mixture = noise(2, 16_000 * 20)
    told: list[float] = []
    found = {
        preset: separator.separate(
            mixture,
            sample_rate=16_000,
            spans=SPANS,
            preset=preset,
            progress=told.append,
        )
        for preset in ("draft", "standard")
    }
    runs = np.split(np.array(told), [told.index(1.0) + 1])
    for run in runs:
        assert run[0] == 0.0 and run[-1] == 1.0 and (np.diff(run) >= 0).all()
    # Nine ways are tried and scored, then come windows; or practice's own before these.
    assert len(runs[0]) > 2 * 9
    assert len(runs[1]) >= len(runs[0]) + 40
    assert found["standard"].settings["practised"] and not found["draft"].settings["practised"]
    # Windows that hear the mark are answered as before.
    first, second = (found[preset].target for preset in ("draft", "standard"))
    np.testing.assert_array_equal(first[:, : 16_000 * 4], second[:, : 16_000 * 4])
    assert not np.allclose(first[:, 16_000 * 12 :], second[:, 16_000 * 12 :], atol=1e-6)


def test_windows_without_a_mark_are_asked_of_it(
    separator: Separator, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And they alone; other prompts go to the model's own network."""
    other = model(tmp_path_factory.mktemp("other"), 4, seed=1).networks.field
    plan = make_plan(find_preset("draft", "data"), 0, Layout.overlapping(250, 0))
    wave = torch.from_numpy(noise(1, 1920 * 500))[None]
    monkeypatch.setattr(references, "adapt", lambda *_: other)
    monkeypatch.setattr(references, "nearest_phrases", lambda *_: [])
    prompt = Prompt(None, SPANS)

    def read(stretches: Sequence[tuple[int, int]]) -> Iterator[Tensor]:
        return (wave[..., start:end] for start, end in stretches)

    reference = make_reference(separator.networks, read, prompt, 500, plan, print)
    assert reference is not None and reference.field is other

    def latents(*wanted: Wanted) -> Tensor:
        found: list[Tensor] = []

        def decode(_: object, track: along.Track, mixture: along.Track) -> Iterator[Tensor]:
            track.extend(1000)
            found.append(track.part(0, track.end))
            yield mixture.part(0, 1)[:, None]

        with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
            patch.setattr(along, "_decode", decode)
            list(along.stems_along(separator.networks, iter([wave]), wanted, plan, print))
        return found[0]

    wanted, plain = Wanted(prompt, reference=reference), Wanted(Prompt("hum"))
    both = latents(wanted, plain)
    own = latents(Wanted(prompt, reference=replace(reference, field=None)), plain)
    torch.testing.assert_close(both[0, :250], own[0, :250])
    assert not torch.allclose(both[0, 250:], own[0, 250:], atol=1e-2)
    torch.testing.assert_close(both[1], own[1])
    # What the other network says, given the same example.
    window = codec_of(separator).context(wave[..., 1920 * 250 :])
    unmarked = torch.zeros(1, 250, dtype=torch.int64)
    context, anchors = beside(reference.context, reference.anchors, window, unmarked)
    expected = mean_answer(separator.networks, context, [None], anchors, other)
    torch.testing.assert_close(both[0, 250:], expected[0, -250:], atol=1e-4, rtol=1e-4)


def test_a_name_makes_practice_needless(
    separator: Separator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "adapt", lambda *_: pytest.fail("practised"))
    result = separator.separate(noise(1, 8000 * 20), sample_rate=8000, text="hiss", spans=SPANS)
    assert "reference" in result.settings and result.settings["practised"] is False

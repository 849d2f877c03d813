from collections.abc import Iterator

import pytest
import torch
from tests.signals import noise
from tests.tiny_model import CONFIG
from torch import Tensor

from soundsift import SoundsiftError
from soundsift.prompts import Prompt
from soundsift.sampling.solvers import schedule
from soundsift.sampling.windows import WindowLayout
from soundsift.separation.conditioning import PromptInputs
from soundsift.separation.pipeline import separate_chunks, separate_waves
from soundsift.separation.request import SamplingPlan, window_layout
from soundsift.separation.separator import Separator
from soundsift.spans import Span


def plan(layout: WindowLayout) -> SamplingPlan:
    return SamplingPlan(schedule(1, "euler"), layout, temperature=0.0, seed=0)


def run(stems: Iterator[Tensor]) -> Tensor:
    with torch.inference_mode():
        return torch.cat(list(stems), dim=-1)


@pytest.mark.parametrize("frames", [20, 50, 51, 75, 99])
def test_chunks_are_separated_alone_and_crossfaded(separator: Separator, frames: int) -> None:
    size, fade = 1920, 2
    mixture = torch.from_numpy(noise(2, frames * size - 700))[None]
    layout = WindowLayout.chunks(50, fade)
    prompts = [PromptInputs(Prompt("hiss", (Span(1.0, 2.5), Span(2.2, 2.4, False))))]
    pieces = iter(mixture.split(5000, dim=-1))
    found = run(separate_chunks(separator.model, pieces, prompts, plan(layout), lambda _: None))
    assert found.shape[2:] == mixture.shape[1:]
    windows = list(layout.windows(lambda wanted: min(wanted, frames)))
    for i, window in enumerate(windows):
        own = mixture[..., window.start * size : window.end * size]
        begin = window.start / 25
        spans = [(max(1.0, begin) - begin, 2.5 - begin, True), (2.2 - begin, 2.4 - begin, False)]
        limit = window.length / 25
        marked = tuple(
            Span(max(0.0, a), min(b, limit), sign)
            for a, b, sign in spans
            if min(b, limit) > max(0.0, a)
        )
        alone = separate_waves(
            separator.model,
            iter([own]),
            [PromptInputs(Prompt("hiss", marked))],
            plan(WindowLayout.one_shot()),
            lambda _: None,
        )
        expected = run(alone)
        # Where no other window counts.
        first = 0 if i == 0 else windows[i - 1].end - window.start
        last = window.length if i == len(windows) - 1 else windows[i + 1].start - window.start
        if last > first:
            part = slice(first * size, last * size)
            start = window.start * size
            got = found[..., start + part.start : start + part.stop]
            torch.testing.assert_close(got, expected[..., part], atol=1e-5, rtol=1e-4)


def test_one_shot_is_one_window() -> None:
    layout = window_layout("one-shot", None, None, CONFIG, 25.0)
    assert layout.count(100_000) == 1


def test_a_short_recording_is_the_same_however_it_is_joined(separator: Separator) -> None:
    mixture = noise(1, 48_000)
    answers = [
        separator.separate(mixture, sample_rate=48_000, text="hiss", windowing=windowing).target
        for windowing in ("multi-diffusion", "chunks", "one-shot")
    ]
    for other in answers[1:]:
        torch.testing.assert_close(torch.from_numpy(other), torch.from_numpy(answers[0]))


def test_windows_as_asked_for() -> None:
    assert window_layout("multi-diffusion", None, None, CONFIG, 25.0) == WindowLayout.overlapping(
        250, 62
    )
    assert window_layout("multi-diffusion", 6.0, 3.0, CONFIG, 25.0) == WindowLayout.overlapping(
        150, 75
    )
    assert window_layout("multi-diffusion", 2.0, None, CONFIG, 25.0) == WindowLayout.overlapping(
        50, 12
    )
    assert window_layout("chunks", None, None, CONFIG, 25.0) == WindowLayout.chunks(250, 2)


@pytest.mark.parametrize(
    ("windowing", "window", "overlap", "culprit"),
    [
        ("glue", None, None, "glue"),
        ("one-shot", 5.0, None, "window 5"),
        ("one-shot", None, 1.0, "overlap 1"),
        ("chunks", 0.0, None, "window 0"),
        ("chunks", float("nan"), None, "window nan"),
        ("chunks", 5.0, 5.0, "overlap 5"),
        ("multi-diffusion", None, -1.0, "overlap -1"),
        ("multi-diffusion", None, 11.0, "overlap 11"),
    ],
)
def test_windows_that_cannot_be(
    windowing: str, window: float | None, overlap: float | None, culprit: str
) -> None:
    with pytest.raises(SoundsiftError, match=culprit):
        window_layout(windowing, window, overlap, CONFIG, 25.0)  # type: ignore[arg-type]

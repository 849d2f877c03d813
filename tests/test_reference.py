"""The production pipeline against the reference: default and released models, every solver."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

import soundsift
from soundsift.audio.normalisation import Normalisation
from soundsift.checkpoints import pe_vision
from soundsift.checkpoints.load import open_model
from soundsift.checkpoints.store import find_model
from soundsift.models.velocity_field import VelocityField
from soundsift.presets import Preset, find_preset
from soundsift.prompts import Prompt
from soundsift.reference import separate_window
from soundsift.sampling.solvers import Solver
from soundsift.sampling.windows import WindowLayout
from soundsift.separation.conditioning import PromptInputs
from soundsift.separation.pipeline import separate_waves
from soundsift.separation.request import make_plan
from soundsift.separation.separator import Separator
from soundsift.spans import Span
from tests.released import TINY_VISION, write_released
from tests.signals import noise

SPANS = (Span(0.2, 0.6), Span(0.8, 1.0, False))
MEAN = Preset("", "euler", 1, 0.0)


def definition(folder: Path) -> VelocityField:
    parts = open_model(folder)
    field = VelocityField(parts.config.field)
    field.load_state_dict({name: parts.field[name].float() for name in parts.field})
    return field.eval()


def pipeline(
    model: Separator,
    mixture: Tensor,
    preset: Preset,
    text: str | None,
    spans: Sequence[Span],
    video: Tensor | None,
    seed: int,
) -> Tensor:
    inputs = PromptInputs(Prompt(text, tuple(spans)), video)
    plan = make_plan(preset, seed, WindowLayout.overlapping(750, 125))
    pieces = iter(mixture.split(5000, dim=-1))
    with torch.inference_mode():
        stems = list(separate_waves(model.model, pieces, [inputs], plan, lambda _: None))
    return torch.cat(stems, dim=-1)[0]


def check(model: Separator, field: VelocityField, mixture: Tensor, *prompt: object) -> None:
    ours = pipeline(model, mixture, *prompt)  # type: ignore[arg-type]
    theirs = separate_window(field, model.model, mixture, *prompt)  # type: ignore[arg-type]
    assert ours.shape == theirs.shape
    # The second term is for models that answer with next to nothing.
    error = float((ours - theirs).norm() / (theirs.norm() + 1e-3 * mixture.norm()))
    assert error < 1e-4


PROMPTS = [("dog barking", ()), (None, SPANS), ("music", SPANS)]


@pytest.fixture(scope="module")
def default() -> tuple[Separator, VelocityField]:
    folder = find_model("default")
    return soundsift.load(device="cpu", precision="float32"), definition(folder)


# Each preset with another prompt, and one that has a text and spans with both.
@pytest.mark.parametrize(
    ("preset", "prompt"),
    [
        pytest.param(MEAN, PROMPTS[0], id="mean-text"),
        pytest.param(MEAN, PROMPTS[2], id="mean-both"),
        pytest.param(Preset("", "midpoint", 2, 1.0), PROMPTS[1], id="sampled-spans"),
        pytest.param(Preset("", "midpoint", 2, 1.0), PROMPTS[2], id="sampled-both"),
    ],
)
def test_the_default_model(
    default: tuple[Separator, VelocityField],
    preset: Preset,
    prompt: tuple[str | None, tuple[Span, ...]],
) -> None:
    mixture = torch.from_numpy(noise(2, 14 * 48_000))[None]
    check(*default, mixture, preset, *prompt, None, 3)


@pytest.fixture(scope="module")
def released(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Separator, VelocityField]]:
    pytest.importorskip("transformers", reason="the released models need the extra `released`")
    folder = write_released(tmp_path_factory.mktemp("released") / "sam-audio-tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pe_vision, "CONFIGS", {"PE-Core-L14-336": TINY_VISION})
        model = soundsift.load(folder, device="cpu", precision="float32")
        yield model, definition(folder)


# Every solver with every prompt, and with and without a video.
@pytest.mark.parametrize(
    ("solver", "prompt", "with_video"),
    [
        pytest.param(solver, prompt, (i + j) % 2 == 1, id=f"{solver}-{prompt[0]}-{len(prompt[1])}")
        for i, solver in enumerate(get_args(Solver))
        for j, prompt in enumerate(PROMPTS)
    ],
)
def test_a_released_model(
    released: tuple[Separator, VelocityField],
    solver: Solver,
    prompt: tuple[str | None, tuple[Span, ...]],
    with_video: bool,
) -> None:
    mixture = torch.from_numpy(noise(2, 50_000))[None]
    frames = -(-mixture.shape[-1] // released[0].model.codec.samples_per_frame)
    generator = torch.Generator().manual_seed(1)
    video = torch.randn(frames, 24, generator=generator) if with_video else None
    check(*released, mixture, Preset("", solver, 3, 1.0), *prompt, video, 5)


@pytest.mark.parametrize(
    ("channels", "gain", "offset"),
    [(1, 1.0, 0.0), (2, 1.0, 2e-4), (2, 4.0, 0.3)],
    ids=["as it is", "small offset", "beyond full scale"],
)
def test_a_separator_is_the_reference_after_normalisation(
    released: tuple[Separator, VelocityField], channels: int, gain: float, offset: float
) -> None:
    model, field = released
    samples = noise(channels, 70_000)
    samples = gain * (samples - samples.mean(axis=1, keepdims=True)) + np.float32(offset)
    normalisation = Normalisation.of_samples(samples)
    assert (normalisation == Normalisation()) is (offset == 0)
    rate = model.model.codec.sample_rate
    done = model.separate(samples, sample_rate=rate, text="dog barking", seed=5)
    mixture = torch.from_numpy(normalisation.apply(samples))[None]
    preset = find_preset("standard", model.config.prediction)
    stems = separate_window(field, model.model, mixture, preset, "dog barking", seed=5)
    theirs = normalisation.undo(stems.numpy()[None], with_offset=True)[0]
    error = np.linalg.norm(np.stack((done.target, done.residual)) - theirs)
    assert error < 1e-4 * np.linalg.norm(theirs)

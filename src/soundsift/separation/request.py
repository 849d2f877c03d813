"""A separation request: model inputs for every prompt, and the sampling plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

import torch
from torch import Tensor

from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError
from soundsift.models.codec import frame_rate
from soundsift.models.components import ModelComponents
from soundsift.presets import Preset, find_preset
from soundsift.prompts import Prompt
from soundsift.sampling.solvers import Evaluation, schedule
from soundsift.sampling.windows import WindowLayout
from soundsift.separation.codec_input import AnyRecording, codec_waves, latent_frames
from soundsift.separation.conditioning import PromptInputs
from soundsift.separation.example_prompt import find_example
from soundsift.separation.options import MOST_CANDIDATES, Options, Windowing
from soundsift.separation.span_prediction import predict_spans, sound_probabilities
from soundsift.version import __version__

#: Crossfade of chunks in seconds: two frames.
_CROSSFADE = 0.08


@dataclass(frozen=True)
class SamplingPlan:
    """How the latents of a recording are sampled.

    Attributes:
        evaluations: the solver's.
        layout: how the recording is cut into windows.
        temperature: scale of the initial noise.
        seed: of the initial noise.
        crossfade: whether windows are separated one by one and crossfaded as waves
            (`soundsift.sampling.overlap_add`), instead of fused at every evaluation.
    """

    evaluations: Sequence[Evaluation]
    layout: WindowLayout
    temperature: float
    seed: int
    crossfade: bool = False


@dataclass(frozen=True)
class SeparationRequest:
    """Everything that the pipeline needs to separate a recording.

    Attributes:
        model: the model, with the codec that the options ask for.
        prompts: the prompts' inputs.
        plan: the sampling plan.
        settings: for each result, everything needed to make it again; of exclusive prompts, those
            of the rest come last.
        exclusive: whether the prompts share the mixture.
        candidates: noises to draw for each prompt, of which the best is to be chosen
            (`soundsift.separation.ranking`).
        latents: `(prompts * rows, frames, 2 * latent_channels)`, of the stems; None: to be sampled.
    """

    model: ModelComponents
    prompts: list[PromptInputs]
    plan: SamplingPlan
    settings: list[dict[str, Any]]
    exclusive: bool
    candidates: int = 1
    latents: Tensor | None = None


def make_request(
    config: SeparatorConfig,
    model: ModelComponents,
    recording: AnyRecording,
    prompts: Sequence[Prompt],
    options: Options,
    exclusive: bool = False,
) -> SeparationRequest:
    """Check the prompts and options against a recording, and prepare the model's inputs.

    Args:
        config: the model's.
        model: the model.
        recording: the recording.
        prompts: the sounds to lift out of it.
        options: how.
        exclusive: whether the prompts share the mixture.

    Raises:
        SoundsiftError: a prompt that the recording or the model does not support, or an invalid
            option.
    """
    preset = find_preset(options.preset, config.prediction)
    for prompt in prompts:
        prompt.check(recording.duration)
    _check_candidates(options, preset, config, model, prompts)
    seed = int(torch.seed() % 2**31) if options.seed is None else int(options.seed)
    if exclusive:
        model = model.exclusive()
    elif options.consistent:
        model = model.consistent()
    rate = frame_rate(model.codec)
    layout = window_layout(options.windowing, options.window, options.overlap, config, rate)
    plan = make_plan(preset, seed, layout, crossfade=options.windowing == "chunks")
    asked = prompts
    if options.predict_spans:
        prompts = _with_predicted_spans(model, recording, prompts)
    inputs = [
        PromptInputs(
            prompt,
            None if prompt.visual is None else _video(config, model, recording, prompt),
            find_example(model, recording, prompt, layout),
        )
        for prompt in prompts
    ]
    shared: dict[str, Any] = {
        "soundsift": __version__,
        "model": config.name,
        "input": str(recording.path) if recording.path else None,
        "preset": options.preset,
        **{k: v for k, v in asdict(preset).items() if k != "description"},
        "seed": seed,
        "consistent": model.codec.mixture_consistent,
        "windowing": options.windowing,
        "window": options.window,
        "overlap": options.overlap,
        "sharing": [prompt.described() for prompt in asked] if exclusive else [],
    }
    settings = [
        _described(own, rate) | shared | {"spans_predicted": own.prompt is not prompt}
        for own, prompt in zip(inputs, asked, strict=True)
    ]
    if exclusive:
        texts = [prompt.text for prompt in prompts]
        settings.append({"text": None, "spans": [], "rest_of": texts} | shared)
    return SeparationRequest(model, inputs, plan, settings, exclusive, options.candidates)


def candidate_seed(seed: int, candidate: int) -> int:
    """The seed of a candidate's noise; it gives the same noise without candidates."""
    return (seed + candidate) % 2**32


def make_plan(
    preset: Preset, seed: int, layout: WindowLayout, crossfade: bool = False
) -> SamplingPlan:
    """The sampling plan of a preset."""
    evaluations = schedule(preset.steps, preset.solver)
    return SamplingPlan(evaluations, layout, preset.temperature, seed, crossfade)


def window_layout(
    windowing: Windowing,
    window: float | None,
    overlap: float | None,
    config: SeparatorConfig,
    frame_rate: float,
) -> WindowLayout:
    """How a recording is cut into windows.

    Args:
        windowing: how windows are combined.
        window: length in seconds; None for the model's own.
        overlap: of consecutive windows in seconds; None for the default (see `Options`).
        config: the model's.
        frame_rate: latent frames per second.

    Raises:
        SoundsiftError: an unknown windowing, an impossible window or overlap, or either of them
            with "one-shot".
    """
    if windowing not in get_args(Windowing):
        raise SoundsiftError(
            f"Unknown windowing {windowing!r}. Use one of {', '.join(get_args(Windowing))}."
        )
    if windowing == "one-shot":
        if window is not None or overlap is not None:
            name, given = ("window", window) if window is not None else ("overlap", overlap)
            raise SoundsiftError(
                f"{name} {given:g} does not apply to one-shot, which has a single window. Leave it "
                "out, or use multi-diffusion or chunks."
            )
        return WindowLayout.one_shot()
    length = config.window_seconds if window is None else window
    if not math.isfinite(length) or round(length * frame_rate) < 1:
        raise SoundsiftError(
            f"Invalid window {length:g}: use a length of {1 / frame_rate:g} s or more."
        )
    shared = overlap
    if shared is None:
        shared = _CROSSFADE if windowing == "chunks" else config.overlap_seconds
        if shared >= length:
            shared = length / 4
    frames = round(length * frame_rate)
    if not math.isfinite(shared) or shared < 0 or round(shared * frame_rate) >= frames:
        raise SoundsiftError(
            f"Invalid overlap {shared:g}: windows of {length:g} s can overlap by 0 s up to less "
            "than their length."
        )
    if windowing == "chunks":
        return WindowLayout.chunks(frames, round(shared * frame_rate))
    return WindowLayout.overlapping(frames, round(shared * frame_rate))


def _check_candidates(
    options: Options,
    preset: Preset,
    config: SeparatorConfig,
    model: ModelComponents,
    prompts: Sequence[Prompt],
) -> None:
    count = options.candidates
    if not 1 <= count <= MOST_CANDIDATES:
        raise SoundsiftError(
            f"Invalid candidates {count}: use a number from 1 to {MOST_CANDIDATES}."
        )
    if count == 1:
        return
    if preset.temperature == 0 or model.rankers is None:
        raise SoundsiftError(
            f"candidates {count} does not apply to model {config.name}, which gives one answer. "
            "Leave candidates out, or use a released model such as facebook/sam-audio-small."
        )
    if options.windowing == "chunks":
        raise SoundsiftError(
            f"candidates {count} does not apply to chunks, which are separated one by one. Use "
            "multi-diffusion or one-shot."
        )
    if any(not prompt.text and not any(s.positive for s in prompt.spans) for prompt in prompts):
        raise SoundsiftError(
            f"candidates {count} can't be ranked for a prompt without text and + spans. Describe "
            "the sound, or mark when it is heard."
        )


def _with_predicted_spans(
    model: ModelComponents, recording: AnyRecording, prompts: Sequence[Prompt]
) -> list[Prompt]:
    """The prompts, those by text alone with spans where the predictor hears the sound."""
    phrases = [p.text for p in prompts if p.text is not None and not p.spans]
    if not phrases:
        return list(prompts)
    rows = iter(sound_probabilities(model, codec_waves(model, recording), phrases))
    return [
        replace(p, spans=predict_spans(next(rows))) if p.text is not None and not p.spans else p
        for p in prompts
    ]


def _described(inputs: PromptInputs, rate: float) -> dict[str, Any]:
    described, example = inputs.prompt.described(), inputs.example
    if example is not None:
        described["example"] = [example.start / rate, (example.start + example.length) / rate]
    return described


def _video(
    config: SeparatorConfig, model: ModelComponents, recording: AnyRecording, prompt: Prompt
) -> Tensor:
    """Features of the object in the video, `(latent frames, video_dim)`."""
    if model.vision_encoder is None:
        raise SoundsiftError(
            f"Model {config.name} does not support visual prompts. Use text or spans, or a model "
            "with a video branch, such as facebook/sam-audio-small."
        )
    # Imported here: most separations have no video.
    from soundsift.video import pair_by_time, video_features

    assert prompt.visual is not None
    frames = latent_frames(model.codec, recording)
    pairs = pair_by_time(prompt.visual.frames(recording.path), frames)
    return video_features(model.vision_encoder(), pairs, frames)

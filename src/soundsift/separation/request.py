"""A separation request: model inputs for every prompt, and the sampling plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

import torch
from torch import Tensor

from soundsift.audio import Recording, RecordingFile
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
from soundsift.separation.finishing import kept_share
from soundsift.separation.judges import has_judge
from soundsift.separation.listener import Listener, make_listener
from soundsift.separation.occurrences import Finding
from soundsift.separation.options import MOST_CANDIDATES, Options, Windowing
from soundsift.separation.part import RecordingPart, find_part
from soundsift.separation.sight import compare_all, named, see
from soundsift.spans import Span
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
        prompts: the inputs of every phrase of every prompt; the codec unites those of a prompt.
        sizes: the number of phrases of each prompt.
        inverted: for each prompt, whether its target is everything but what it names.
        plan: the sampling plan.
        settings: for each result, everything needed to make it again; of exclusive prompts, those
            of the rest come last.
        exclusive: whether the prompts share the mixture.
        candidates: noises to draw for each prompt, of which the best is to be chosen
            (`soundsift.separation.ranking`).
        latents: `(prompts * rows, frames, 2 * latent_channels)`, of the stems; None: to be sampled.
        part: the part of the recording that is separated; None: all of it.
        kept: share of the target's amplitude that stays in the residual.
        listener: listens for the prompts' sounds in the mixture; None if the model cannot hear.
        asked: the prompts as they were given.
        judge: whether results are rated.
    """

    model: ModelComponents
    prompts: list[PromptInputs]
    sizes: tuple[int, ...]
    inverted: tuple[bool, ...]
    plan: SamplingPlan
    settings: list[dict[str, Any]]
    exclusive: bool
    candidates: int = 1
    latents: Tensor | None = None
    part: RecordingPart | None = None
    kept: float = 0.0
    listener: Listener | None = None

    def findings(self) -> list[Finding | None]:
        """For each result, what was heard of its sound; to be called after the separation."""
        offset = 0.0 if self.part is None else self.part.start / self.part.sample_rate
        found = [] if self.listener is None else self.listener.findings(offset)
        return found + [None] * (len(self.settings) - len(found))

    asked: tuple[Prompt, ...] = ()
    judge: bool = False


def make_request(
    config: SeparatorConfig,
    model: ModelComponents,
    recording: Recording | RecordingFile,
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
    _check_amount(options.by)
    if options.judge and not has_judge(model):
        raise SoundsiftError(
            f"Model {config.name} has no judge that rates results as they are made. Leave judge "
            "out, and rate the files with soundsift judge."
        )
    part = find_part(recording, options.start, options.end)
    seed = int(torch.seed() % 2**31) if options.seed is None else int(options.seed)
    inverted = tuple(prompt.inverted for prompt in prompts)
    if exclusive and any(inverted):
        wrong = prompts[inverted.index(True)]
        raise SoundsiftError(
            f"{wrong.text!r} can't share the recording with other sounds. Name the sounds "
            "themselves; the rest is what they leave."
        )
    sights = see(model, part or recording, prompts)
    prompts = [
        prompt if sight is None else named(prompt, sight)
        for prompt, sight in zip(prompts, sights, strict=True)
    ]
    own_prompts = list(prompts) if part is None else [part.own(prompt) for prompt in prompts]
    sizes = tuple(len(prompt.parts()) for prompt in prompts)
    model = model.uniting(sizes)
    if exclusive:
        model = model.exclusive()
    elif options.consistent:
        model = model.consistent()
    rate = frame_rate(model.codec)
    layout = window_layout(options.windowing, options.window, options.overlap, config, rate)
    plan = make_plan(preset, seed, layout, crossfade=options.windowing == "chunks")
    listener, predict = make_listener(model, prompts, options.predict_spans)
    seeing = any(sight is not None for sight in sights)
    if listener is not None and (predict or seeing):
        listener.listen(codec_waves(model, part or recording))
    seen = compare_all(sights, own_prompts, listener, part or recording)
    phrases = [
        replace(phrase, spans=one.spans) if one is not None and not phrase.spans else phrase
        for prompt, one in zip(own_prompts, seen, strict=True)
        for phrase in prompt.parts()
    ]
    if listener is not None and predict:
        phrases = listener.marked(phrases)
    inputs = [
        PromptInputs(
            prompt,
            _video(model, part or recording, prompt),
            find_example(model, part or recording, prompt, layout),
        )
        for prompt in phrases
    ]
    shared: dict[str, Any] = {
        "soundsift": __version__,
        "model": config.name,
        "adapter": None if model.adapter is None else asdict(model.adapter),
        "input": str(recording.path) if recording.path else None,
        "preset": options.preset,
        **{k: v for k, v in asdict(preset).items() if k != "description"},
        "seed": seed,
        "consistent": model.codec.mixture_consistent,
        "windowing": options.windowing,
        "window": options.window,
        "overlap": options.overlap,
        "start": options.start,
        "end": options.end,
        "by": options.by,
        "sharing": [prompt.described() for prompt in prompts] if exclusive else [],
    }
    settings, inputs_left = [], inputs
    offset = 0.0 if part is None else part.start / part.sample_rate
    for prompt, one in zip(prompts, seen, strict=True):
        own, inputs_left = inputs_left[: len(prompt.parts())], inputs_left[len(prompt.parts()) :]
        settings.append(_described(prompt, own, rate, offset) | shared)
        if one is not None:
            settings[-1]["seen"] = one.described(offset)
    if exclusive:
        texts = [prompt.text for prompt in prompts]
        settings.append({"text": None, "spans": [], "rest_of": texts} | shared)
    return SeparationRequest(
        model,
        inputs,
        sizes,
        inverted,
        plan,
        settings,
        exclusive,
        options.candidates,
        part=part,
        kept=kept_share(options.by),
        listener=listener,
        asked=tuple(prompts),
        judge=options.judge,
    )


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


def _described(
    prompt: Prompt, phrases: Sequence[PromptInputs], rate: float, offset: float
) -> dict[str, Any]:
    """A prompt for the settings, its times in seconds from the recording's beginning."""
    found = dict.fromkeys(span for own in phrases for span in own.prompt.spans)
    predicted = bool(found) and not prompt.spans
    if predicted:
        spans = (Span(s.start + offset, s.end + offset, s.positive) for s in found)
        prompt = replace(prompt, spans=tuple(spans))
    described = prompt.described() | {"spans_predicted": predicted}
    # Phrases of a prompt have its marks, and so one example.
    if (example := phrases[0].example) is not None:
        first = offset + example.start / rate
        described["example"] = [first, first + example.length / rate]
    return described


def _check_amount(by: float | None) -> None:
    if by is not None and not (math.isfinite(by) and by > 0):
        raise SoundsiftError(f"Invalid amount {by:g} dB: expected a number above 0.")


def _video(model: ModelComponents, recording: AnyRecording, prompt: Prompt) -> Tensor | None:
    """Features of the object in the video, `(latent frames, video_dim)`; None if none is asked for.

    A model without a vision encoder gets a phrase and spans instead (`soundsift.separation.sight`).
    """
    if prompt.visual is None or model.vision_encoder is None:
        return None
    # Imported here: most separations have no video.
    from soundsift.segmentation.regions import Region
    from soundsift.video import pair_by_time, video_features

    whole = recording.whole if isinstance(recording, RecordingPart) else recording
    frames = latent_frames(model.codec, whole)
    pairs = pair_by_time(Region(prompt.visual, whole.path).frames(), frames)
    features = video_features(model.vision_encoder(), pairs, frames)
    if not isinstance(recording, RecordingPart):
        return features
    first = round(recording.start / recording.sample_rate * frame_rate(model.codec))
    return features[first : first + latent_frames(model.codec, recording)]

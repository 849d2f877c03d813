"""What is to be done with a recording: the prompts as the network gets to know them, and a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError
from soundsift.models.codec import frame_rate
from soundsift.models.components import ModelComponents
from soundsift.presets import find_preset
from soundsift.prompts import Prompt
from soundsift.separation.codec_rate import AnyRecording, latent_frames, waves_of
from soundsift.separation.joining import find_layout
from soundsift.separation.options import Options
from soundsift.separation.plan import Plan, make_plan
from soundsift.separation.references import find_reference, preparation
from soundsift.separation.span_prediction import predict_spans, sound_probabilities
from soundsift.separation.wanted import Wanted
from soundsift.version import __version__


@dataclass(frozen=True)
class Work:
    """What is to be done with a recording.

    Attributes:
        networks: the model, with the codec that the options ask for.
        wanted: the prompts.
        plan: how the recording is worked through.
        settings: everything needed to make each result again; of exclusive prompts, the rest's
            come last.
        exclusive: whether the prompts share the mixture.
        prepared: what share of the whole work it was to make this.
    """

    networks: ModelComponents
    wanted: list[Wanted]
    plan: Plan
    settings: list[dict[str, Any]]
    exclusive: bool
    prepared: float


def make_work(
    config: SeparatorConfig,
    networks: ModelComponents,
    recording: AnyRecording,
    prompts: Sequence[Prompt],
    options: Options,
    report: Callable[[float], None],
    exclusive: bool = False,
) -> Work:
    """Find out what there is to do.

    Args:
        config: the model's.
        networks: the model.
        recording: what is to be separated.
        prompts: what is wanted of it.
        options: how to go about it.
        report: called with the fraction done of the whole work; an exception that it raises stops
            it.
        exclusive: whether the prompts share the mixture.

    Raises:
        SoundsiftError: for a prompt that the recording or the model can't serve, or options that
            can't be.
    """
    preset = find_preset(options.preset, config.prediction)
    for prompt in prompts:
        prompt.check(recording.duration)
    seed = int(torch.seed() % 2**31) if options.seed is None else int(options.seed)
    if exclusive:
        networks = networks.exclusive()
    elif options.consistent:
        networks = networks.consistent()
    rate = frame_rate(networks.codec)
    layout = find_layout(options.windowing, options.window, options.overlap, config, rate)
    plan = replace(make_plan(preset, seed, layout), apart=options.windowing == "chunks")
    asked = prompts
    if options.predict_spans:
        prompts = _with_spans(networks, recording, prompts)
    share = preparation(networks, recording, prompts, plan)

    def wanted_of(number: int, prompt: Prompt) -> Wanted:
        def found(fraction: float) -> None:
            report(share * (number + fraction) / len(prompts))

        seen = None if prompt.visual is None else _seen(config, networks, recording, prompt)
        return Wanted(prompt, seen, find_reference(networks, recording, prompt, plan, found))

    wanted = [wanted_of(number, prompt) for number, prompt in enumerate(prompts)]
    shared: dict[str, Any] = {
        "soundsift": __version__,
        "model": config.name,
        "input": str(recording.path) if recording.path else None,
        "preset": options.preset,
        **{k: v for k, v in asdict(preset).items() if k != "description"},
        "seed": seed,
        "consistent": networks.codec.mixture_consistent,
        "windowing": options.windowing,
        "window": options.window,
        "overlap": options.overlap,
        "sharing": [prompt.described() for prompt in asked] if exclusive else [],
    }
    settings = [
        _described(own, rate) | shared | {"spans_predicted": own.prompt is not prompt}
        for own, prompt in zip(wanted, asked, strict=True)
    ]
    if exclusive:
        texts = [prompt.text for prompt in prompts]
        settings.append({"text": None, "spans": [], "rest_of": texts} | shared)
    return Work(networks, wanted, plan, settings, exclusive, share)


def _with_spans(
    networks: ModelComponents, recording: AnyRecording, prompts: Sequence[Prompt]
) -> list[Prompt]:
    """The prompts, those of text alone with spans where the predictor hears the sound."""
    phrases = [p.text for p in prompts if p.text is not None and not p.spans]
    if not phrases:
        return list(prompts)
    rows = iter(sound_probabilities(networks, waves_of(networks, recording), phrases))
    return [
        replace(p, spans=predict_spans(next(rows))) if p.text is not None and not p.spans else p
        for p in prompts
    ]


def _described(wanted: Wanted, rate: float) -> dict[str, Any]:
    described, reference = wanted.prompt.described(), wanted.reference
    if reference is not None:
        end = reference.start + reference.length
        described["reference"] = [reference.start / rate, end / rate]
        # What goes along with it beside the text that was asked for.
        found = dict.fromkeys(way.phrase for way in reference.ways)
        described["named"] = [p for p in found if p not in (None, wanted.prompt.text)]
        described["practised"] = reference.field is not None
    return described


def _seen(
    config: SeparatorConfig, networks: ModelComponents, recording: AnyRecording, prompt: Prompt
) -> Tensor:
    """What the video shows of the object, `(latent frames, video_dim)`."""
    if networks.vision_encoder is None:
        raise SoundsiftError(
            f"the model {config.name} has no eyes; text or spans were expected, or a "
            "model with a video branch, such as facebook/sam-audio-small."
        )
    # Imported here: most separations don't look.
    from soundsift.video import pair_by_time, video_features

    assert prompt.visual is not None
    frames = latent_frames(networks.codec, recording)
    pairs = pair_by_time(prompt.visual.frames(recording.path), frames)
    return video_features(networks.vision_encoder(), pairs, frames)

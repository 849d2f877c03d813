"""The separation pipeline: mixture in, stems out, block by block, at any length.

mixture -> codec's rate -> windows -> context and prompt -> velocity field and solver, fused over
the windows at every evaluation -> latents -> codec (with the mixture) -> stems -> recording's rate.

Every arrow is a generator, and what is not needed any more is discarded.
`soundsift.reference` does the same for one window on one screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from soundsift.audio import Recording, RecordingFile
from soundsift.audio.blocks import resampled
from soundsift.audio.normalisation import DcBlocker, Normalisation
from soundsift.models.codec import Codec, frame_rate
from soundsift.models.components import ModelComponents
from soundsift.sampling.buffers import SlidingBuffer, bounded_tee
from soundsift.sampling.multidiffusion import group_windows, integrate
from soundsift.sampling.overlap_add import overlap_add
from soundsift.sampling.windows import Window, WindowLayout
from soundsift.separation.codec_input import AnyRecording, latent_frames
from soundsift.separation.conditioning import PromptInputs, WindowBatch, WindowConditioner
from soundsift.separation.finishing import Finishing, fade_samples
from soundsift.separation.listener import Listener
from soundsift.separation.part import BlockCutter, RecordingPart
from soundsift.separation.request import SamplingPlan, SeparationRequest, candidate_seed
from soundsift.spans import Span

#: Frames that go through the network together, of all windows, prompts and rows.
_FRAMES_AT_A_TIME = 2000
_FEW_EVALUATIONS = 4

#: Frames that are decoded together, and that noise is drawn in.
_BLOCK = 250


def separate_recording(
    recording: Recording | RecordingFile,
    request: SeparationRequest,
    report: Callable[[float], None],
    sample_format: str | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Separate a recording.

    Args:
        recording: the mixture.
        request: model, prompts and plan.
        report: called with the fraction done, 0 to 1.
        sample_format: of the stems; that of the recording unless given.

    Yields:
        A block of the mixture `(channels, samples)` and its stems `(prompts, 2, channels,
        samples)`, target and residual; of exclusive prompts, the rest comes last.
    """
    # Latents that are there already were most of the work.
    report(0.0 if request.latents is None else 0.99)
    part = request.part or recording
    windows = request.plan.layout.count(latent_frames(request.model.codec, part))
    total = windows * len(request.plan.evaluations)
    done = 0

    def advance(evaluated: int) -> None:
        nonlocal done
        done += evaluated
        report(min(0.99, done / total))

    finishing = _finishing(request, part, sample_format or recording.sample_format)
    blocks = BlockCutter(recording.blocks())

    def around(stop: int | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for block in blocks.up_to(stop):
            yield block, finishing.outside(block, len(request.inverted))

    first, stop = (part.start, part.stop) if isinstance(part, RecordingPart) else (0, None)
    yield from around(first)
    yield from separate_blocks(
        request.model,
        blocks.up_to(stop),
        recording.sample_rate,
        request.prompts,
        request.plan,
        advance,
        finishing,
        recording.normalisation,
        request.latents,
        request.listener,
    )
    yield from around(None)
    report(1.0)


def _finishing(request: SeparationRequest, part: AnyRecording, sample_format: str) -> Finishing:
    fades = (0, 0)
    if isinstance(part, RecordingPart):
        length = min(fade_samples(part.sample_rate), part.length // 2)
        fades = (length * (part.start > 0), length * (part.stop < part.whole.length))
    return Finishing(
        sample_format,
        request.model.codec.mixture_consistent,
        request.exclusive,
        request.inverted,
        request.kept,
        fades,
        part.length,
    )


@torch.inference_mode()
def separate_blocks(
    model: ModelComponents,
    blocks: Iterator[np.ndarray],
    rate: int,
    prompts: Sequence[PromptInputs],
    plan: SamplingPlan,
    advance: Callable[[int], None],
    finishing: Finishing,
    normalisation: Normalisation | None = None,
    latents: Tensor | None = None,
    listener: Listener | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Separate a mixture that comes in blocks.

    Args:
        model: the model.
        blocks: of the mixture, `(channels, samples)`.
        rate: its sample rate.
        prompts: the prompts' inputs.
        plan: the sampling plan.
        advance: called with the number of windows just evaluated.
        finishing: what becomes of the estimates.
        normalisation: of the mixture; None for a stream, from which a high-pass filter removes
            the offset.
        latents: `(prompts * rows, frames, 2 * latent_channels)`, of the mixture's stems if they
            were sampled before; None samples them.
        listener: listens to the mixture on its way.

    Yields:
        As `separate_recording`.
    """
    own_rate = model.codec.sample_rate
    original, raw = bounded_tee(blocks, 2)
    mixture = map((normalisation or DcBlocker(rate)).apply, raw)
    normalisation = normalisation or Normalisation()
    waves = (
        torch.from_numpy(piece).to(model.device)[None]
        for piece in resampled(mixture, rate, own_rate)
    )
    heard = waves if listener is None else listener.tap(waves)
    shape: list[int] = []

    def separated() -> Iterator[Tensor]:
        if latents is not None:
            return decode(model.codec, latents, heard)
        separate = separate_chunks if plan.crossfade else separate_waves
        return separate(model, heard, prompts, plan, advance)

    def flat() -> Iterator[np.ndarray]:
        for piece in separated():
            shape[:] = piece.shape[:3]
            yield piece.flatten(0, 2).cpu().numpy()

    pieces = (torch.from_numpy(p) for p in resampled(flat(), own_rate, rate))
    stems, start = SlidingBuffer(pieces, dim=-1), 0
    for block in original:
        end = start + block.shape[1]
        part = stems.read(start, end)
        part = part.reshape(*shape, part.shape[-1])
        # The resampler may end a sample early.
        part = functional.pad(part, (0, block.shape[1] - part.shape[-1]))
        own = normalisation.undo(part.numpy(), with_offset=not model.codec.mixture_consistent)
        yield block, finishing.finish(block, own, start)
        stems.discard(end)
        start = end


def separate_waves(
    model: ModelComponents,
    waves: Iterator[Tensor],
    prompts: Sequence[PromptInputs],
    plan: SamplingPlan,
    advance: Callable[[int], None],
) -> Iterator[Tensor]:
    """Separate a mixture at the codec's rate, with windows fused at every solver step.

    Args:
        model: the model.
        waves: the mixture in pieces `(1, channels, samples)`.
        prompts: the prompts' inputs.
        plan: the sampling plan.
        advance: called with the number of windows just evaluated.

    Yields:
        Stems in order, in pieces `(prompts, stems, channels, samples)`: the target, and the
        residual unless the codec is mixture-consistent.
    """
    ahead, behind = bounded_tee(waves, 2)
    latents = sample_latents(model, ahead, prompts, plan, advance)
    yield from _decode(model.codec, SlidingBuffer(latents, dim=1), SlidingBuffer(behind, dim=-1))


def sample_latents(
    model: ModelComponents,
    waves: Iterator[Tensor],
    prompts: Sequence[PromptInputs],
    plan: SamplingPlan,
    advance: Callable[[int], None],
) -> Iterator[Tensor]:
    """Sample the latents of the stems, with windows fused at every solver step.

    Args are those of `separate_waves`.

    Yields:
        Latents in order, in pieces `(prompts * rows, frames, 2 * latent_channels)`.
    """
    codec = model.codec
    mixture = SlidingBuffer(waves, dim=-1)
    times = [evaluation.time for evaluation in plan.evaluations]
    conditioner = WindowConditioner(model, mixture, prompts, times)

    def field(noisy: Tensor, time: Tensor, batches: list[WindowBatch]) -> Tensor:
        velocity = conditioner.velocity(noisy, time, batches)
        advance(noisy.shape[0] // conditioner.items)
        return velocity

    size = codec.samples_per_frame
    windows = plan.layout.windows(lambda frames: codec.frames(mixture.extend(frames * size)))
    rows = conditioner.items // len(prompts)
    most = _windows_at_a_time(plan, prompts, rows)
    candidates = [inputs.candidate for inputs in prompts for _ in range(rows)]
    return integrate(
        plan.evaluations,
        group_windows(windows, conditioner.prepare, most),
        _noise(model.field.config.latent_channels, candidates, plan, model.device),
        field,
    )


def decode(codec: Codec, latents: Tensor, waves: Iterator[Tensor]) -> Iterator[Tensor]:
    """Stems of latents `(prompts * rows, frames, 2 * latent_channels)`, as `separate_waves`."""
    return _decode(codec, SlidingBuffer(iter([latents]), dim=1), SlidingBuffer(waves, dim=-1))


def separate_chunks(
    model: ModelComponents,
    waves: Iterator[Tensor],
    prompts: Sequence[PromptInputs],
    plan: SamplingPlan,
    advance: Callable[[int], None],
) -> Iterator[Tensor]:
    """Separate each window as if it were a recording, and crossfade the stems, for comparison.

    Args and yields are those of `separate_waves`. Every window draws its own noise.
    """
    codec = model.codec

    def separate(number: int, window: Window, mixture: Tensor) -> Tensor:
        alone = replace(plan, layout=WindowLayout.one_shot(), seed=plan.seed + number)
        own = [_within(inputs, window, frame_rate(codec)) for inputs in prompts]
        return torch.cat(list(separate_waves(model, iter([mixture]), own, alone, advance)), dim=-1)

    mixture = SlidingBuffer(waves, dim=-1)
    return overlap_add(mixture, plan.layout, codec.frames, codec.samples_per_frame, separate)


def _within(inputs: PromptInputs, window: Window, frame_rate: int) -> PromptInputs:
    """A prompt's inputs for a window alone, whose first frame is frame 0."""
    begin, end = window.start / frame_rate, window.end / frame_rate
    spans = tuple(
        Span(max(span.start, begin) - begin, min(span.end, end) - begin, span.positive)
        for span in inputs.prompt.spans
        if min(span.end, end) - max(span.start, begin) > 1e-6
    )
    video = None if inputs.video is None else inputs.video[window.start : window.end]
    return replace(inputs, prompt=replace(inputs.prompt, spans=spans), video=video)


def _windows_at_a_time(plan: SamplingPlan, prompts: Sequence[PromptInputs], rows: int) -> int:
    """The most windows in a group."""
    if len(plan.evaluations) > _FEW_EVALUATIONS:
        # Each evaluation runs a group behind the one before: with many, groups must be small for
        # the first sound to come soon and little to be in memory.
        return 1
    frames = sum(
        plan.layout.length + (0 if inputs.example is None else inputs.example.length)
        for inputs in prompts
    )
    return max(1, _FRAMES_AT_A_TIME // (frames * rows))


def _noise(
    channels: int, candidates: Sequence[int], plan: SamplingPlan, device: torch.device
) -> Iterator[Tensor]:
    """Initial noise in pieces `(items, frames, 2 * channels)`, without end.

    Drawn on the CPU and in blocks of one length, so that a seed means the same on every device and
    with any windows.

    Args:
        channels: of a stem's latent.
        candidates: the candidate of each item; those of one number share the noise.
        plan: its seed is that of candidate 0, and each further one adds 1.
        device: where the noise goes.
    """
    numbers = sorted(set(candidates))
    items = torch.tensor([numbers.index(candidate) for candidate in candidates])
    generators = [
        torch.Generator().manual_seed(candidate_seed(plan.seed, number)) for number in numbers
    ]
    while True:
        drawn = [torch.randn(_BLOCK, 2 * channels, generator=one) for one in generators]
        yield (torch.stack(drawn) * plan.temperature)[items].to(device)


def _decode(codec: Codec, latents: SlidingBuffer, mixture: SlidingBuffer) -> Iterator[Tensor]:
    """Stems from latents and mixture in blocks, equal to those decoded at once."""
    size, margin = codec.samples_per_frame, codec.stems_margin
    done = 0
    while True:
        available = latents.extend(done + margin + 1)
        stop = min(done + _BLOCK, available if latents.complete else available - margin)
        if stop <= done:
            return
        left, right = max(0, done - margin), min(available, stop + margin)
        stems = codec.stems(latents.read(left, right), mixture.read(left * size, right * size))
        yield stems[..., (done - left) * size : (stop - left) * size]
        done = stop
        latents.discard(max(0, done - margin))
        mixture.discard(max(0, done - margin) * size)

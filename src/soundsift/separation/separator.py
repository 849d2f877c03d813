"""A loaded model: recordings and prompts in, target and residual out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soundsift.audio import Recording, complement, read, resample
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import SeparatorConfig
from soundsift.devices import autocast
from soundsift.errors import SoundsiftError
from soundsift.flow import as_velocity
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import Conditioning, PreparedConditioning, VelocityField
from soundsift.prompts import Prompt, Span, frame_anchors
from soundsift.separation.presets import Preset, find_preset
from soundsift.separation.result import Separation
from soundsift.separation.windows import Windows
from soundsift.solvers import solve
from soundsift.version import __version__

#: The default model was trained on up to ten seconds; longer recordings are cut into windows of
#: that.
WINDOW_SECONDS, OVERLAP_SECONDS = 10.0, 2.5

SpanLike = Span | tuple[float, float] | str
Source = str | Path | np.ndarray | Recording


class Separator:
    """Separates recordings with one model, loaded once.

    Args:
        config: the model's configuration.
        field: its velocity field, in eval mode.
        device: where to compute.
    """

    def __init__(self, config: SeparatorConfig, field: VelocityField, device: torch.device) -> None:
        self.config, self.device = config, device
        self.field = field.to(device)
        self.codec = MelCodec(config.codec).to(device)
        self.text = TextEncoder(device)

    @torch.inference_mode()
    def separate(
        self,
        source: Source,
        *,
        sample_rate: int | None = None,
        text: str | None = None,
        spans: Sequence[SpanLike] = (),
        not_spans: Sequence[SpanLike] = (),
        preset: str = "standard",
        seed: int | None = 0,
        progress: Callable[[float], None] | None = None,
    ) -> Separation:
        """Lift a sound out of a recording.

        Args:
            source: a file that FFmpeg reads, a `Recording`, or samples `(channels, samples)` or
                `(samples,)` within -1..1.
            sample_rate: in Hz, of samples given as an array.
            text: what to lift out, "dog barking".
            spans: when it is heard: `Span`, (start, end) in seconds, or "1.2-2.5".
            not_spans: when it is not heard; where spans overlap, the later in `[*spans,
                *not_spans]` wins.
            preset: draft, standard or best.
            seed: of the starting noise; None draws one.
            progress: called with the fraction done, 0 to 1; an exception that it raises stops the
                work.

        Returns:
            Target and residual at the input's rate, channels and exact length.

        Raises:
            SoundsiftError: for a recording, prompt or preset that cannot be used.
        """
        report = progress or _silent
        chosen = find_preset(preset)
        prompt = make_prompt(text, spans, not_spans)
        recording = as_recording(source, sample_rate)
        prompt.check(recording.duration)
        if seed is None:
            seed = int(torch.seed() % 2**31)
        report(0.0)
        wave = self._to_codec_rate(recording)
        latents = self._solve(wave, prompt, chosen, seed, report)
        target = self._decode(latents, wave, recording)
        target, residual = complement(recording.samples, target, recording.sample_format)
        report(1.0)
        return Separation(
            mixture=recording.samples,
            target=target,
            residual=residual,
            sample_rate=recording.sample_rate,
            sample_format=recording.sample_format,
            settings=self._settings(recording, prompt, preset, chosen, seed),
        )

    def _to_codec_rate(self, recording: Recording) -> Tensor:
        rate = self.config.codec.sample_rate
        samples = resample(recording.samples, recording.sample_rate, rate)
        return torch.from_numpy(samples).to(self.device)[None]

    def _solve(
        self,
        wave: Tensor,
        prompt: Prompt,
        preset: Preset,
        seed: int,
        report: Callable[[float], None],
    ) -> Tensor:
        """Latents of both stems `(1, T, 2 * latent_channels)` for a wave `(1, C, N)`."""
        codec = self.config.codec
        frames = self.codec.frames(wave.shape[-1])
        windows = Windows.cut(
            frames,
            round(WINDOW_SECONDS * codec.frame_rate),
            round(OVERLAP_SECONDS * codec.frame_rate),
        )
        prepared = [
            self._prepare(wave, prompt, windows, part) for part in _batches(len(windows.starts))
        ]

        def field(noisy: Tensor, time: Tensor, part: slice) -> Tensor:
            with autocast(self.device):
                output = self.field(noisy, time, prepared[part.start // _AT_A_TIME])
            return as_velocity(output.float(), self.config.prediction, noisy, time)

        noise = _noise(frames, self.config.field.latent_channels, seed).to(self.device)
        return solve(
            windows.fuse(field, _AT_A_TIME),
            noise * preset.temperature,
            preset.steps,
            preset.solver,
            callback=lambda step, _: report(0.1 + 0.7 * step / preset.steps),
        )

    def _prepare(
        self, wave: Tensor, prompt: Prompt, windows: Windows, part: slice
    ) -> PreparedConditioning:
        """Everything about some windows that does not change from one evaluation to the next."""
        size = self.codec.samples_per_frame
        starts = windows.starts[part]
        contexts = [
            self.codec.context(wave[..., s * size : (s + windows.length) * size]) for s in starts
        ]
        anchors = torch.from_numpy(
            frame_anchors(prompt.spans, windows.frames, self.config.codec.frame_rate)
        )
        marked = torch.stack([anchors[s : s + windows.length] for s in starts]).to(self.device)
        states, mask = self.text.encode_batch([prompt.text] * len(starts))
        conditioning = Conditioning(
            context=torch.cat(contexts), text=states, text_mask=mask, anchors=marked
        )
        with autocast(self.device):
            return self.field.prepare(conditioning)

    def _decode(self, latents: Tensor, wave: Tensor, recording: Recording) -> np.ndarray:
        """The target at the recording's rate and length, `(channels, samples)`."""
        target = self.codec.decode(latents, wave)[0].cpu().numpy()
        samples = recording.samples.shape[1]
        return resample(
            target, self.config.codec.sample_rate, recording.sample_rate, length=samples
        )

    def _settings(
        self, recording: Recording, prompt: Prompt, name: str, preset: Preset, seed: int
    ) -> dict[str, Any]:
        sampler = {k: v for k, v in asdict(preset).items() if k != "description"}
        return {
            "soundsift": __version__,
            "model": self.config.name,
            "input": str(recording.path) if recording.path else None,
            "text": prompt.text,
            "spans": [asdict(span) for span in prompt.spans],
            "preset": name,
            **sampler,
            "seed": seed,
        }


def make_prompt(
    text: str | None, spans: Sequence[SpanLike] = (), not_spans: Sequence[SpanLike] = ()
) -> Prompt:
    """A prompt from what users write.

    Raises:
        SoundsiftError: for a span that is reversed or cannot be read.
    """
    marked = [_as_span(span, True) for span in spans] + [_as_span(s, False) for s in not_spans]
    return Prompt(text, tuple(marked))


def as_recording(source: Source, sample_rate: int | None = None) -> Recording:
    """Read a file, or check samples.

    Raises:
        SoundsiftError: for a file that cannot be used, samples of a wrong shape or that are not
            finite, or a missing rate.
    """
    if isinstance(source, Recording):
        return source
    if isinstance(source, str | Path):
        return read(source)
    samples = np.atleast_2d(np.asarray(source, dtype=np.float32))
    if sample_rate is None or sample_rate <= 0:
        raise SoundsiftError(f"sample_rate is {sample_rate}; samples need their rate in Hz.")
    if samples.ndim != 2 or samples.shape[0] > samples.shape[1]:
        raise SoundsiftError(
            f"samples have shape {np.shape(source)}; (channels, samples) was expected."
        )
    if not np.isfinite(samples).all():
        raise SoundsiftError("samples hold NaN or infinite values; finite numbers were expected.")
    return Recording(samples, sample_rate)


#: Windows that go through the network together.
_AT_A_TIME = 8


def _silent(_: float) -> None:
    pass


def _batches(count: int) -> list[slice]:
    return [slice(i, i + _AT_A_TIME) for i in range(0, count, _AT_A_TIME)]


def _as_span(span: SpanLike, positive: bool) -> Span:
    if isinstance(span, Span):
        return span
    return Span.parse(span, positive) if isinstance(span, str) else Span(*span, positive)


def _noise(frames: int, latent_channels: int, seed: int) -> Tensor:
    """Starting noise `(1, frames, 2 * latent_channels)`.

    Drawn on the CPU, so that a seed means the same on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, frames, 2 * latent_channels, generator=generator)

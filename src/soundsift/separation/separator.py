"""A loaded model: recordings and prompts in, target and residual out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from soundsift.audio import Recording, complement, quantise, read
from soundsift.audio.streams import cut, resampled
from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError
from soundsift.models.codec import Codec
from soundsift.prompts import Prompt, Span
from soundsift.separation.along import Networks, Plan, Wanted, stems_along
from soundsift.separation.presets import Preset, find_preset
from soundsift.separation.result import Separation
from soundsift.separation.track import Track
from soundsift.separation.windows import Layout
from soundsift.solvers import schedule
from soundsift.version import __version__

if TYPE_CHECKING:
    from soundsift.video import VisualPrompt

SpanLike = Span | tuple[float, float] | str
Source = str | Path | np.ndarray | Recording


#: Samples of a recording that flow together.
_BLOCK_SECONDS = 1.0


class Separator:
    """Separates recordings with one model, loaded once.

    Args:
        config: the model's configuration.
        networks: its parts.
    """

    def __init__(self, config: SeparatorConfig, networks: Networks) -> None:
        self.config, self.networks = config, networks

    def separate(
        self,
        source: Source,
        *,
        sample_rate: int | None = None,
        text: str | None = None,
        spans: Sequence[SpanLike] = (),
        not_spans: Sequence[SpanLike] = (),
        visual: VisualPrompt | None = None,
        preset: str = "standard",
        seed: int | None = 0,
        consistent: bool = False,
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
            visual: where the object can be seen in the video, for models that look.
            preset: draft, standard or best.
            seed: of the starting noise; None draws one.
            consistent: of a model that generates its stems, take a mask on the mixture that they
                guide, so that target and residual add up to it. The default model's always do.
            progress: called with the fraction done, 0 to 1; an exception that it raises stops the
                work.

        Returns:
            Target and residual at the input's rate, channels and exact length.

        Raises:
            SoundsiftError: for a recording, prompt or preset that cannot be used.
        """
        prompt = replace(make_prompt(text, spans, not_spans), visual=visual)
        return self.separate_many(
            source,
            [prompt],
            sample_rate=sample_rate,
            preset=preset,
            seed=seed,
            consistent=consistent,
            progress=progress,
        )[0]

    def separate_many(
        self,
        source: Source,
        prompts: Sequence[Prompt | str],
        *,
        sample_rate: int | None = None,
        preset: str = "standard",
        seed: int | None = 0,
        consistent: bool = False,
        progress: Callable[[float], None] | None = None,
    ) -> list[Separation]:
        """Lift several sounds out of a recording, which is analysed once.

        Args:
            source: as for `separate`.
            prompts: what to lift out, each a phrase or a `Prompt`.
            sample_rate: in Hz, of samples given as an array.
            preset: draft, standard or best.
            seed: of the starting noise, which all share; None draws one.
            consistent: as for `separate`.
            progress: called with the fraction done, 0 to 1; an exception that it raises stops the
                work.

        Returns:
            For each prompt, target and residual at the input's rate, channels and exact length.

        Raises:
            SoundsiftError: for a recording, prompt or preset that cannot be used, or no prompt.
        """
        report = progress or _silent
        chosen = find_preset(preset, self.config.prediction)
        asked = [make_prompt(p) if isinstance(p, str) else p for p in prompts]
        if not asked:
            raise SoundsiftError("there is no prompt; a text such as 'dog barking' was expected.")
        recording = as_recording(source, sample_rate)
        for prompt in asked:
            prompt.check(recording.duration)
        if seed is None:
            seed = int(torch.seed() % 2**31)
        report(0.0)
        networks = self.networks.consistent() if consistent else self.networks
        wanted = [Wanted(prompt, self._seen(prompt, recording)) for prompt in asked]
        stems = self._stems(networks, recording, wanted, self._plan(chosen, seed), report)
        report(1.0)
        return [
            Separation(
                mixture=recording.samples,
                target=own[0],
                residual=own[1],
                sample_rate=recording.sample_rate,
                sample_format=recording.sample_format,
                layout=recording.layout,
                settings=self._settings(recording, prompt, preset, chosen, seed)
                | {"consistent": networks.codec.adds_up},
            )
            for prompt, own in zip(asked, stems, strict=True)
        ]

    def _seen(self, prompt: Prompt, recording: Recording) -> Tensor | None:
        """What the video shows of the object, `(latent frames, video_dim)`."""
        if prompt.visual is None:
            return None
        if self.networks.tower is None:
            raise SoundsiftError(
                f"the model {self.config.name} has no eyes; text or spans were expected, or a "
                "model with a video branch, such as facebook/sam-audio-small."
            )
        # Imported here: most separations don't look.
        from soundsift.video import pair_by_time, video_features

        frames = self._frames(recording)
        pairs = pair_by_time(prompt.visual.frames(recording.path), frames)
        return video_features(self.networks.tower(), pairs, frames)

    def _frames(self, recording: Recording) -> int:
        """Latent frames that cover a recording."""
        codec = self.networks.codec
        seconds = Fraction(recording.samples.shape[1], recording.sample_rate)
        return int(-(-seconds * codec.sample_rate // codec.samples_per_frame))

    def _stems(
        self,
        networks: Networks,
        recording: Recording,
        wanted: Sequence[Wanted],
        plan: Plan,
        report: Callable[[float], None],
    ) -> np.ndarray:
        """All prompts' targets and residuals, `(prompts, 2, channels, samples)`."""
        total = plan.layout.count(self._frames(recording)) * len(plan.evaluations)
        done = 0

        def advance(windows: int) -> None:
            nonlocal done
            done += windows
            report(min(0.99, done / total))

        size = max(1, round(_BLOCK_SECONDS * recording.sample_rate))
        blocks = self._along(
            networks, cut(recording.samples, size), recording, wanted, plan, advance
        )
        stems = np.empty((len(wanted), 2, *recording.samples.shape), np.float32)
        start = 0
        for block in blocks:
            stems[..., start : start + block.shape[-1]] = block
            start += block.shape[-1]
        return stems

    def _plan(self, preset: Preset, seed: int) -> Plan:
        config = self.config
        codec = self.networks.codec
        frame_rate = codec.sample_rate / codec.samples_per_frame
        return Plan(
            evaluations=schedule(preset.steps, preset.solver),
            layout=Layout.overlapping(
                round(config.window_seconds * frame_rate),
                round(config.overlap_seconds * frame_rate),
            ),
            temperature=preset.temperature,
            seed=seed,
        )

    @torch.inference_mode()
    def _along(
        self,
        networks: Networks,
        blocks: Iterator[np.ndarray],
        recording: Recording,
        wanted: Sequence[Wanted],
        plan: Plan,
        advance: Callable[[int], None],
    ) -> Iterator[np.ndarray]:
        """Targets and residuals at the recording's rate, `(prompts, 2, channels, samples)`."""
        rate = recording.sample_rate
        own_rate = networks.codec.sample_rate
        original, heard = tee(blocks)
        waves = (
            torch.from_numpy(piece).to(self.networks.device)[None]
            for piece in resampled(heard, rate, own_rate)
        )
        shape: list[int] = []

        def flat() -> Iterator[np.ndarray]:
            for piece in stems_along(networks, waves, wanted, plan, advance):
                shape[:] = piece.shape[:3]
                yield piece.flatten(0, 2).cpu().numpy()

        pieces = (torch.from_numpy(p) for p in resampled(flat(), own_rate, rate))
        stems, start = Track(pieces, dim=-1), 0
        for block in original:
            end = start + block.shape[1]
            part = stems.part(start, end)
            part = part.reshape(*shape, part.shape[-1])
            # The resampler may end a sample early.
            part = functional.pad(part, (0, block.shape[1] - part.shape[-1]))
            yield _finish(networks.codec, block, part.numpy(), recording.sample_format)
            stems.forget(end)
            start = end

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
            "visual": None if prompt.visual is None else prompt.visual.described(),
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


def _finish(codec: Codec, mixture: np.ndarray, stems: np.ndarray, sample_format: str) -> np.ndarray:
    """Both stems `(prompts, 2, channels, samples)` as the recording's format holds them."""
    if not codec.adds_up:
        return quantise(stems, sample_format)
    pairs = [complement(mixture, own[0], sample_format) for own in stems]
    return np.stack([np.stack(pair) for pair in pairs])


def _silent(_: float) -> None:
    pass


def _as_span(span: SpanLike, positive: bool) -> Span:
    if isinstance(span, Span):
        return span
    return Span.parse(span, positive) if isinstance(span, str) else Span(*span, positive)

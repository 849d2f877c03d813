"""A loaded model: recordings and prompts in, target and residual out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from soundsift.audio import Recording, RecordingFile, complement, examine, quantise, read
from soundsift.audio.formats import Output
from soundsift.audio.resampling import resample
from soundsift.audio.streams import resampled
from soundsift.audio.tags import read_tags
from soundsift.audio.writing import SoundFacts
from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError
from soundsift.models.codec import Codec
from soundsift.prompts import Prompt, Span
from soundsift.separation.along import Networks, Plan, Wanted, stems_along
from soundsift.separation.chunks import stems_in_chunks
from soundsift.separation.joining import Joining, find_layout
from soundsift.separation.live import Live, live_layout, measured_delay, whole_blocks
from soundsift.separation.presets import Preset, find_preset
from soundsift.separation.references import can_refer, find_reference
from soundsift.separation.result import Separation
from soundsift.separation.sharing import shared
from soundsift.separation.stem_files import Place, stem_files
from soundsift.separation.track import Track
from soundsift.separation.windows import Layout
from soundsift.solvers import schedule
from soundsift.version import __version__

if TYPE_CHECKING:
    from soundsift.video import VisualPrompt

SpanLike = Span | tuple[float, float] | str
Source = str | Path | np.ndarray | Recording

_WAV = Output()


@dataclass(frozen=True)
class SavedSeparation:
    """What `separate_file` has written.

    Attributes:
        paths: the files, by stem, and `settings`, and `picture` if there is one.
        settings: everything needed to make the result again.
        target_level_db: energy of the target against the mixture, in dB; very low if the sound was
            not found.
        recording: what it was made from.
    """

    paths: dict[str, Path]
    settings: dict[str, Any]
    target_level_db: float
    recording: RecordingFile


@dataclass(frozen=True)
class _Work:
    """What is to be done with a recording."""

    networks: Networks
    wanted: list[Wanted]
    plan: Plan
    settings: list[dict[str, Any]] = field(default_factory=list)
    exclusive: bool = False


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
        joining: Joining = "multi-diffusion",
        window: float | None = None,
        overlap: float | None = None,
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
            joining: how the windows of a long recording come together: "multi-diffusion" averages
                their answers at every evaluation; for comparison, "chunks" separates each alone
                and crossfades the waves, and "one-shot" makes the recording one window.
            window: length of a window in seconds; the model's own unless given.
            overlap: of two windows in seconds; the model's own, of chunks 0.08, unless given.
            progress: called with the fraction done, 0 to 1; an exception that it raises stops the
                work.

        Returns:
            Target and residual at the input's rate, channels and exact length.

        Raises:
            SoundsiftError: for a recording, prompt or preset that cannot be used.
        """
        prompt = make_prompt(text, spans, not_spans, visual)
        return self.separate_many(
            source,
            [prompt],
            sample_rate=sample_rate,
            preset=preset,
            seed=seed,
            consistent=consistent,
            joining=joining,
            window=window,
            overlap=overlap,
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
        exclusive: bool = False,
        joining: Joining = "multi-diffusion",
        window: float | None = None,
        overlap: float | None = None,
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
            exclusive: let the sounds share the mixture, and return what is left as one more result,
                so that all targets add up to it, in 16 and 24 bits to the last one; implies
                `consistent`.
            joining: as for `separate`.
            window: as for `separate`.
            overlap: as for `separate`.
            progress: called with the fraction done, 0 to 1; an exception that it raises stops the
                work.

        Returns:
            For each prompt, target and residual at the input's rate, channels and exact length; if
            exclusive, then the rest, as the target of one more.

        Raises:
            SoundsiftError: for a recording, prompt or preset that cannot be used, or no prompt.
        """
        asked = [make_prompt(p) if isinstance(p, str) else p for p in prompts]
        if not asked:
            raise SoundsiftError("there is no prompt; a text such as 'dog barking' was expected.")
        recording = as_recording(source, sample_rate)
        work = self._work(
            recording, asked, preset, seed, consistent, exclusive, joining, window, overlap
        )
        stems = np.empty((len(asked) + exclusive, 2, *recording.samples.shape), np.float32)
        start = 0
        for _, block in self._pieces(recording, work, progress or _ignore):
            stems[..., start : start + block.shape[-1]] = block
            start += block.shape[-1]
        return [
            Separation(
                mixture=recording.samples,
                target=own[0],
                residual=own[1],
                sample_rate=recording.sample_rate,
                sample_format=recording.sample_format,
                layout=recording.layout,
                settings=settings,
            )
            for settings, own in zip(work.settings, stems, strict=True)
        ]

    def separate_file(
        self,
        source: str | Path | RecordingFile,
        folder: str | Path,
        name: str | None = None,
        *,
        text: str | None = None,
        spans: Sequence[SpanLike] = (),
        not_spans: Sequence[SpanLike] = (),
        visual: VisualPrompt | None = None,
        preset: str = "standard",
        seed: int | None = 0,
        consistent: bool = False,
        joining: Joining = "multi-diffusion",
        window: float | None = None,
        overlap: float | None = None,
        stems: Sequence[str] = ("target", "residual"),
        output: Output = _WAV,
        picture: bool = False,
        overwrite: bool = False,
        record: Mapping[str, Any] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> SavedSeparation:
        """Lift a sound out of a file into files, in memory that does not grow with its length.

        All files appear together or not at all, even if the process is killed.

        Args:
            source: a file that FFmpeg reads, or one that was examined already.
            folder: of the results; made if missing.
            name: first part of their names; `{kind}` in it becomes the stem. That of the file
                unless given.
            text: as for `separate`, like all of these:
            spans: when it is heard.
            not_spans: when it is not.
            visual: where it can be seen.
            preset: draft, standard or best.
            seed: of the starting noise.
            consistent: whether generated stems shall add up.
            joining: how windows come together.
            window: their length in seconds.
            overlap: of two in seconds.
            stems: any of `target`, `residual` and `without`, another name for the residual.
            output: the format.
            picture: whether to draw spectrograms.
            overwrite: whether files that exist may be replaced.
            record: what else goes into the settings.
            progress: called with the fraction done, 0 to 1; an exception that it raises stops the
                work, and nothing is written.

        Raises:
            SoundsiftError: for a recording, prompt, preset, format or folder that cannot be used.
        """
        recording = source if isinstance(source, RecordingFile) else examine(source)
        prompt = make_prompt(text, spans, not_spans, visual)
        work = self._work(
            recording, [prompt], preset, seed, consistent, False, joining, window, overlap
        )
        place = Place(
            folder=Path(folder),
            name=recording.path.stem if name is None else name,
            stems=stems,
            output=output,
            source=recording.path,
            picture=picture,
            overwrite=overwrite,
            record=record or {},
        )
        facts = SoundFacts(
            recording.channels,
            recording.sample_rate,
            recording.length,
            recording.layout,
            read_tags(recording.path),
        )
        (settings,) = work.settings
        with stem_files(
            place,
            facts,
            recording.sample_format,
            settings,
            adds_up=work.networks.codec.adds_up,
        ) as files:
            for mixture, block in self._pieces(recording, work, progress or _ignore):
                files.write(mixture, *block[0])
        return SavedSeparation(place.paths, settings, files.levels.target_level_db, recording)

    def stream(
        self,
        blocks: Iterable[np.ndarray],
        *,
        sample_rate: int,
        text: str | None = None,
        spans: Sequence[SpanLike] = (),
        not_spans: Sequence[SpanLike] = (),
        preset: str = "standard",
        seed: int = 0,
        stem: str = "target",
        sample_format: str = "f32",
        live: Live | None = None,
    ) -> Iterator[np.ndarray]:
        """Lift a sound out of sound that is still arriving.

        Each sample of the result is there as soon as `stream_delay` seconds of sound from it on
        are; the end follows when the blocks end. The result is as long as the input.

        Args:
            blocks: samples `(channels, samples)` or `(samples,)` within -1..1, of any lengths;
                short ones, of 0.1 s or less, keep the delay small.
            sample_rate: in Hz.
            text: what to lift out.
            spans: when it is heard, counted from the beginning.
            not_spans: when it is not.
            preset: draft, standard or best.
            seed: of the starting noise.
            stem: "target" or "residual".
            sample_format: s16, s24 or f32; target and residual add up in it.
            live: how the sound is cut into windows; a good choice unless given.

        Returns:
            Blocks of the stem, float32 `(channels, samples)`.

        Raises:
            SoundsiftError: for a prompt, preset, rate or samples that cannot be used.
        """
        if stem not in ("target", "residual"):
            raise SoundsiftError(f"stem {stem!r} is unknown; target or residual was expected.")
        if sample_rate <= 0:
            raise SoundsiftError(f"sample_rate is {sample_rate}; a rate in Hz was expected.")
        prompt = make_prompt(text, spans, not_spans)
        prompt.check(None)
        plan = self._live_plan(preset, seed, live)
        networks = self.networks.consistent()
        return _stem(
            self._along(
                networks,
                whole_blocks(blocks),
                (sample_rate, sample_format),
                [Wanted(prompt)],
                plan,
                _ignore,
            ),
            ("target", "residual").index(stem),
        )

    def stream_delay(
        self,
        sample_rate: int,
        *,
        block: float = 0.02,
        preset: str = "standard",
        live: Live | None = None,
    ) -> float:
        """How far `stream` stays behind its input, in seconds of sound, at most.

        To it comes the time that computing takes.

        Args:
            sample_rate: in Hz.
            block: length of the input's blocks in seconds.
            preset: as for `stream`.
            live: as for `stream`.
        """
        plan = self._live_plan(preset, 0, live)
        return measured_delay(self.networks.consistent().codec, plan, sample_rate, block)

    def _live_plan(self, preset: str, seed: int, live: Live | None) -> Plan:
        chosen = find_preset(preset, self.config.prediction)
        return _plan(chosen, seed, live_layout(live or Live(), self._frame_rate))

    def _work(
        self,
        recording: Recording | RecordingFile,
        asked: Sequence[Prompt],
        preset: str,
        seed: int | None,
        consistent: bool,
        exclusive: bool,
        joining: Joining,
        window: float | None,
        overlap: float | None,
    ) -> _Work:
        chosen = find_preset(preset, self.config.prediction)
        for prompt in asked:
            prompt.check(recording.duration)
        if seed is None:
            seed = int(torch.seed() % 2**31)
        networks = self.networks.consistent() if consistent else self.networks
        if exclusive:
            networks = self.networks.exclusive()
        settings = [
            self._settings(recording, prompt, preset, chosen, seed)
            | {"consistent": networks.codec.adds_up}
            for prompt in asked
        ]
        if exclusive:
            texts = [prompt.text for prompt in asked]
            settings.append(settings[0] | {"text": None, "spans": [], "rest_of": texts})
        layout = find_layout(joining, window, overlap, self.config, self._frame_rate)
        plan = replace(_plan(chosen, seed, layout), apart=joining == "chunks")
        wanted = [
            Wanted(prompt, self._seen(prompt, recording), self._elsewhere(prompt, recording, plan))
            for prompt in asked
        ]
        for own, known in zip(wanted, settings, strict=False):
            if own.elsewhere is not None:
                known["elsewhere"] = own.elsewhere
        return _Work(networks, wanted, plan, settings, exclusive)

    def _pieces(
        self,
        recording: Recording | RecordingFile,
        work: _Work,
        report: Callable[[float], None],
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Mixture `(channels, samples)` and stems `(prompts, 2, channels, samples)`, in blocks."""
        report(0.0)
        total = work.plan.layout.count(self._frames(recording)) * len(work.plan.evaluations)
        done = 0

        def advance(windows: int) -> None:
            nonlocal done
            done += windows
            report(min(0.99, done / total))

        yield from self._along(
            work.networks,
            recording.blocks(),
            (recording.sample_rate, recording.sample_format),
            work.wanted,
            work.plan,
            advance,
            work.exclusive,
        )
        report(1.0)

    def _seen(self, prompt: Prompt, recording: Recording | RecordingFile) -> Tensor | None:
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

    def _frames(self, recording: Recording | RecordingFile) -> int:
        """Latent frames that cover a recording."""
        codec = self.networks.codec
        seconds = Fraction(recording.length, recording.sample_rate)
        return int(-(-seconds * codec.sample_rate // codec.samples_per_frame))

    @property
    def _frame_rate(self) -> float:
        """Latent frames per second."""
        return self.networks.codec.sample_rate / self.networks.codec.samples_per_frame

    def _elsewhere(
        self, prompt: Prompt, recording: Recording | RecordingFile, plan: Plan
    ) -> str | None:
        """A phrase for the windows that no mark of a prompt without text touches."""
        if prompt.text is not None or not can_refer(self.networks):
            return None
        frames = self._frames(recording)
        if plan.layout.count(frames) == 1:
            return None
        own, rate = self.networks.codec.sample_rate, recording.sample_rate

        def part(start: int, end: int) -> Tensor:
            # A file is read up to there and no further.
            with closing(recording.blocks()) as blocks:
                samples = Track((torch.from_numpy(block) for block in blocks), dim=-1)
                first, last = start * rate // own, -(-end * rate // own)
                while samples.end < first and not samples.complete:
                    samples.extend(samples.end + 1)
                    samples.forget(min(samples.end, first))
                wave = resample(samples.part(first, last).numpy(), rate, own)
            return torch.from_numpy(wave[:, : end - start])[None].to(self.networks.device)

        found = find_reference(self.networks, part, prompt.spans, frames)
        return None if found is None else found.phrase

    @torch.inference_mode()
    def _along(
        self,
        networks: Networks,
        blocks: Iterator[np.ndarray],
        form: tuple[int, str],
        wanted: Sequence[Wanted],
        plan: Plan,
        advance: Callable[[int], None],
        exclusive: bool = False,
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of a mixture with their stems, at its own rate.

        Args:
            networks: the model.
            blocks: of the mixture, `(channels, samples)`.
            form: its sample rate and sample format.
            wanted: the prompts.
            plan: how to go about it.
            advance: called with the number of windows just evaluated.
            exclusive: whether the prompts share the mixture.

        Yields:
            A block, and targets and residuals `(prompts, 2, channels, samples)`.
        """
        rate, sample_format = form
        own_rate = networks.codec.sample_rate
        original, heard = shared(blocks, 2)
        waves = (
            torch.from_numpy(piece).to(self.networks.device)[None]
            for piece in resampled(heard, rate, own_rate)
        )
        shape: list[int] = []

        def flat() -> Iterator[np.ndarray]:
            along = stems_in_chunks if plan.apart else stems_along
            for piece in along(networks, waves, wanted, plan, advance):
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
            finish = _finish_sharing if exclusive else _finish
            yield block, finish(networks.codec, block, part.numpy(), sample_format)
            stems.forget(end)
            start = end

    def _settings(
        self,
        recording: Recording | RecordingFile,
        prompt: Prompt,
        name: str,
        preset: Preset,
        seed: int,
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


def _plan(preset: Preset, seed: int, layout: Layout) -> Plan:
    return Plan(schedule(preset.steps, preset.solver), layout, preset.temperature, seed)


def make_prompt(
    text: str | None,
    spans: Sequence[SpanLike] = (),
    not_spans: Sequence[SpanLike] = (),
    visual: VisualPrompt | None = None,
) -> Prompt:
    """A prompt from what users write.

    Raises:
        SoundsiftError: for a span that is reversed or cannot be read.
    """
    marked = [_as_span(span, True) for span in spans] + [_as_span(s, False) for s in not_spans]
    return Prompt(text, tuple(marked), visual)


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


def _finish_sharing(
    codec: Codec, mixture: np.ndarray, stems: np.ndarray, sample_format: str
) -> np.ndarray:
    """All stems and the rest of the mixture, each with its residual, in the recording's format."""
    assert codec.adds_up
    targets, rest = [], mixture
    for own in stems:
        # What is clipped of the rest stays with the sound: the sum is kept.
        target, rest = complement(rest, own[0], sample_format)
        targets.append(target)
    whole = quantise(mixture, sample_format)
    return np.stack(
        [np.stack((own, quantise(whole - own, sample_format))) for own in (*targets, rest)]
    )


def _stem(pieces: Iterator[tuple[np.ndarray, np.ndarray]], number: int) -> Iterator[np.ndarray]:
    for _, block in pieces:
        yield block[0, number]


def _ignore(_: float) -> None:
    pass


def _as_span(span: SpanLike, positive: bool) -> Span:
    if isinstance(span, Span):
        return span
    return Span.parse(span, positive) if isinstance(span, str) else Span(*span, positive)

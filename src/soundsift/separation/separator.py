"""A loaded model: recordings and prompts in, target and residual out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from soundsift.audio import Recording, RecordingFile, examine, read
from soundsift.audio.formats import Output, coarser
from soundsift.audio.normalisation import LOUDEST
from soundsift.audio.tags import read_tags
from soundsift.audio.writing import SoundFacts
from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError
from soundsift.models.codec import frame_rate
from soundsift.models.components import ModelComponents
from soundsift.presets import find_preset
from soundsift.prompts import Prompt, SpanLike, make_prompt
from soundsift.separation.live import Live, live_layout, measured_delay, whole_blocks
from soundsift.separation.options import Options, OptionWords
from soundsift.separation.plan import Plan, make_plan
from soundsift.separation.recording_stems import block_stems, recording_stems
from soundsift.separation.result import Separation
from soundsift.separation.stem_files import Place, ensure_places, stem_files
from soundsift.separation.wanted import Wanted
from soundsift.separation.work import make_work

if TYPE_CHECKING:
    from soundsift.video import VisualPrompt

Source = str | Path | np.ndarray | Recording

_WAV = Output()


@dataclass(frozen=True)
class SavedSeparation:
    """What `separate_file` or `separate_into` has written.

    Attributes:
        paths: the files, by stem, and `settings`, and `picture` if there is one.
        settings: everything needed to make the result again with the same model and machine.
        target_level_db: energy of the target against the mixture, in dB; very low if the sound was
            not found.
        recording: what it was made from.
    """

    paths: dict[str, Path]
    settings: dict[str, Any]
    target_level_db: float
    recording: RecordingFile


class Separator:
    """Separates recordings with one model, loaded once.

    Args:
        config: the model's configuration.
        networks: its parts.
    """

    def __init__(self, config: SeparatorConfig, networks: ModelComponents) -> None:
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
        progress: Callable[[float], None] | None = None,
        **options: Unpack[OptionWords],
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
            progress: called with the fraction done, 0 to 1; an exception that it raises stops the
                work.
            options: any of `Options`: preset, seed, consistent, windowing, window, overlap,
                predict_spans.

        Returns:
            Target and residual at the input's rate, channels and exact length.

        Raises:
            SoundsiftError: for a recording, prompt or option that cannot be used.
        """
        prompt = make_prompt(text, spans, not_spans, visual)
        return self.separate_many(
            source, [prompt], sample_rate=sample_rate, progress=progress, **options
        )[0]

    def separate_many(
        self,
        source: Source,
        prompts: Sequence[Prompt | str],
        *,
        sample_rate: int | None = None,
        exclusive: bool = False,
        progress: Callable[[float], None] | None = None,
        **options: Unpack[OptionWords],
    ) -> list[Separation]:
        """Lift several sounds out of a recording, which is analysed once.

        Args:
            source: as for `separate`.
            prompts: what to lift out, each a phrase or a `Prompt`.
            sample_rate: in Hz, of samples given as an array.
            exclusive: let the sounds share the mixture, and return what is left as one more result,
                so that all targets add up to it, in 16 and 24 bits to the last one; implies
                `consistent`.
            progress: as for `separate`.
            options: any of `Options`.

        Returns:
            For each prompt, target and residual at the input's rate, channels and exact length; if
            exclusive, then the rest, as the target of one more.

        Raises:
            SoundsiftError: for a recording, prompt or option that cannot be used, or no prompt.
        """
        asked = _prompts(prompts)
        recording = as_recording(source, sample_rate)
        report = progress or _ignore
        report(0.0)
        work = make_work(
            self.config, self.networks, recording, asked, Options(**options), report, exclusive
        )
        stems = np.empty((len(work.settings), 2, *recording.samples.shape), np.float32)
        start = 0
        for _, block in recording_stems(recording, work, report):
            stems[..., start : start + block.shape[-1]] = block
            start += block.shape[-1]
        tags = {} if recording.path is None else read_tags(recording.path)
        return [
            Separation(
                mixture=recording.samples,
                target=own[0],
                residual=own[1],
                sample_rate=recording.sample_rate,
                sample_format=recording.sample_format,
                layout=recording.layout,
                settings=settings,
                tags=tags,
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
        stems: Sequence[str] = ("target", "residual"),
        output: Output = _WAV,
        picture: bool = False,
        overwrite: bool = False,
        record: Mapping[str, Any] | None = None,
        progress: Callable[[float], None] | None = None,
        **options: Unpack[OptionWords],
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
            stems: any of `target`, `residual` and `without`, another name for the residual.
            output: the format.
            picture: whether to draw spectrograms.
            overwrite: whether files that exist may be replaced.
            record: what else goes into the settings.
            progress: called with the fraction done, 0 to 1; an exception that it raises stops the
                work, and nothing is written.
            options: any of `Options`.

        Raises:
            SoundsiftError: for a recording, prompt, option, format or folder that cannot be used.
        """
        recording = source if isinstance(source, RecordingFile) else examine(source)
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
        prompt = make_prompt(text, spans, not_spans, visual)
        return self.separate_into([place], recording, [prompt], progress=progress, **options)[0]

    def separate_into(
        self,
        places: Sequence[Place],
        source: str | Path | RecordingFile,
        prompts: Sequence[Prompt | str],
        *,
        exclusive: bool = False,
        progress: Callable[[float], None] | None = None,
        **options: Unpack[OptionWords],
    ) -> list[SavedSeparation]:
        """Lift several sounds out of a file into files, in one pass through it.

        Memory does not grow with the file's length. All files appear together or not at all, even
        if the process is killed.

        Args:
            places: where the files of each prompt go, all in one folder and one format; of
                exclusive prompts perhaps one more, for what is left: its target, or "rest".
            source: a file that FFmpeg reads, or one that was examined already.
            prompts: what to lift out, each a phrase or a `Prompt`.
            exclusive: let the sounds share the mixture, as in `separate_many`: all targets and what
                is left add up to it, in files of 16 and 24 bits to the last one.
            progress: as for `separate_file`.
            options: any of `Options`.

        Returns:
            What was written, in the order of the places.

        Raises:
            SoundsiftError: for a recording, prompt, option, format or folder that cannot be used.
            ValueError: there are not as many places as results.
        """
        asked = _prompts(prompts)
        if len(places) - len(asked) not in ((0, 1) if exclusive else (0,)):
            raise ValueError(f"{len(places)} places were given for {len(asked)} prompts")
        recording = source if isinstance(source, RecordingFile) else examine(source)
        ensure_places(places)
        report = progress or _ignore
        report(0.0)
        work = make_work(
            self.config, self.networks, recording, asked, Options(**options), report, exclusive
        )
        facts = SoundFacts(
            recording.channels,
            recording.sample_rate,
            recording.length,
            recording.layout,
            read_tags(recording.path),
        )
        # Where files hold less than the recording, stems that share it must add up in them.
        form = recording.sample_format
        written = places[0].output.sample_format(form)
        form = written if coarser(written, form) else form
        results = recording_stems(recording, work, report, form)
        wanted = list(zip(places, work.settings, strict=False))
        mixture_consistent = work.networks.codec.mixture_consistent
        with stem_files(wanted, facts, form, mixture_consistent=mixture_consistent) as files:
            for mixture, block in results:
                for one, stems in zip(files, block, strict=False):
                    one.write(mixture, *stems)
        return [
            SavedSeparation(place.paths, settings, one.levels.target_level_db, recording)
            for (place, settings), one in zip(wanted, files, strict=True)
        ]

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
        are; the end follows when the blocks end. The result is as long as the input, and target and
        residual add up to it, whatever the model.

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
            block_stems(
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
        layout = live_layout(live or Live(), frame_rate(self.networks.codec))
        return make_plan(chosen, seed, layout)


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
    if sample_rate is None or sample_rate <= 0 or int(sample_rate) != sample_rate:
        raise SoundsiftError(f"sample_rate is {sample_rate}; samples need their rate in Hz.")
    if samples.ndim != 2 or samples.shape[0] > samples.shape[1]:
        raise SoundsiftError(
            f"samples have shape {np.shape(source)}; (channels, samples) was expected."
        )
    if not np.isfinite(samples).all():
        raise SoundsiftError("samples hold NaN or infinite values; finite numbers were expected.")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > LOUDEST:
        raise SoundsiftError(
            f"samples reach {peak:.0e}, where full scale is 1; scale them to -1..1."
        )
    return Recording(samples, int(sample_rate))


def _prompts(given: Sequence[Prompt | str]) -> list[Prompt]:
    if not given:
        raise SoundsiftError("there is no prompt; a text such as 'dog barking' was expected.")
    return [make_prompt(p) if isinstance(p, str) else p for p in given]


def _stem(pieces: Iterator[tuple[np.ndarray, np.ndarray]], number: int) -> Iterator[np.ndarray]:
    for _, block in pieces:
        yield block[0, number]


def _ignore(_: float) -> None:
    pass

"""A loaded model: recordings and prompts in, target and residual out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from soundsift.audio import Recording, RecordingFile, examine
from soundsift.audio.extras import Extras, read_extras
from soundsift.audio.formats import FormatName, Output, coarser
from soundsift.audio.tags import read_tags
from soundsift.audio.writing import SoundFacts
from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError
from soundsift.host_state import check_process, in_torch_defaults, torch_defaults
from soundsift.models.codec import frame_rate
from soundsift.models.components import ModelComponents
from soundsift.presets import find_preset
from soundsift.prompts import Prompt, make_prompt
from soundsift.separation.codec_input import codec_waves
from soundsift.separation.conditioning import PromptInputs
from soundsift.separation.file_names import default_name
from soundsift.separation.finishing import Finishing
from soundsift.separation.judges import judge_of
from soundsift.separation.judging import ResultJudge, judged
from soundsift.separation.listener import make_listener
from soundsift.separation.occurrences import Finding
from soundsift.separation.options import OptionWords, make_options
from soundsift.separation.pipeline import separate_blocks, separate_recording
from soundsift.separation.progress import reporting
from soundsift.separation.ranking import choose_candidates
from soundsift.separation.request import (
    SamplingPlan,
    SeparationRequest,
    make_plan,
    make_request,
)
from soundsift.separation.result import Separation
from soundsift.separation.saved import SavedSeparation
from soundsift.separation.source import FileSource, Source, as_recording
from soundsift.separation.stem_files import Destination, check_destinations, stem_files
from soundsift.separation.stored import stored
from soundsift.separation.streaming import StreamConfig, check_blocks, stream_delay
from soundsift.spans import SpanLike

if TYPE_CHECKING:
    from soundsift.video import VisualPrompt

Progress = Callable[[float], None] | bool | None
"""Called with the fraction done, 0 to 1; True shows a bar."""

_WAV = Output()


class Separator:
    """Separates recordings with one model, loaded once.

    Args:
        config: the model's configuration.
        model: its components.
        origin: the arguments of `soundsift.load` that give it again, for pickling.
    """

    def __init__(
        self,
        config: SeparatorConfig,
        model: ModelComponents,
        origin: tuple[str, str, str, int | None, str | None] | None = None,
    ) -> None:
        self.config, self.model, self.origin = config, model, origin
        self._process = os.getpid()
        #: Loaded when it is first needed.
        self._judge: ResultJudge | None = None

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        revision: str | None = None,
        token: str | None = None,
        device: str | None = None,
        precision: str = "auto",
    ) -> Separator:
        """Fetch a model of soundsift's form from the Hugging Face Hub, and load it.

        `soundsift.load` finds it afterwards, without a network.

        Args:
            name: on the Hub, "me/my-model".
            revision: a branch, tag or commit.
            token: the Hub's, for private models; the one of `hf auth login` unless given.
            device: as for `soundsift.load`.
            precision: as for `soundsift.load`.

        Raises:
            SoundsiftError: as for `soundsift.load`, or the model can't be fetched.
        """
        import soundsift
        from soundsift.checkpoints.sharing import download

        return soundsift.load(download(name, revision, token), device, precision)

    def push_to_hub(
        self, name: str, licence: str, *, private: bool = False, token: str | None = None
    ) -> str:
        """Upload this model to the Hugging Face Hub, with a model card.

        Args:
            name: on the Hub, "me/my-model"; made if missing.
            licence: its identifier on the Hub: "apache-2.0".
            private: whether a new repository is private.
            token: as for `from_pretrained`.

        Returns:
            The address of the commit.

        Raises:
            SoundsiftError: the separator was not made by `soundsift.load`, the model is not of
                soundsift's form, or the Hub refuses.
        """
        from soundsift.checkpoints.sharing import push

        if self.origin is None:
            raise SoundsiftError(
                "This separator was not made by soundsift.load, so it has no files to upload. Save "
                "the model, and load it from its folder."
            )
        return push(Path(self.origin[0]), name, licence, private=private, token=token)

    def __reduce__(self) -> tuple[Callable[..., Separator], tuple[Any, ...]]:
        """Pickle the arguments of `soundsift.load`: the copy loads the model anew.

        Raises:
            TypeError: the separator was not made by `soundsift.load`.
        """
        import soundsift

        if self.origin is None:
            raise TypeError(
                "This separator can't be pickled: it was not made by soundsift.load. Load the "
                "model where it is needed."
            )
        return soundsift.load, self.origin

    def separate(
        self,
        source: Source,
        *,
        sample_rate: int | None = None,
        text: str | None = None,
        language: str | None = None,
        spans: Sequence[SpanLike] = (),
        not_spans: Sequence[SpanLike] = (),
        visual: VisualPrompt | None = None,
        progress: Progress = None,
        **options: Unpack[OptionWords],
    ) -> Separation:
        """Separate one sound from a recording.

        Args:
            source: a file that FFmpeg reads, its content as bytes, an open binary file, a
                `Recording`, or samples `(channels, samples)` or `(samples,)`: floats in -1..1, or
                PCM integers (uint8, int16, int32).
            sample_rate: in Hz, of samples given as an array.
            text: the sound, "dog barking", in English or a language of `soundsift.languages`.
            language: of the text: "de", "fr" and so on; None to find out, "en" for as typed.
            spans: when it is heard: `Span`, (start, end) in seconds, or "1.2-2.5".
            not_spans: when it is not heard; where spans overlap, the later in `[*spans,
                *not_spans]` wins.
            visual: where the object is in the video, for models that support visual prompts.
            progress: called with the fraction done, 0 to 1; an exception that it raises stops the
                work. True shows a progress bar, in a terminal or a notebook.
            options: any of `Options`: preset, seed, consistent, windowing, window, overlap,
                predict_spans, candidates, judge, start, end, by.

        Returns:
            Target and residual at the input's rate, channels and exact length.

        Raises:
            SoundsiftError: an invalid recording, prompt or option.
        """
        prompt = make_prompt(text, spans, not_spans, visual, language)
        return self.separate_many(
            source, [prompt], sample_rate=sample_rate, progress=progress, **options
        )[0]

    @torch_defaults()
    def separate_many(
        self,
        source: Source,
        prompts: Sequence[Prompt | str],
        *,
        sample_rate: int | None = None,
        exclusive: bool = False,
        progress: Progress = None,
        **options: Unpack[OptionWords],
    ) -> list[Separation]:
        """Separate several sounds from a recording in one pass.

        Args:
            source: as for `separate`.
            prompts: the sounds, each a phrase or a `Prompt`.
            sample_rate: in Hz, of samples given as an array.
            exclusive: let the sounds share the mixture, and return the rest as one more result, so
                that all targets add up to the mixture, in 16 and 24 bits to the last one; implies
                `consistent`.
            progress: as for `separate`.
            options: any of `Options`.

        Returns:
            For each prompt, target and residual at the input's rate, channels and exact length; if
            exclusive, one more result whose target is the rest.

        Raises:
            SoundsiftError: an invalid recording, prompt or option, or no prompt.
        """
        check_process(self._process, self.model.device)
        checked = _prompts(prompts)
        recording = as_recording(source, sample_rate)
        request = make_request(
            self.config, self.model, recording, checked, make_options(options), exclusive
        )
        with reporting(progress) as report:
            return self._separate_many(recording, request, report)

    def _separate_many(
        self, recording: Recording, request: SeparationRequest, report: Callable[[float], None]
    ) -> list[Separation]:
        request = choose_candidates(request.part or recording, request, report)
        stems = np.empty((len(request.settings), 2, *recording.samples.shape), np.float32)
        start = 0
        results = separate_recording(recording, request, report)
        for _, block in self._judged(results, request, recording.sample_rate):
            stems[..., start : start + block.shape[-1]] = block
            start += block.shape[-1]
        tags = {} if recording.path is None else read_tags(recording.path)
        extras = Extras() if recording.path is None else read_extras(recording.path)
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
                extras=extras,
                finding=finding,
            )
            for settings, own, finding in zip(
                request.settings, stems, request.findings(), strict=True
            )
        ]

    def separate_file(
        self,
        source: FileSource,
        folder: str | Path,
        name: str | None = None,
        *,
        text: str | None = None,
        language: str | None = None,
        spans: Sequence[SpanLike] = (),
        not_spans: Sequence[SpanLike] = (),
        visual: VisualPrompt | None = None,
        stems: Sequence[str] = ("target", "residual"),
        output: Output | FormatName = _WAV,
        picture: bool = False,
        overwrite: bool = False,
        record: Mapping[str, Any] | None = None,
        progress: Progress = None,
        **options: Unpack[OptionWords],
    ) -> SavedSeparation:
        """Separate one sound from a file into files, in memory independent of its length.

        All files appear together or not at all, even if the process is killed.

        Args:
            source: a file that FFmpeg reads, its content as bytes, an open binary file, or an
                examined one.
            folder: for the results; made if missing.
            name: first part of their names; `{kind}` in it becomes the stem. Default: that of the
                file and the phrase, "street.dog-barking"; "recording.dog-barking" of bytes. Without
                a phrase, "street.span", or "street.object" of an object in the video.
            text: this and all prompts as for `separate`.
            language: of the text, as for `separate`.
            spans: when the sound is heard.
            not_spans: when it is not.
            visual: where the object is in the video.
            stems: any of `target`, `residual` and `without`, another name for the residual.
            output: the format, `Output("flac", bits="16")`, or its name alone.
            picture: whether to draw spectrograms.
            overwrite: whether existing files may be replaced.
            record: more entries for the settings.
            progress: called with the fraction done, 0 to 1; an exception that it raises stops the
                work, and nothing is written.
            options: any of `Options`.

        Raises:
            SoundsiftError: an invalid recording, prompt, option, format or folder.
        """
        prompt = make_prompt(text, spans, not_spans, visual, language)
        with stored(source) as kept:
            recording = kept if isinstance(kept, RecordingFile) else examine(kept)
            usual = default_name(recording.path, prompt.text, seen=prompt.visual is not None)
            destination = Destination(
                folder=Path(folder),
                name=usual if name is None else name,
                stems=stems,
                output=Output(output) if isinstance(output, str) else output,
                source=recording.path,
                picture=picture,
                overwrite=overwrite,
                record=record or {},
                track=recording.track,
            )
            return self.separate_into(
                [destination], recording, [prompt], progress=progress, **options
            )[0]

    @torch_defaults()
    def separate_into(
        self,
        destinations: Sequence[Destination],
        source: str | Path | RecordingFile,
        prompts: Sequence[Prompt | str],
        *,
        exclusive: bool = False,
        progress: Progress = None,
        **options: Unpack[OptionWords],
    ) -> list[SavedSeparation]:
        """Separate several sounds from a file into files in one pass.

        Memory is independent of the file's length. All files appear together or not at all, even
        if the process is killed.

        Args:
            destinations: where the files of each prompt go, all in one folder and one format; with
                exclusive prompts, optionally one more for the rest: its target, or "rest".
            source: a file that FFmpeg reads, or an examined one.
            prompts: the sounds, each a phrase or a `Prompt`.
            exclusive: let the sounds share the mixture, as in `separate_many`: all targets and the
                rest add up to it, in files of 16 and 24 bits to the last one.
            progress: as for `separate_file`.
            options: any of `Options`.

        Returns:
            The files written, in the order of the destinations.

        Raises:
            SoundsiftError: an invalid recording, prompt, option, format or folder.
            ValueError: the number of destinations does not match that of the results.
        """
        checked = _prompts(prompts)
        if len(destinations) - len(checked) not in ((0, 1) if exclusive else (0,)):
            raise ValueError(
                f"{len(destinations)} destinations were given for {len(checked)} prompts"
            )
        recording = source if isinstance(source, RecordingFile) else examine(source)
        check_process(self._process, self.model.device)
        check_destinations(destinations)
        request = make_request(
            self.config, self.model, recording, checked, make_options(options), exclusive
        )
        with reporting(progress) as report:
            return self._separate_into(destinations, recording, request, report)

    def _separate_into(
        self,
        destinations: Sequence[Destination],
        recording: RecordingFile,
        request: SeparationRequest,
        report: Callable[[float], None],
    ) -> list[SavedSeparation]:
        request = choose_candidates(request.part or recording, request, report)
        facts = SoundFacts(
            recording.channels,
            recording.sample_rate,
            recording.length,
            recording.layout,
            read_tags(recording.path),
            read_extras(recording.path),
        )
        # Where files hold fewer bits than the recording, exclusive stems must add up in those.
        form = recording.sample_format
        written = destinations[0].output.sample_format(form)
        form = written if coarser(written, form) else form
        results = separate_recording(recording, request, report, form)
        results = self._judged(results, request, recording.sample_rate)
        outputs = list(zip(destinations, request.settings, strict=False))
        consistent = request.model.codec.mixture_consistent
        with stem_files(outputs, facts, form, mixture_consistent=consistent) as files:
            for mixture, block in results:
                for one, stems in zip(files, block, strict=False):
                    one.write(mixture, *stems)
            for one, finding in zip(files, request.findings(), strict=False):
                one.finding = finding
        return [
            SavedSeparation(
                destination.paths, settings, one.levels.target_level_db, recording, one.finding
            )
            for (destination, settings), one in zip(outputs, files, strict=True)
        ]

    @torch_defaults()
    def hear(
        self,
        source: Source,
        phrases: Sequence[Prompt | str],
        *,
        sample_rate: int | None = None,
    ) -> list[Finding | None]:
        """When sounds are heard in a recording, and how surely, without separating them.

        Args:
            source: as for `separate`.
            phrases: the sounds, each a phrase or a `Prompt`.
            sample_rate: in Hz, of samples given as an array.

        Returns:
            For each phrase, what the result of its separation would say; None if the model cannot
            hear.

        Raises:
            SoundsiftError: an invalid recording or phrase, or no phrase.
        """
        check_process(self._process, self.model.device)
        prompts = _prompts(phrases)
        listener, _ = make_listener(self.model, prompts, None)
        if listener is None:
            return [None] * len(prompts)
        listener.listen(codec_waves(self.model, as_recording(source, sample_rate)))
        return listener.findings()

    def stream(
        self,
        blocks: Iterable[np.ndarray],
        *,
        sample_rate: int,
        text: str | None = None,
        language: str | None = None,
        spans: Sequence[SpanLike] = (),
        not_spans: Sequence[SpanLike] = (),
        preset: str = "standard",
        seed: int = 0,
        stem: str = "target",
        sample_format: str = "f32",
        config: StreamConfig | None = None,
    ) -> Iterator[np.ndarray]:
        """Separate one sound from sound that is still arriving.

        Each sample of the result is there as soon as `stream_delay` seconds of input after it are;
        the end follows when the blocks end. The result is as long as the input, and target and
        residual add up to it with every model.

        Args:
            blocks: samples `(channels, samples)` or `(samples,)` in -1..1, of any lengths; blocks
                of 0.1 s or less keep the delay small.
            sample_rate: in Hz.
            text: the sound.
            language: of the text, as for `separate`.
            spans: when it is heard, in seconds from the beginning.
            not_spans: when it is not.
            preset: draft, standard or best.
            seed: of the initial noise.
            stem: "target" or "residual".
            sample_format: s16, s24 or f32; target and residual add up in it.
            config: how the stream is cut into windows.

        Returns:
            Blocks of the stem, float32 `(channels, samples)`.

        Raises:
            SoundsiftError: an invalid prompt, preset, rate or samples.
        """
        if stem not in ("target", "residual"):
            raise SoundsiftError(f"Unknown stem {stem!r}. Use target or residual.")
        if sample_rate <= 0:
            raise SoundsiftError(f"Invalid sample_rate {sample_rate}: expected a rate in Hz.")
        check_process(self._process, self.model.device)
        prompt = make_prompt(text, spans, not_spans, language=language)
        prompt.check(None)
        pairs = separate_blocks(
            self.model.consistent().uniting([len(prompt.parts())]),
            check_blocks(blocks),
            sample_rate,
            [PromptInputs(part) for part in prompt.parts()],
            self._stream_plan(preset, seed, config),
            _ignore,
            Finishing(sample_format, True, inverted=(prompt.inverted,)),
        )
        number = ("target", "residual").index(stem)
        return in_torch_defaults(block[0, number] for _, block in pairs)

    @torch_defaults()
    def stream_delay(
        self,
        sample_rate: int,
        *,
        block: float = 0.02,
        preset: str = "standard",
        config: StreamConfig | None = None,
    ) -> float:
        """The delay of `stream` in seconds of sound, at most. The computing time comes on top.

        Args:
            sample_rate: in Hz.
            block: length of the input's blocks in seconds.
            preset: as for `stream`.
            config: as for `stream`.
        """
        plan = self._stream_plan(preset, 0, config)
        return stream_delay(self.model.consistent().codec, plan, sample_rate, block)

    def unload_rankers(self) -> None:
        """Free the memory of the models that ranked candidates; the next candidates load them."""
        if self.model.rankers is not None:
            self.model.rankers.unload()

    def _judged(
        self,
        results: Iterator[tuple[np.ndarray, np.ndarray]],
        request: SeparationRequest,
        sample_rate: int,
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The same results, rated at the end if the request says so."""
        if not request.judge:
            return results
        if self._judge is None:
            self._judge = judge_of(self.model)
        return judged(results, self._judge, request.asked, request.settings, sample_rate)

    def _stream_plan(self, preset: str, seed: int, config: StreamConfig | None) -> SamplingPlan:
        chosen = find_preset(preset, self.config.prediction)
        layout = (config or StreamConfig()).layout(frame_rate(self.model.codec))
        return make_plan(chosen, seed, layout)


def _prompts(given: Sequence[Prompt | str]) -> list[Prompt]:
    if isinstance(given, str | Prompt):
        raise SoundsiftError(f"Invalid prompts {given!r}: expected a list of phrases or prompts.")
    if not given:
        raise SoundsiftError("There is no prompt. Give a text such as 'dog barking'.")
    if wrong := [one for one in given if not isinstance(one, str | Prompt)]:
        raise SoundsiftError(f"Invalid prompt {wrong[0]!r}: expected a phrase or a Prompt.")
    return [make_prompt(p) if isinstance(p, str) else p for p in given]


def _ignore(_: float) -> None:
    pass

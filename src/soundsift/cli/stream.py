"""`soundsift stream`: separate live sound from standard input to standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, TextIO

import typer

from soundsift.cli import options
from soundsift.cli.console import PIPE_CLOSED, blocking, discard_stdout, warn
from soundsift.cli.groups import SPAN_ORDER
from soundsift.cli.translations import tell_translations
from soundsift.config import SAMPLE_RATE
from soundsift.errors import SoundsiftError
from soundsift.signals import ended_like_interrupted

if TYPE_CHECKING:
    import numpy as np

    from soundsift.audio.wav_stream import PipeFormat

EXAMPLES = """Examples:

\b
soundsift stream --text speech < in.wav > out.wav
soundsift stream --text "fan noise" --remove < in.wav > out.wav
soundsift stream --text speech --rate 48000 --channels 2 < in.pcm > out.pcm
"""

_BLOCK_SECONDS = 0.02
_USUAL_RATE, _USUAL_CHANNELS = SAMPLE_RATE, 2
_PIPES = "Pipes"


def stream(
    ctx: typer.Context,
    *,
    text: options.Text = None,
    language: options.Language = None,
    span: options.Spans = None,
    not_span: options.NotSpans = None,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            help="Write the sound's residual: the input without the sound.",
            rich_help_panel=options.PROMPT,
        ),
    ] = False,
    format_: Annotated[
        Literal["wav", "s16le", "f32le"] | None,
        typer.Option(
            "--format",
            help="Format of both pipes: wav, or raw samples.",
            show_default="wav; s16le with --rate or --channels",
            rich_help_panel=_PIPES,
        ),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(
            min=1000,
            max=384_000,
            metavar="HZ",
            help="Sample rate of raw samples.",
            show_default=str(_USUAL_RATE),
            rich_help_panel=_PIPES,
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            metavar="N",
            help="Channels of raw samples, interleaved.",
            show_default=str(_USUAL_CHANNELS),
            rich_help_panel=_PIPES,
        ),
    ] = None,
    preset: options.Preset = "standard",
    model: options.Model = "default",
    adapter: options.Adapter = None,
    seed: options.Seed = 0,
    device: options.Device = None,
    precision: options.Precision = "auto",
) -> None:
    """Separate live sound from standard input to standard output.

    The default model follows the input by at most 2 s; the exact delay is printed. Target and
    residual (--remove) sum to the input. Spans count from the beginning of the stream.
    """
    from soundsift.cli.requests import make_prompt, suggest_phrase
    from soundsift.prompts import check_removal

    prompt = make_prompt(text or (), span or (), not_span or (), ctx.meta[SPAN_ORDER], language)
    suggest_phrase(prompt, adapter)
    prompt.check(None)
    for given in text or () if remove else ():
        check_removal(given, language)
    tell_translations([prompt])
    raw = format_ in ("s16le", "f32le") or (format_ is None and (rate, channels) != (None, None))
    if not raw and (rate, channels) != (None, None):
        raise SoundsiftError(
            "--rate and --channels can't be combined with --format wav, whose header has both. "
            "Leave them out, or use --format s16le or f32le."
        )
    _check_pipe(sys.stdin, "standard input", "a pipe or file with sound")
    _check_pipe(sys.stdout, "standard output", "a pipe or a file")

    import soundsift
    from soundsift.audio.wav_stream import PipeFormat, read_blocks, read_wav_header

    source = sys.stdin.buffer
    with blocking(sys.stdin, sys.stdout):
        if raw:
            form = PipeFormat(
                rate or _USUAL_RATE,
                channels or _USUAL_CHANNELS,
                "f32" if format_ == "f32le" else "s16",
            )
        else:
            form = read_wav_header(source)
        separator = soundsift.load(model, device, precision, adapter=adapter)
        delay = separator.stream_delay(form.sample_rate, block=_BLOCK_SECONDS, preset=preset)
        stem = "residual" if remove else "target"
        warn(
            f"{form.sample_rate} Hz, {form.channels} channel{'s' * (form.channels != 1)}, "
            f"{form.sample_format}; the {stem} follows {delay:.2f} s behind."
        )
        blocks = separator.stream(
            read_blocks(source, form, _BLOCK_SECONDS),
            sample_rate=form.sample_rate,
            text=prompt.text,
            language="en",
            spans=prompt.spans,
            preset=preset,
            seed=seed,
            stem=stem,
            sample_format=form.sample_format,
        )
        with _pipe_errors(), ended_like_interrupted():
            _write(sys.stdout.buffer, blocks, form, header=not raw)


def _check_pipe(pipe: TextIO | None, name: str, expected: str) -> None:
    # Python's value for a closed one is None.
    if pipe is None or pipe.isatty():
        seen = "closed" if pipe is None else "a terminal"
        raise SoundsiftError(f"{name} is {seen}. Connect {expected}.")


def _write(sink: BinaryIO, blocks: Iterator[np.ndarray], form: PipeFormat, *, header: bool) -> None:
    from soundsift.audio.writing import SoundFacts, WavFile, encode_samples

    if not header:
        for block in blocks:
            sink.write(encode_samples(block, form.sample_format)[0])
            sink.flush()
        return
    # Without a length, even if the input has one: it may end early.
    wav = WavFile(sink, SoundFacts(form.channels, form.sample_rate), form.sample_format)
    for block in blocks:
        wav.write(block)
        sink.flush()
    wav.finish()
    sink.flush()


@contextmanager
def _pipe_errors() -> Iterator[None]:
    """End with code 141 once the reader has closed the pipe, with a sentence on a full disk."""
    try:
        yield
    except BrokenPipeError:
        discard_stdout()
        raise typer.Exit(PIPE_CLOSED) from None
    except OSError as error:
        discard_stdout()
        raise SoundsiftError(
            f"the stream broke off ({error.strerror or error}). Check both pipes, and the disk "
            "that the output goes to."
        ) from error

"""`soundsift separate - --stream`: sound from standard input to standard output, as it arrives."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, TextIO

import typer

from soundsift.errors import SoundsiftError
from soundsift.signals import ended_like_interrupted

if TYPE_CHECKING:
    import numpy as np

    from soundsift.audio.wav_stream import PipeFormat
    from soundsift.prompts import Prompt

#: What `--format` may say of a pipe.
PipeName = Literal["wav", "s16le", "f32le"]

#: Whoever read the result has gone away; what a shell says of programs that this ends.
PIPE_CLOSED = 141

_BLOCK_SECONDS = 0.02
_USUAL_RATE, _USUAL_CHANNELS = 48_000, 2


@dataclass(frozen=True)
class StreamRequest:
    """The options of a stream.

    Attributes:
        prompt: what to lift out.
        stem: "target", or "residual" to take it out.
        format: of both pipes; None: WAV, or s16le if a rate or channels are given.
        rate: of raw samples, in Hz.
        channels: of raw samples.
        seed: of the sampler.
        preset: how much work to spend.
        model: name or folder.
        device: to compute on; None for the best there is.
        precision: of the network's products.
    """

    prompt: Prompt
    stem: str
    format: PipeName | None
    rate: int | None
    channels: int | None
    seed: int
    preset: str
    model: str
    device: str | None = None
    precision: str = "auto"


def stream(request: StreamRequest) -> None:
    """Separate standard input until it ends.

    Raises:
        SoundsiftError: for a request or an input that can't be used.
        typer.Exit: with 141, if nobody reads the result any more.
    """
    request.prompt.check(None)
    raw = request.format in ("s16le", "f32le") or (
        request.format is None and (request.rate, request.channels) != (None, None)
    )
    if not raw and (request.rate, request.channels) != (None, None):
        raise SoundsiftError(
            "--rate and --channels were given with --format wav, which says both itself; "
            "--format s16le or f32le was expected."
        )
    _refuse_no_pipe(sys.stdin, "standard input", "a pipe with sound")
    _refuse_no_pipe(sys.stdout, "standard output", "a pipe or a file")

    import soundsift
    from soundsift.audio.wav_stream import PipeFormat, read_blocks, read_wav_header

    source = sys.stdin.buffer
    if raw:
        form = PipeFormat(
            request.rate or _USUAL_RATE,
            request.channels or _USUAL_CHANNELS,
            "f32" if request.format == "f32le" else "s16",
        )
    else:
        form = read_wav_header(source)
    separator = soundsift.load(request.model, request.device, request.precision)
    delay = separator.stream_delay(form.sample_rate, block=_BLOCK_SECONDS, preset=request.preset)
    typer.echo(
        f"{form.sample_rate} Hz, {form.channels} channel{'s' * (form.channels != 1)}, "
        f"{form.sample_format}; the {request.stem} follows {delay:.2f} s behind.",
        err=True,
    )
    pieces = separator.stream(
        read_blocks(source, form, _BLOCK_SECONDS),
        sample_rate=form.sample_rate,
        text=request.prompt.text,
        spans=request.prompt.spans,
        preset=request.preset,
        seed=request.seed,
        stem=request.stem,
        sample_format=form.sample_format,
    )
    with _closed_pipe(), ended_like_interrupted():
        _write(sys.stdout.buffer, pieces, form, header=not raw)


def _refuse_no_pipe(pipe: TextIO | None, name: str, expected: str) -> None:
    # A closed one is None.
    if pipe is None or pipe.isatty():
        seen = "closed" if pipe is None else "a terminal"
        raise SoundsiftError(f"{name} is {seen}; {expected} was expected.")


def _write(sink: BinaryIO, pieces: Iterator[np.ndarray], form: PipeFormat, *, header: bool) -> None:
    from soundsift.audio.writing import SoundFacts, WavFile, encode_samples

    if not header:
        for piece in pieces:
            sink.write(encode_samples(piece, form.sample_format)[0])
            sink.flush()
        return
    # No length, even where the input states one: it may end early.
    wav = WavFile(sink, SoundFacts(form.channels, form.sample_rate), form.sample_format)
    for piece in pieces:
        wav.write(piece)
        sink.flush()
    wav.finish()
    sink.flush()


@contextmanager
def _closed_pipe() -> Iterator[None]:
    """End quietly if nobody reads the result any more."""
    try:
        yield
    except BrokenPipeError:
        # What is still buffered would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(PIPE_CLOSED) from None

"""`soundsift separate` and `soundsift remove`: the same work, other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from soundsift.cli.groups import SPAN_ORDER
from soundsift.cli.options import Model, Overwrite, Preset
from soundsift.errors import SoundsiftError

SEPARATE_HELP = """Lift a sound out of recordings.

By its name, by when it is heard, or both. Writes NAME.target.wav (the sound), NAME.residual.wav
(everything else) and NAME.json (all settings) into the output folder. The two stems add up to the
recording (of released models with --consistent), at its own sample rate, channels and length.

Recordings are files, folders (with all below them) and patterns such as 'takes/**/*.wav', or come
from --jobs-file. What a run before has finished with the same settings is skipped.

With --stream, sound flows from standard input to standard output as it arrives (MIX is -): the
sound asked for comes out, at most 2 s behind with the default model; the exact delay is printed."""

SEPARATE_EXAMPLES = """Examples:

\b
soundsift separate street.wav --text "dog barking" --out stems
soundsift separate street.wav --span 1.2-2.5 --span 3-4 --not-span 5-6 --out stems
soundsift separate film.mp4 --text speech --span 1:02-1:10 --out stems --picture --json
soundsift separate street.wav --text "dog barking" --text "man speaking" --rest --out stems
soundsift separate takes 'more/*.mp3' --text piano --format flac --jobs 2 --out stems
soundsift separate --jobs-file jobs.jsonl --name "{stem}_{text}" --out stems
soundsift separate - --stream --text speech --rate 48000 --channels 2 < in.pcm > out.pcm
"""

REMOVE_HELP = """Take a sound out of recordings.

Writes NAME.without.wav (the recording without the sound) and NAME.without.json (all settings) into
the output folder.

Recordings are files, folders (with all below them) and patterns such as 'takes/**/*.wav', or come
from --jobs-file. What a run before has finished with the same settings is skipped.

With --stream, sound flows from standard input to standard output as it arrives (MIX is -): it
comes out without the sound, at most 2 s behind with the default model; the exact delay is
printed."""

REMOVE_EXAMPLES = """Examples:

\b
soundsift remove interview.mp3 --text "phone ringing" --out clean
soundsift remove concert.flac --text "someone coughing" --span 12.5-13.1 --out clean
soundsift remove film.mp4 --text music --format video --out clean
soundsift remove episodes --text "background music" --format mp3 --bitrate 192 --out clean
soundsift remove - --stream --text "fan noise" --format wav < in.wav > out.wav
"""

#: What a stream goes by; all other parameters are for files.
_WITH_STREAM = frozenset({
    *("mix", "text", "span", "not_span", "format_", "seed", "preset", "model", "device"),
    *("precision", "consistent", "stream", "rate", "channels"),
})  # fmt: skip

_STEMS = {"separate": ("target", "residual"), "remove": ("without",)}


def separate(
    ctx: typer.Context,
    mix: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MIX...",
            help="Recordings: audio or video files that FFmpeg reads, folders, patterns; - with "
            "--stream.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for the results, made if missing; needed without --stream."
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PHRASE",
            help="The sound, as a short phrase: 'dog barking'. Repeated, each sound gets files of "
            "its own, named NAME.PHRASE, in one pass.",
        ),
    ] = None,
    span: Annotated[
        list[str] | None,
        typer.Option(
            metavar="START-END", help="When it is heard: 1.2-2.5 or 1:02-1:10; may be repeated."
        ),
    ] = None,
    not_span: Annotated[
        list[str] | None,
        typer.Option(
            metavar="START-END",
            help="When it is not heard; may be repeated. Of two that overlap, the later wins.",
        ),
    ] = None,
    jobs_file: Annotated[
        Path | None,
        typer.Option(
            metavar="JOBS.jsonl",
            help='Recordings and prompts, one a line: {"input": "a.wav", "text": "dog"}.',
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="First part of the files' names; {stem}, {ext}, {parent}, {index}, {text}, "
            "{model}, {preset}, {seed} and {kind} are filled in.",
            show_default="{stem}",
        ),
    ] = None,
    format_: Annotated[
        Literal["wav", "flac", "mp3", "opus", "m4a", "video", "s16le", "f32le"] | None,
        typer.Option(
            "--format",
            help="Of the results; video keeps the picture and changes the sound. With --stream, of "
            "both pipes: wav, s16le or f32le (raw samples).",
            show_default="wav",
        ),
    ] = None,
    bits: Annotated[
        Literal["16", "24", "32f"] | None,
        typer.Option(
            help="Per sample, for wav and flac; 32f for wav only.",
            show_default="those of the recording",
        ),
    ] = None,
    bitrate: Annotated[
        int | None,
        typer.Option(
            metavar="KBPS",
            help="Kilobits per second, for mp3, opus, m4a and video.",
            show_default="96 per channel, opus 64",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes that share the recordings.")
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the sampler.")] = 0,
    preset: Preset = "standard",
    model: Model = "default",
    device: Annotated[
        str | None,
        typer.Option(
            help="cuda (or cuda:1 and so on), mps or cpu.", show_default="the best that is there"
        ),
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option(help="Of the network's products; auto is what the hardware is fast in."),
    ] = "auto",
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="Where the object is in the video, in pixels or fractions, perhaps for a part of "
            "it: 0.1,0.2,0.3,0.5@2-8; may be repeated. For models that look.",
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="MASKS",
            help="The same as masks, instead of boxes: a video, images in a folder, or .npy.",
        ),
    ] = None,
    consistent: Annotated[
        bool,
        typer.Option(
            "--consistent",
            help="Make the stems of a generative model add up to the recording; the default "
            "model's always do.",
        ),
    ] = False,
    predict_spans: Annotated[
        bool,
        typer.Option(
            "--predict-spans",
            help="Let the released models' span predictor mark when the sound of --text is heard.",
        ),
    ] = False,
    exclusive: Annotated[
        bool,
        typer.Option(
            "--exclusive",
            help="Let the sounds of several --text share the recording: no part of it goes to two "
            "of them whole.",
        ),
    ] = False,
    rest: Annotated[
        bool,
        typer.Option(
            "--rest",
            help="Also write NAME.rest.wav: what the sounds leave. It implies --exclusive, and "
            "the sounds and the rest add up to the recording.",
        ),
    ] = False,
    picture: Annotated[
        bool, typer.Option("--picture", help="Also write NAME.png: spectrograms, with the spans.")
    ] = False,
    json_line: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one line of JSON per recording and sound on stdout and nothing else there.",
        ),
    ] = False,
    overwrite: Overwrite = False,
    windowing: Annotated[
        Literal["multi-diffusion", "chunks", "one-shot"],
        typer.Option(
            help="How the windows of a long recording come together; the last two for comparison."
        ),
    ] = "multi-diffusion",
    window: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Length of a window; not with one-shot.",
            show_default="that of the model",
        ),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Of two windows; not with one-shot.",
            show_default="that of the model, chunks 0.08",
        ),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option("--stream", help="From standard input to standard output, as it arrives."),
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option(
            min=1000,
            max=384_000,
            metavar="HZ",
            help="Of raw samples, with --stream.",
            show_default="48000",
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            metavar="N",
            help="Of raw samples, interleaved, with --stream.",
            show_default="2",
        ),
    ] = None,
) -> None:
    """Separate recordings; the name of the command decides which stems are written."""
    from soundsift.cli.requests import Request, make_passes, make_prompt
    from soundsift.separation.options import Options

    # What can be wrong is looked at in the order of what it costs to find out: the words of the
    # command, the places of the results, the recordings. Only then the model is loaded.
    order = tuple(ctx.meta[SPAN_ORDER])
    stems = _STEMS[str(ctx.command.name)]
    if stream:
        from soundsift.cli.streaming import StreamRequest
        from soundsift.cli.streaming import stream as run_stream

        _refuse_beside_stream(ctx, tuple(mix or ()), format_)
        run_stream(
            StreamRequest(
                prompt=make_prompt(text or (), span or (), not_span or (), order),
                stem="target" if "target" in stems else "residual",
                format=format_,  # type: ignore[arg-type]
                rate=rate,
                channels=channels,
                seed=seed,
                preset=preset,
                model=model,
                device=device,
                precision=precision,
            )
        )
        return
    for option, value in (("--rate", rate), ("--channels", channels)):
        if value is not None:
            raise SoundsiftError(
                f"{option} {value} was given without --stream, which it goes with."
            )
    if format_ in ("s16le", "f32le"):
        raise SoundsiftError(f"--format {format_} was given without --stream, which it goes with.")
    if out is None:
        raise SoundsiftError("--out is missing; a folder for the results was expected.")
    request = Request(
        mix=tuple(mix or ()),
        jobs_file=jobs_file,
        texts=tuple(text or ()),
        heard=tuple(span or ()),
        not_heard=tuple(not_span or ()),
        span_order=order,
        out=out,
        name=name,
        format=format_,  # type: ignore[arg-type]
        bits=bits,
        bitrate=bitrate,
        options=Options(
            preset=preset,
            seed=seed,
            consistent=consistent,
            windowing=windowing,
            window=window,
            overlap=overlap,
            predict_spans=predict_spans,
        ),
        model=model,
        device=device,
        precision=precision,
        boxes=tuple(box or ()),
        masks=masks,
        stems=stems,
        picture=picture,
        overwrite=overwrite,
        exclusive=exclusive,
        rest=rest,
    )
    passes = make_passes(request)
    # Imported here: it brings FFmpeg's libraries, and what is wrong with a request is said before.
    from soundsift.cli.run import run_passes

    run_passes(passes, jobs, json_line)


def _refuse_beside_stream(ctx: typer.Context, mix: tuple[str, ...], format_: str | None) -> None:
    if mix != ("-",):
        what = mix[0] if mix else "nothing"
        raise SoundsiftError(f"{what} was given to --stream; - for standard input was expected.")
    for parameter in ctx.command.params:
        name = str(parameter.name)
        source = ctx.get_parameter_source(name)
        # By its name, since typer brings a click of its own.
        if name not in _WITH_STREAM and source is not None and source.name == "COMMANDLINE":
            raise SoundsiftError(
                f"{parameter.opts[0]} was given beside --stream, which it doesn't go with."
            )
    if format_ not in (None, "wav", "s16le", "f32le"):
        raise SoundsiftError(
            f"--format {format_} can't be streamed; wav, s16le or f32le was expected."
        )

"""`soundsift separate` and `soundsift remove`: the same work, with different stems written."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from soundsift.cli import options
from soundsift.cli.groups import SPAN_ORDER
from soundsift.cli.translations import tell_translations
from soundsift.errors import SoundsiftError
from soundsift.recipes import RECIPES, stem_parts

SEPARATE_HELP = """Separate a sound from recordings.

Describe the sound with --text, mark when it is heard with --span, or both. Writes NAME.target.wav
(the sound), NAME.residual.wav (everything else) and NAME.json (all settings) into the output
folder, where NAME is the recording's name and the phrase: street.dog-barking. The two stems sum to
the recording (released models: with --consistent), at its sample rate, channels and length.

Recordings are files, folders with their subfolders, and patterns such as 'takes/**/*.wav', or come
from --jobs-file. Results that a previous run finished with the same settings are kept. For live
sound, see `soundsift stream`."""

SEPARATE_EXAMPLES = """Examples:

\b
soundsift separate street.wav --text "dog barking" --out stems
soundsift separate street.wav --span 1.2-2.5 --span 3-4 --not-span 5-6 --out stems
soundsift separate film.mp4 --text speech --span 1:02-1:10 --out stems --picture --json
soundsift separate street.wav --text "dog barking" --text "man speaking" --rest --out stems
soundsift separate takes 'more/*.mp3' --text piano --format flac --jobs 2 --out stems
soundsift separate --jobs-file jobs.jsonl --name "{stem}_{text}" --out stems
soundsift separate film.mp4 --point 3.0,320,180 --format video --out stems
soundsift separate film.mp4 --track 2 --text speech --only target --out stems
soundsift separate song.mp3 --stems vocals,drums,bass,other --out stems
soundsift separate talk.wav --recipe voice --out clean
soundsift separate yard.wav --adapter my-dog.safetensors --text "my dog" --out stems
"""

REMOVE_HELP = """Remove a sound from recordings.

Writes NAME.without.wav (the recording without the sound) and NAME.without.json (all settings) into
the output folder.

Recordings are files, folders with their subfolders, and patterns such as 'takes/**/*.wav', or come
from --jobs-file. Results that a previous run finished with the same settings are kept. For live
sound, see `soundsift stream --remove`."""

REMOVE_EXAMPLES = """Examples:

\b
soundsift remove interview.mp3 --text "phone ringing" --out clean
soundsift remove concert.flac --text "someone coughing" --span 12.5-13.1 --out clean
soundsift remove concert.flac --text "someone coughing" --from 12 --to 14 --by 12 --out clean
soundsift remove film.mp4 --text music --format video --out clean
soundsift remove episodes --text "background music" --format mp3 --bitrate 192 --out clean
"""

#: Stems that each command writes.
_STEMS = {"separate": ("target", "residual"), "remove": ("without",)}


def separate(
    ctx: typer.Context,
    mix: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MIX...",
            help="Recordings: audio or video files that FFmpeg reads, folders, patterns; - reads "
            "one from standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    text: options.Texts = None,
    language: options.Language = None,
    span: options.Spans = None,
    not_span: options.NotSpans = None,
    labels: options.Labels = None,
    from_: options.From = None,
    to: options.To = None,
    by: options.By = None,
    track: options.Track = None,
    point: options.Points = None,
    box: options.Boxes = None,
    masks: options.Masks = None,
    segmenter: options.Segmenter = "opencv",
    predict_spans: options.PredictSpans = None,
    exclusive: options.Exclusive = False,
    rest: options.Rest = False,
    stems: options.Stems = None,
    recipe: options.RecipeOption = None,
    jobs_file: options.JobsFile = None,
    out: options.Out,
    name: options.Name = None,
    tree: options.Tree = False,
    only: options.Only = None,
    format_: options.Format = None,
    bits: options.Bits = None,
    bitrate: options.Bitrate = None,
    consistent: options.Consistent = False,
    picture: options.Picture = False,
    json_line: options.JsonLines = False,
    overwrite: options.OverwriteResults = False,
    preset: options.Preset = "standard",
    model: options.Model = "default",
    adapter: options.Adapter = None,
    seed: options.Seed = 0,
    candidates: options.Candidates = 1,
    judge: options.Judge = False,
    device: options.Device = None,
    precision: options.Precision = "auto",
    windowing: options.Windowing = "multi-diffusion",
    window: options.Window = None,
    overlap: options.Overlap = None,
    jobs: options.Jobs = 1,
) -> None:
    """Separate recordings; the name of the command decides which stems are written."""
    from soundsift.cli.requests import Request, make_recording_jobs
    from soundsift.cli.standard_input import stored_input
    from soundsift.separation.options import Options
    from soundsift.spans import parse_time

    command = str(ctx.command.name)
    if only is not None and command == "remove":
        raise SoundsiftError(
            f"--only {only} can't be combined with remove, which writes one file. Leave it out."
        )
    for option, given in (("--stems", stems), ("--recipe", recipe)):
        if given is None:
            continue
        if command == "remove" or only or rest or exclusive or text or (stems and recipe):
            raise SoundsiftError(
                f"{option} {given} can't be combined with remove, --text, --only, --exclusive and "
                "--rest, which it decides itself. Leave them out."
            )
    parts = stem_parts(stems) if stems else RECIPES[recipe].parts if recipe else ()
    request = Request(
        mix=tuple(mix or ()),
        jobs_file=jobs_file,
        texts=tuple(text or ()),
        heard=tuple(span or ()),
        not_heard=tuple(not_span or ()),
        span_order=tuple(ctx.meta[SPAN_ORDER]),
        out=out,
        name=name,
        format=format_,
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
            candidates=candidates,
            judge=judge,
            start=None if from_ is None else parse_time(from_),
            end=None if to is None else parse_time(to),
            by=by,
        ),
        model=model,
        adapter=adapter,
        device=device,
        precision=precision,
        points=tuple(point or ()),
        boxes=tuple(box or ()),
        masks=masks,
        segmenter=segmenter,
        stems=_STEMS[command] if only is None else (only,),
        picture=picture,
        overwrite=overwrite,
        exclusive=exclusive,
        rest=rest,
        labels=labels,
        track=track,
        tree=tree,
        parts=parts,
        language=language,
    )
    with stored_input(request.mix) as named:
        # Checked in the order of cost: the command line, the results' places, the recordings, and
        # only then the model is loaded.
        recordings = make_recording_jobs(replace(request, mix=named))
        tell_translations(
            job.prompt for one in recordings for job in one.jobs if job.prompt is not None
        )
        # Imported here because it loads FFmpeg's libraries; errors above need none.
        from soundsift.cli.run import run_recordings

        run_recordings(recordings, jobs, json_line)

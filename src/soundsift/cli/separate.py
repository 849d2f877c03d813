"""`soundsift separate` and `soundsift remove`: the same work, other files."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soundsift.cli.groups import SPAN_ORDER
from soundsift.cli.options import Json, Model, Overwrite, Preset
from soundsift.cli.outputs import check_files, check_name
from soundsift.cli.progress import progress_bar

if TYPE_CHECKING:
    from soundsift.prompts import Prompt, Span
    from soundsift.separation.result import Separation

SEPARATE_HELP = """Lift a sound out of a recording.

By its name, by when it is heard, or both. Writes NAME.target.wav (the sound), NAME.residual.wav
(everything else) and NAME.json (all settings) into the output folder. The two stems add up to the
recording, at its own sample rate, channels and length."""

SEPARATE_EXAMPLES = """Examples:

\b
soundsift separate street.wav --text "dog barking" --out stems
soundsift separate street.wav --span 1.2-2.5 --span 3-4 --not-span 5-6 --out stems
soundsift separate film.mp4 --text speech --span 1:02-1:10 --out stems --picture --json
"""

REMOVE_HELP = """Take a sound out of a recording.

Writes NAME.without.wav (the recording without the sound) and NAME.without.json (all settings) into
the output folder."""

REMOVE_EXAMPLES = """Examples:

\b
soundsift remove interview.mp3 --text "phone ringing" --out clean
soundsift remove concert.flac --text "someone coughing" --span 12.5-13.1 --out clean
"""

#: Quieter than this beside the mixture, hardly anything was lifted out. A short or distant sound
#: that is really there stays above.
NEARLY_SILENT_DB = -30.0
_INAUDIBLE_DB = -90.0

_STEMS = {"separate": ("target", "residual"), "remove": ("without",)}


def separate(
    ctx: typer.Context,
    mix: Annotated[
        Path,
        typer.Argument(
            metavar="MIX", help="The recording: any audio or video file that FFmpeg reads."
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the results, made if missing.")
    ],
    text: Annotated[
        str | None,
        typer.Option(metavar="PHRASE", help="The sound, as a short phrase: 'dog barking'."),
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
    name: Annotated[
        str | None,
        typer.Option(help="First part of the files' names.", show_default="that of MIX"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the sampler.")] = 0,
    preset: Preset = "standard",
    model: Model = "default",
    picture: Annotated[
        bool, typer.Option("--picture", help="Also write NAME.png: spectrograms, with the spans.")
    ] = False,
    json_line: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Separate a recording; the name of the command decides which stems are written."""
    stems = _STEMS[str(ctx.command.name)]
    # What can be wrong is looked at in the order of what it costs to find out: the words of the
    # command, the places of the results, the recording. Only then the model is loaded.
    prompt = _prompt(text, span or [], not_span or [], ctx.meta[SPAN_ORDER])
    if name is not None:
        check_name(name)
    name = name or mix.stem

    from soundsift.audio import read
    from soundsift.checkpoints.find import find_model
    from soundsift.separation.result import output_paths

    find_model(model)
    paths = output_paths(out, name, stems)
    if picture:
        paths["picture"] = out / f"{name}.png"
    check_files(paths.values(), overwrite, source=mix)
    recording = read(mix)
    prompt.check(recording.duration)

    import soundsift

    began = time.monotonic()
    with progress_bar(mix.name) as report:
        separation = soundsift.load(model).separate(
            recording,
            text=prompt.text,
            spans=prompt.spans,
            preset=preset,
            seed=seed,
            progress=report,
        )
    seconds = time.monotonic() - began
    separation.save(out, name, overwrite=overwrite, stems=stems)
    if picture:
        _draw(paths["picture"], separation, prompt, overwrite)
    if json_line:
        typer.echo(_as_json(paths, separation, seconds))
    else:
        _tell(mix, paths, separation, prompt, seconds)


def _prompt(text: str | None, heard: list[str], not_heard: list[str], order: list[str]) -> Prompt:
    """The prompt with its spans in the order of the command line."""
    from soundsift.prompts import Prompt, Span

    waiting = {"span": iter(heard), "not_span": iter(not_heard)}
    spans: list[Span] = [
        Span.parse(next(waiting[option]), positive=option == "span") for option in order
    ]
    prompt = Prompt(text, tuple(spans))
    if prompt.text is None and not prompt.spans:
        prompt.check(duration=0.0)  # raises: it asks for nothing, however long the recording is
    return prompt


def _draw(path: Path, separation: Separation, prompt: Prompt, overwrite: bool) -> None:
    from soundsift.pictures import spectrogram_picture

    spectrogram_picture(
        path,
        separation.mixture,
        separation.target,
        separation.residual,
        separation.sample_rate,
        prompt.spans,
        prompt.text or "",
        overwrite=overwrite,
    )


def _as_json(paths: dict[str, Path], separation: Separation, seconds: float) -> str:
    level = separation.target_level_db
    return json.dumps(
        {
            "files": {kind: str(path) for kind, path in paths.items()},
            "target_level_db": round(level, 2),
            "nearly_silent": level < NEARLY_SILENT_DB,
            "sample_rate": separation.sample_rate,
            "seconds": round(seconds, 3),
            "settings": separation.settings,
        }
    )


def _tell(
    mix: Path, paths: dict[str, Path], separation: Separation, prompt: Prompt, seconds: float
) -> None:
    channels, samples = separation.mixture.shape
    length = samples / separation.sample_rate
    kind = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
    done = "Removed" if "without" in paths else "Lifted"
    typer.echo(
        f"{done} {_wanted(prompt)} from {mix} ({length:.2f} s, {separation.sample_rate} Hz, "
        f"{kind}) in {seconds:.1f} s:"
    )
    width = max(map(len, paths))
    for stem, path in paths.items():
        typer.echo(f"  {stem:{width}}  {path}")
    typer.echo(_loudness(separation.target_level_db))


def _wanted(prompt: Prompt) -> str:
    marks = ", ".join(f"{'+' if s.positive else '-'}{s}" for s in prompt.spans)
    if prompt.text is None:
        return f"the sound marked {marks}"
    return f"'{prompt.text}'" + (f" marked {marks}" if marks else "")


def _loudness(level_db: float) -> str:
    if level_db < NEARLY_SILENT_DB:
        seen = "silent" if level_db < _INAUDIBLE_DB else f"{-level_db:.1f} dB below the mixture"
        return f"The target is nearly silent ({seen}): the sound was probably not found."
    side = "below" if level_db < 0 else "above"
    return f"The target is {abs(level_db):.1f} dB {side} the mixture."

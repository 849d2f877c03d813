"""`soundsift edit`: edit a recording in turns."""

from __future__ import annotations

import json
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from soundsift.cli import options
from soundsift.cli.console import say, warn
from soundsift.cli.outputs import check_folder
from soundsift.cli.progress import progress_bar
from soundsift.cli.translations import tell_translations

if TYPE_CHECKING:
    from soundsift.editing.session import Action
    from soundsift.languages.codes import LanguageCode

HELP = "Edit a recording in turns, noted in a small file; the recording stays as it is."
START_EXAMPLES = """Examples:

\b
soundsift edit start street.wav street.edit.json
soundsift edit remove street.edit.json --text "dog barking"
soundsift edit louder street.edit.json --text "man speaking" --db 6
soundsift edit render street.edit.json --out edited
"""
ISOLATE_EXAMPLES = """Examples:

\b
soundsift edit isolate street.edit.json --text "man speaking"
soundsift edit isolate street.edit.json --span 1.2-2.5
"""
KEEP_EXAMPLES = """Examples:

\b
soundsift edit keep street.edit.json --text "man speaking" --text "dog barking"
"""
REMOVE_EXAMPLES = """Examples:

\b
soundsift edit remove street.edit.json --text "dog barking"
soundsift edit remove street.edit.json --text "dog barking" --span 1.2-2.5
"""
LOUDER_EXAMPLES = """Examples:

\b
soundsift edit louder street.edit.json --text "man speaking" --db 6
soundsift edit louder street.edit.json --text music --db=-9
"""
UNDO_EXAMPLES = """Examples:

\b
soundsift edit undo street.edit.json
"""
SHOW_EXAMPLES = """Examples:

\b
soundsift edit show street.edit.json
soundsift edit show street.edit.json --json
"""
RENDER_EXAMPLES = """Examples:

\b
soundsift edit render street.edit.json --out edited
soundsift edit render street.edit.json --turn 1 --format flac --out edited
"""

SessionFile = Annotated[
    Path, typer.Argument(metavar="SESSION", help="File of the session.", show_default=False)
]
Text = Annotated[
    str | None, typer.Option(metavar="PHRASE", help="The sound as a short phrase: 'dog barking'.")
]
Spans = Annotated[
    list[str] | None,
    typer.Option(
        metavar="START-END",
        help="When the sound is heard: 1.2-2.5 or 1:02-1:10; may be repeated.",
    ),
]
NotSpans = Annotated[
    list[str] | None,
    typer.Option(metavar="START-END", help="When the sound is not heard; may be repeated."),
]


def start(
    recording: Annotated[
        Path, typer.Argument(metavar="RECORDING", help="The recording.", show_default=False)
    ],
    session: Annotated[
        Path, typer.Argument(metavar="SESSION", help="New file of the session.", show_default=False)
    ],
    preset: options.Preset = "standard",
    model: options.Model = "default",
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
) -> None:
    """Begin an edit of a recording.

    Model, preset and seed stay the same for all turns, so that rendering again gives the same.
    """
    from soundsift.checkpoints.store import find_model
    from soundsift.editing.session import start_session, write_session

    find_model(model)
    made = start_session(recording, session.parent, model, preset, seed)
    write_session(session, made, overwrite=overwrite)
    say(f"{session}: turn 0, the recording")


def isolate(
    session: SessionFile,
    text: Text = None,
    language: options.Language = None,
    span: Spans = None,
    not_span: NotSpans = None,
) -> None:
    """Leave only one sound."""
    _add(session, "isolate", text, span, not_span, language=language)


def keep(
    session: SessionFile,
    text: Annotated[
        list[str], typer.Option(metavar="PHRASE", help="A sound to keep; may be repeated.")
    ],
    language: options.Language = None,
) -> None:
    """Leave several sounds, and nothing else."""
    _add(session, "keep", ", ".join(text), language=language)


def remove(
    session: SessionFile,
    text: Text = None,
    language: options.Language = None,
    span: Spans = None,
    not_span: NotSpans = None,
) -> None:
    """Leave a sound out."""
    _add(session, "remove", text, span, not_span, language=language)


def louder(
    session: SessionFile,
    db: Annotated[
        float,
        typer.Option(help="Gain in dB, -40 to 40; below 0 the sound becomes quieter."),
    ],
    text: Text = None,
    language: options.Language = None,
    span: Spans = None,
    not_span: NotSpans = None,
) -> None:
    """Make a sound louder or quieter."""
    _add(session, "louder", text, span, not_span, db, language)


def undo(session: SessionFile) -> None:
    """Take back the last turn that is in force; it stays in the file."""
    _add(session, "undo")


def show(session: SessionFile, json_line: options.Json = False) -> None:
    """List the turns of a session; an asterisk marks those that are in force."""
    from soundsift.editing.session import read_session

    found = read_session(session)
    left = found.numbers_in_force()
    if json_line:
        turns = [
            turn.model_dump(mode="json", exclude_defaults=True) | {"in_force": number in left}
            for number, turn in enumerate(found.turns, 1)
        ]
        say(json.dumps({"source": str(found.source), "turns": turns}))
        return
    say(f"  0  {found.source}")
    for number, turn in enumerate(found.turns, 1):
        say(f"{'*' if number in left else ' '} {number}  {turn}")


def render(
    session: SessionFile,
    turn: Annotated[
        int | None,
        typer.Option(
            min=0, help="Sound after this turn; 0 is the recording.", show_default="the last"
        ),
    ] = None,
    *,
    out: options.Out,
    format_: Annotated[
        Literal["wav", "flac", "aiff", "mp3", "ogg", "opus", "m4a", "video"],
        typer.Option("--format", help="File format; video keeps the picture."),
    ] = "wav",
    bits: options.Bits = None,
    bitrate: options.Bitrate = None,
    device: options.Device = None,
    precision: options.Precision = "auto",
    overwrite: options.Overwrite = False,
) -> None:
    """Write the sound after the last turn, or after any other.

    Writes NAME.turn-N.wav and NAME.turn-N.json, where NAME is the recording's name. The recording
    and all results are held in memory.
    """
    from soundsift.audio.formats import Output
    from soundsift.editing.session import read_session

    output = Output(format_, bits, bitrate)
    found = read_session(session)
    found.in_force(turn)
    check_folder(out)

    from soundsift import load
    from soundsift.editing.rendering import Renderer

    number = len(found.turns) if turn is None else turn
    renderer = Renderer(cache(partial(load, device=device, precision=precision)))
    with progress_bar("turns") as report:
        result = renderer.render(found, session.parent, number, report)
    source = session.parent / found.source
    paths = result.save(
        out,
        f"{source.stem}.turn-{number}",
        stems=("target",),
        output=output,
        source=source if format_ == "video" else None,
        overwrite=overwrite,
        bare=True,
    )
    peak = float(abs(result.target).max())
    if peak > 1 and result.sample_format != "f32" and bits != "32f":
        warn(f"The sound reaches {peak:.2f} of full scale and was cut there. Use --bits 32f.")
    say(str(paths["target"]))


def _add(
    path: Path,
    action: Action,
    text: str | None = None,
    spans: list[str] | None = None,
    not_spans: list[str] | None = None,
    db: float | None = None,
    language: LanguageCode | None = None,
) -> None:
    from soundsift.editing.session import make_turn, read_session, write_session
    from soundsift.spans import Span

    heard = [Span.parse(one) for one in spans or ()]
    silent = [Span.parse(one) for one in not_spans or ()]
    turn = make_turn(
        action,
        text,
        tuple((span.start, span.end) for span in heard),
        tuple((span.start, span.end) for span in silent),
        db,
        language,
    )
    tell_translations([turn.prompt])
    session = read_session(path).added(turn)
    write_session(path, session)
    say(f"{path}: turn {len(session.turns)}, {turn}")

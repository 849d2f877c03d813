"""`soundsift listen`: what is heard in a recording, when, and how surely."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundsift.cli import options
from soundsift.cli.console import say
from soundsift.cli.findings import times_in_words
from soundsift.cli.progress import progress_bar
from soundsift.cli.translations import tell_translations

if TYPE_CHECKING:
    from soundsift.audio import RecordingFile
    from soundsift.listening import HeardSound

EXAMPLES = """Examples:

\b
soundsift listen street.wav
soundsift listen podcast.mp3 --text "phone ringing" --text "dog barking"
soundsift listen field.flac --text "bird singing" --labels birds.txt --picture birds.png
"""


def listen(
    mix: Annotated[
        Path,
        typer.Argument(
            metavar="MIX",
            help="Recording: an audio or video file that FFmpeg reads.",
            show_default=False,
        ),
    ],
    *,
    text: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PHRASE",
            help="A sound to listen for; may be repeated.",
            show_default="all sounds that the network knows by name",
        ),
    ] = None,
    language: options.Language = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Without --text, the most sounds to show.")
    ] = 10,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a label track for Audacity."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Also draw the sounds below a spectrogram."),
    ] = None,
    json_line: options.Json = False,
    overwrite: options.Overwrite = False,
    device: options.Device = None,
) -> None:
    """Show what is heard in a recording, when, and how surely.

    Without --text, the known sounds that are probably there, the surest first. With --text, each of
    the sounds, and whether it is there at all.
    """
    # Imported here because it takes time.
    from soundsift.audio import examine
    from soundsift.audio.atomic import ensure_writable
    from soundsift.listening import SoundDetector
    from soundsift.prompts import Prompt

    for path in (labels, picture):
        if path is not None:
            ensure_writable(path, overwrite=overwrite)
    prompts = None if text is None else [Prompt(phrase, language=language) for phrase in text]
    tell_translations(prompts or ())
    recording = examine(mix)
    with progress_bar(mix.name) as report:
        sounds = SoundDetector.load(device).listen(recording, prompts, limit=limit, progress=report)
    if labels is not None:
        _write_labels(labels, sounds, overwrite)
    if picture is not None:
        _draw(picture, recording, sounds, overwrite)
    if json_line:
        say(json.dumps(_facts(recording, sounds, asked=text is not None)))
        return
    for line in table(sounds):
        say(line)


def table(sounds: list[HeardSound]) -> list[str]:
    """Lines of a table: confidence, presence, name, times."""
    if not sounds:
        return ["No sound that the network knows by name is heard surely enough."]
    width = max(len(sound.text) for sound in sounds)
    return [
        f"{sound.confidence:4.2f}  {sound.presence:6}  {sound.text:{width}}  "
        f"{times_in_words(sound.spans, with_words=False)}".rstrip()
        for sound in sounds
    ]


def _facts(recording: RecordingFile, sounds: list[HeardSound], asked: bool) -> dict[str, Any]:
    """What `--json` prints; of a single phrase, its findings are at the top, too."""
    described = [asdict(sound) for sound in sounds]
    facts = {"input": str(recording.path), "seconds": round(recording.duration, 3)}
    if asked and len(described) == 1:
        facts |= {key: value for key, value in described[0].items() if key != "kind"}
    return facts | {"sounds": described}


def _write_labels(path: Path, sounds: list[HeardSound], overwrite: bool) -> None:
    from soundsift.audio import atomic_file
    from soundsift.labels import format_labels
    from soundsift.spans import Span

    with atomic_file(path, overwrite=overwrite) as file:
        for sound in sounds:
            spans = [Span(one.start, one.end) for one in sound.spans]
            file.write(format_labels(spans, sound.text).encode("utf-8"))


def _draw(path: Path, recording: RecordingFile, sounds: list[HeardSound], overwrite: bool) -> None:
    from soundsift.plots import ListeningPicture

    drawn = ListeningPicture(recording.sample_rate, recording.path.name)
    for block in recording.blocks():
        drawn.add(block)
    lanes = {s.text: [(one.start, one.end, one.probability) for one in s.spans] for s in sounds}
    drawn.save(path, lanes, overwrite=overwrite)

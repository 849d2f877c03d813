"""`soundsift tune`: teach a model a sound from a few recordings of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from soundsift.cli import options
from soundsift.cli.console import say, warn
from soundsift.cli.outputs import check_folder
from soundsift.cli.requirements import need
from soundsift.errors import SoundsiftError

EXAMPLES = """Examples:

\b
soundsift tune barks --caption "my dog"
soundsift tune barks --caption "my dog" --backgrounds garden --output my-dog.safetensors
soundsift tune machines --captions machines.csv --output machines.safetensors
soundsift tune barks --caption "my dog" --model facebook/sam-audio-small
soundsift separate yard.wav --adapter my-dog.safetensors --text "my dog" --out stems
"""

_SUFFIX = ".safetensors"
_BANK = Path("bank")


def tune(
    clips: Annotated[
        Path,
        typer.Argument(
            metavar="CLIPS", help="Folder of short recordings of the sound alone; 20 are good."
        ),
    ],
    caption: Annotated[
        str | None,
        typer.Option(metavar="PHRASE", help="The phrase that will ask for the sound: 'my dog'."),
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A caption for each recording, instead of --caption: CSV or JSONL with the "
            "columns file and caption.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="The adapter, a .safetensors file; any other name becomes a folder as PEFT "
            "writes it.",
            show_default="the caption, as my-dog.safetensors; of released models a folder, as "
            "my-dog-lora",
        ),
    ] = None,
    backgrounds: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Recordings without the sound, from where it will be heard; repeatable.",
            show_default="procedural sound that comes with the package",
        ),
    ] = None,
    bank: Annotated[
        Path | None,
        typer.Option(
            "--bank",
            metavar="DIR",
            help="Sound bank to mix the sound with.",
            show_default="bank, if it is there",
        ),
    ] = None,
    model: options.Model = "default",
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Training steps.", show_default="100, of released models 300"),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="YAML with rank, alpha, rate and other settings of the training; see "
            "docs/tuning.md.",
        ),
    ] = None,
    device: options.Device = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Other seeds, other scenes.")
    ] = 0,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that make scenes; 0 makes them here.")
    ] = 1,
    json_line: options.Json = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Teach a model a sound.

    Mixes recordings of the sound with others, trains a small change of the model on them, and
    writes it as an adapter for --adapter. A quarter of the recordings is kept out of training: the
    result says how much better they are separated by the phrase than before, and whether other
    sounds suffered.
    """
    if (caption is None) == (captions is None):
        raise SoundsiftError(
            "Give --caption, the phrase for the sound, or --captions, a file with one for each "
            "recording, but not both."
        )
    if caption is not None and not caption.strip():
        raise SoundsiftError("--caption is empty. Give a phrase such as 'my dog'.")
    need("train", "scipy")

    from soundsift.training.tune.config import LatentTuningConfig
    from soundsift.training.tune.tuning import tune as start
    from soundsift.training.tune.tuning import tuning_config

    kind = tuning_config(model)
    target = _target(output, caption, captions, "-lora" if kind is LatentTuningConfig else _SUFFIX)
    check_folder(target.absolute().parent)
    if target.exists() and not overwrite:
        raise SoundsiftError(f"{target} exists. Choose another --output, or --overwrite.")

    from soundsift.cli.progress import progress_bar
    from soundsift.training.config import read_yaml, validated

    config = kind() if recipe is None else validated(recipe, read_yaml(recipe), kind)
    if steps is not None:
        config = config.model_copy(update={"steps": steps})
    with progress_bar("reading") as bar:
        report = start(
            clips,
            caption,
            output=target,
            captions=captions,
            model=model,
            bank=bank or (_BANK if (_BANK / "manifest.jsonl").is_file() else None),
            backgrounds=backgrounds or (),
            seed=seed,
            config=config,
            device=device,
            workers=workers,
            on_progress=lambda what, done, total: bar(done / total, what),
            on_memory=_say_memory,
        )
    if json_line:
        import json

        record = {
            "output": str(report.output),
            "phrase": report.phrase,
            "trained": report.trained,
            "held_out": report.held_out,
            "sound_db": [round(value, 2) for value in report.sound_db],
            "others_db": [round(value, 2) for value in report.others_db],
        }
        say(json.dumps(record, ensure_ascii=False))
        return
    say(
        f"{report.phrase!r} by text on {report.held_out} recordings that training did not hear: "
        f"{report.sound_db[0]:.1f} -> {report.sound_db[1]:.1f} dB better than the mixture."
    )
    say(f"Other sounds: {report.others_db[0]:.1f} -> {report.others_db[1]:.1f} dB.")
    asked = shlex.quote(report.phrase)
    of = "" if model == "default" else f"--model {shlex.quote(model)} "
    say(
        f"Wrote {report.output}. Use it: soundsift separate RECORDING {of}--adapter "
        f"{shlex.quote(str(report.output))} --text {asked} --out stems"
    )


def _say_memory(parts: Mapping[str, float], free: float | None) -> None:
    """Say what a released model's tuning will take, before it starts."""
    total = sum(parts.values())
    listed = ", ".join(f"{name} {size / 1e9:.1f}" for name, size in parts.items())
    there = "" if free is None else f" {free / 1e9:.1f} GB are free."
    warn(f"Tuning takes about {total / 1e9:.1f} GB of memory ({listed}).{there}")
    if free is not None and total > free:
        warn(
            "That is more than is free. Use --config with smaller frames, or with precision: "
            "bfloat16, or another --device."
        )


def _target(output: Path | None, caption: str | None, captions: Path | None, suffix: str) -> Path:
    if output is not None:
        return output
    name = caption if caption is not None else str(captions and captions.stem)
    slug = re.sub(r"[^\w]+", "-", name.lower()).strip("-") or "adapter"
    return Path(f"{slug}{suffix}")

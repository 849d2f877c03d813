"""`soundsift models`: list, describe, convert and check models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from soundsift.cli.console import say
from soundsift.cli.options import Json, Overwrite

HELP = "The models: which there are, what they look like, and other forms of them."

LIST_EXAMPLES = """Examples:

\b
soundsift models list
soundsift models list --json
"""
INFO_EXAMPLES = """Examples:

\b
soundsift models info default
soundsift models info facebook/sam-audio-small
soundsift models info runs/mine/model --json
"""
CONVERT_EXAMPLES = """Examples:

\b
soundsift models convert facebook/sam-audio-small small-bf16
soundsift models convert facebook/sam-audio-large large-int8 --dtype int8
soundsift separate street.wav --text "dog barking" --model small-bf16 --out stems
"""
VERIFY_EXAMPLES = """Example:

\b
soundsift models verify small-bf16
"""

PUSH_EXAMPLES = """Example:

\b
soundsift models push runs/mine/model me/my-model --license apache-2.0
"""
FETCH_EXAMPLES = """Example:

\b
soundsift models fetch me/my-model
"""
CARD_EXAMPLES = """Example:

\b
soundsift models card runs/mine/model me/my-model --license apache-2.0
"""

Repository = Annotated[
    str,
    typer.Argument(metavar="OWNER/NAME", help="Name on the Hugging Face Hub.", show_default=False),
]
Licence = Annotated[
    str,
    typer.Option("--license", metavar="ID", help="The model's licence, as the Hub names it."),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A name from `models list`, or a model's folder.", show_default=False
    ),
]


def list_models(json_line: Json = False) -> None:
    """List the models that are known, and which of them are here."""
    from soundsift.checkpoints.registry import MODELS, cache_is_readable

    readable = cache_is_readable()
    rows = [
        {
            "name": model.name,
            "task": model.task,
            "parameters": model.parameters * 1_000_000,
            "licence": model.licence,
            "gated": model.gated,
            "folder": None if (folder := model.folder()) is None else str(folder),
        }
        for model in MODELS
    ]
    if json_line:
        say(json.dumps(rows))
        return
    width = max(len(model.name) for model in MODELS)
    for model, row in zip(MODELS, rows, strict=True):
        state = "here" if row["folder"] else "not fetched" if readable else "unknown"
        size = f"{model.parameters} M"
        say(f"{model.name:{width}}  {state:11}  {size:>6}  {model.licence}, {model.task}")
    if not readable:
        say(
            "Whether the others are here can't be told: the Hub's cache needs soundsift[released], "
            "installed with `pip install 'soundsift[released]'`."
        )
    if not all(row["folder"] for row in rows):
        say(
            "Fetch one with `hf download NAME`, and --revision where it says so; those under the "
            "SAM License once their page at https://huggingface.co has given you access."
        )


def info(model: Model, json_line: Json = False) -> None:
    """Describe a model: its parts, their parameters, its files."""
    facts = describe(model)
    if json_line:
        say(json.dumps(facts))
        return
    say(f"{facts['name']}, {facts['form']}, in {facts['folder']}")
    for part, count in facts["parameters"].items():
        say(f"  {part:12} {count:>15,} parameters")
    for name, size in facts["files"].items():
        say(f"  {name:26} {size / 2**20:>10,.1f} MiB")
    config = facts["config"]
    say(
        f"  text encoder {config['text_encoder']}, windows of {config['window_seconds']:g} s that "
        f"overlap by {config['overlap_seconds']:g} s"
    )


def describe(model: str) -> dict[str, Any]:
    """Everything that `models info` prints, as data."""
    from soundsift.checkpoints.load import open_model
    from soundsift.checkpoints.manifest import read_manifest
    from soundsift.checkpoints.store import CONFIG, find_model

    folder = find_model(model)
    parts = open_model(folder, shapes_only=True)
    manifest = read_manifest(folder)
    form = "as released"
    if (folder / CONFIG).is_file():
        form = f"stored in {manifest.stored}" if manifest else "of soundsift's form"
    counts = {"field": sum(tensor.numel() for tensor in parts.field.values())}
    if parts.codec:
        counts["codec"] = sum(tensor.numel() for tensor in parts.codec.values())
    if parts.vision_encoder is not None:
        counts["vision encoder"] = sum(tensor.numel() for tensor in parts.vision_encoder.values())
    return {
        "name": parts.config.name,
        "folder": str(folder),
        "form": form,
        "parameters": counts,
        "files": {
            path.name: path.stat().st_size
            for path in sorted(folder.iterdir())
            if path.suffix in (".safetensors", ".pt", ".yaml", ".json")
        },
        "config": parts.config.model_dump(mode="json"),
    }


def convert(
    model: Model,
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Where to; made if missing.", show_default=False),
    ],
    dtype: Annotated[
        Literal["float32", "bfloat16", "int8"],
        typer.Option(help="How the velocity field's matrices are stored."),
    ] = "bfloat16",
    overwrite: Overwrite = False,
    json_line: Json = False,
) -> None:
    """Rewrite a model, one safetensors file per part, each with its SHA-256.

    A converted model loads faster than the released file and takes less room: in bfloat16 half, in
    int8 a quarter, for its largest part. The codec stays in float32, which its sound needs.
    """
    from soundsift.checkpoints.convert import convert as rewrite
    from soundsift.checkpoints.manifest import read_manifest
    from soundsift.checkpoints.store import find_model

    rewrite(find_model(model), folder, dtype, overwrite=overwrite)
    manifest = read_manifest(folder)
    assert manifest is not None
    if json_line:
        say(json.dumps(manifest.model_dump() | {"folder": str(folder)}))
        return
    say(f"Converted {model} to {folder}:")
    for name, entry in manifest.files.items():
        say(f"  {name:20} {entry.bytes / 2**20:>10,.1f} MiB  SHA-256 {entry.sha256}")


def verify(model: Model, json_line: Json = False) -> None:
    """Check a model: sums, names, shapes, and that every number is finite."""
    from soundsift.checkpoints.convert import verify as check
    from soundsift.checkpoints.store import find_model

    found = check(find_model(model))
    if json_line:
        say(json.dumps(found))
        return
    for name, digest in found["files"].items():
        say(f"  {name:20} SHA-256 {digest}")
    say(
        f"{model} is whole: {found['weights']} weights with {found['parameters']:,} numbers, all "
        "of the names and shapes expected, all finite."
    )


def push(
    model: Model,
    repository: Repository,
    licence: Licence,
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository private.")
    ] = False,
) -> None:
    """Upload a model to the Hugging Face Hub, with a model card.

    The Hub's token is that of `hf auth login`, or in the variable HF_TOKEN.
    """
    from soundsift.checkpoints.sharing import push as upload
    from soundsift.checkpoints.store import find_model

    say(upload(find_model(model), repository, licence, private=private))


def fetch(
    repository: Repository,
    revision: Annotated[
        str | None, typer.Option(metavar="REVISION", help="A branch, tag or commit.")
    ] = None,
) -> None:
    """Fetch a model of soundsift's form from the Hugging Face Hub into its cache."""
    from soundsift.checkpoints.sharing import download

    say(str(download(repository, revision)))


def card(model: Model, repository: Repository, licence: Licence) -> None:
    """Print the model card that `push` uploads."""
    from soundsift.checkpoints.sharing import model_card
    from soundsift.checkpoints.store import find_model

    say(model_card(find_model(model), repository, licence).rstrip())

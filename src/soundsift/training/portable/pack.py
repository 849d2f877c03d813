"""Pack a run into folders to carry to another machine.

python -m soundsift.training.portable.pack configs/gpu.yaml portable --megabytes 60

The first folder, `part-1`, holds the script, the code, the weights to start from, the text encoder,
packages, and sound of every concept; the others hold further sound. Procedural sound is generated
where one trains.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.packed_text import save_packed
from soundsift.checkpoints.store import load_config, load_weights, save_in_parts
from soundsift.data.bank import Bank
from soundsift.data.captions import GROUPS
from soundsift.data.packing import SHARD_ENDING, pack
from soundsift.data.procedural.render import SOURCE as PROCEDURAL
from soundsift.data.scenes import ANY_ABSENT
from soundsift.errors import SoundsiftError
from soundsift.training.config import load_training_config, read_yaml
from soundsift.training.portable import script
from soundsift.training.portable.piece import FILE_MEGABYTES, RECIPE, START, TEXT
from soundsift.version import __version__

#: Strangers say how training goes; familiar clips would take the space of as many more.
SPLITS = ("train", "stranger-validation")
#: Clips per concept of strangers.
_HELD_OUT = 1
_SHARD_MEGABYTES = 4.0
#: What a part is left short of its size: lengths of encoded clips are estimates.
_SPARE_MEGABYTES = 0.5
#: What the code reads beside itself, and folders of it that only inference needs.
_CODE = frozenset({".py", ".yaml", ".tsv"})
_WITHOUT = frozenset({"assets", "cli", "export", "studio", "weights"})
#: Packages that the other machine may lack.
_PACKAGES = (
    "annotated-types", "cffi", "pycparser", "pydantic", "pydantic-core", "pyyaml", "soundfile",
    "tqdm", "typing-extensions", "typing-inspection",
)  # fmt: skip
_PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")


@dataclass(frozen=True)
class Packed:
    """What was packed.

    Attributes:
        megabytes: of each part.
        clips, hours, concepts: of recorded sound to train on.
    """

    megabytes: tuple[float, ...]
    clips: int
    hours: float
    concepts: int


def pack_run(
    recipe: Path,
    out: Path,
    megabytes: float = 60.0,
    parts: int = 1,
    seconds: float = 6.0,
    kilobits: float = 32.0,
    pythons: Sequence[str] = (),
    workers: int = 2,
) -> Packed:
    """Pack a run.

    Args:
        recipe: its configuration.
        out: folder for `part-1`, `part-2`, ...; made if missing.
        megabytes: the most that one part takes.
        parts: how many.
        seconds: longer clips are cut.
        kilobits: per second of sound.
        pythons: versions of Python, such as 3.12, to bring packages for; none are brought without.
        workers: processes that encode.

    Raises:
        SoundsiftError: if there is something at `out`, a file of the run is missing, or the first
            part cannot hold a clip of every concept.
    """
    config = load_training_config(recipe)
    if out.exists() and any(out.iterdir()):
        raise SoundsiftError(f"{out} is not empty. Choose another folder.")
    first = out / "part-1"
    first.mkdir(parents=True)
    shutil.copyfile(script.__file__, first / "train.py")
    values = read_yaml(recipe)
    (first / RECIPE).write_text(yaml.safe_dump(values, sort_keys=False))
    _write_code(first / "code.zip")
    if config.start_from is not None:
        model = load_config(config.start_from)
        weights = load_weights(config.start_from)
        save_in_parts(first / START, model, weights, "int8", FILE_MEGABYTES)
    bank = Bank(config.bank, SPLITS)
    captions = {caption for clip in bank.clips for caption in clip.captions}
    grouped = {phrase for phrases in GROUPS.values() for phrase in phrases}
    encoder = TextEncoder()
    phrases = sorted(captions | grouped | {ANY_ABSENT})
    ids = {phrase: encoder.tokenizer.encode(phrase).ids for phrase in phrases}
    save_packed(first / TEXT, ids, encoder.model.state_dict())
    for python in pythons:
        _download(first / "wheels", python)
    room = megabytes * parts - _megabytes(first) - _SPARE_MEGABYTES * parts
    if room <= 0:
        raise SoundsiftError(f"There is no room for sound in {megabytes:g} MB. Allow more.")
    _pack_sound(config.bank, first, out, room, megabytes, seconds, kilobits, workers)
    return _summary(out)


def _pack_sound(
    bank: Path,
    first: Path,
    out: Path,
    room: float,
    megabytes: float,
    seconds: float,
    kilobits: float,
    workers: int,
) -> None:
    """Write shards and manifest to the first part, then move the shards that do not fit."""
    per_clip = _manifest_share(bank, seconds, kilobits)
    pack(
        bank,
        first,
        room / (1 + per_clip),
        _SHARD_MEGABYTES,
        SPLITS,
        workers,
        longest_seconds=seconds,
        kilobits=kilobits,
        held_out=_HELD_OUT,
        without={PROCEDURAL},
    )
    shards = sorted((first / "clips").glob(f"*{SHARD_ENDING}"))
    number, left = 1, megabytes - _megabytes(first) + sum(map(_size, shards))
    there: set[str] = set()
    for shard in shards:
        if _size(shard) > left:
            number, left = number + 1, megabytes
        left -= _size(shard)
        if number == 1:
            there.add(shard.name)
        else:
            folder = out / f"part-{number}" / "clips"
            folder.mkdir(parents=True, exist_ok=True)
            shard.rename(folder / shard.name)
    entries = _entries(first)
    known = {e["concept"] for e in entries if e["shard"] in there and e["split"] == "train"}
    if missing := {e["concept"] for e in entries if e["split"] == "train"} - known:
        raise SoundsiftError(
            f"The first part lacks {len(missing)} concepts, {min(missing)} for one. Allow more "
            "megabytes for a part."
        )


def _manifest_share(bank: Path, seconds: float, kilobits: float) -> float:
    """About how many bytes of the manifest come with a byte of sound."""
    own = [
        entry
        for entry in _entries(bank)
        if entry["source"] != PROCEDURAL and entry["split"] == "train"
    ]
    sound: float = sum(min(entry["seconds"], seconds) for entry in own) * kilobits * 125
    listed = sum(len(json.dumps(entry)) + 30 for entry in own)
    return listed / max(1.0, sound)


def _write_code(file: Path) -> None:
    package = Path(str(resources.files("soundsift")))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as code:
        for path in sorted(package.rglob("*")):
            inner = path.relative_to(package)
            if path.suffix in _CODE and inner.parts[0] not in _WITHOUT:
                code.write(path, Path("soundsift") / inner)
        # The package asks for its own version.
        metadata = f"Metadata-Version: 2.1\nName: soundsift\nVersion: {__version__}\n"
        code.writestr(f"soundsift-{__version__}.dist-info/METADATA", metadata)


def _download(folder: Path, python: str) -> None:
    """Fetch packages of the versions that are installed here, for a version of Python."""
    platforms = [f"--platform={name}_x86_64" for name in _PLATFORMS]
    wanted = [f"{name}=={version(name)}" for name in _PACKAGES]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--dest={folder}"]
    command += ["--only-binary=:all:", f"--python-version={python}", *platforms, *wanted]
    try:
        subprocess.run(command, check=True)
    except subprocess.CalledProcessError as error:
        raise SoundsiftError(
            f"pip could not fetch packages for Python {python}. Try again, or pack without "
            "--python if the other machine has them."
        ) from error


def _summary(out: Path) -> Packed:
    folders = sorted(out.glob("part-*"), key=lambda folder: int(folder.name.split("-")[1]))
    own = [entry for entry in _entries(folders[0]) if entry["split"] == "train"]
    return Packed(
        tuple(_megabytes(folder) for folder in folders),
        len(own),
        sum(entry["seconds"] for entry in own) / 3600,
        len({entry["concept"] for entry in own}),
    )


def _entries(bank: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bank / "manifest.jsonl").read_text().splitlines()]


def _megabytes(folder: Path) -> float:
    return sum(map(_size, _files(folder)))


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _size(file: Path) -> float:
    return file.stat().st_size / 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pack a run to carry to another machine.")
    parser.add_argument("recipe", type=Path, help="configuration of the run")
    parser.add_argument("out", type=Path, help="folder for part-1, part-2, ...")
    parser.add_argument("--megabytes", type=float, default=60.0, help="largest size of a part")
    parser.add_argument("--parts", type=int, default=1, help="number of parts")
    parser.add_argument("--seconds", type=float, default=6.0, help="longer clips are cut")
    parser.add_argument("--kilobits", type=float, default=32.0, help="bit rate of the clips")
    parser.add_argument(
        "--python", action="append", default=[], help="bring packages for this version, as 3.12"
    )
    given = parser.parse_args()
    try:
        found = pack_run(
            given.recipe,
            given.out,
            given.megabytes,
            given.parts,
            given.seconds,
            given.kilobits,
            given.python,
        )
    except SoundsiftError as error:
        sys.exit(f"Error: {error}")
    sizes = ", ".join(f"{size:.1f}" for size in found.megabytes)
    print(
        f"{sizes} MB; {found.clips} clips, {found.hours:.2f} hours of {found.concepts} concepts. "
        f"Procedural sound is generated by part-1/train.py."
    )

"""A round of self-training: recordings to label, and whether training on the labels helped.

python benchmarks/self_training.py recordings bank runs/self-training/recordings
soundsift data pseudo-label runs/self-training/recordings --out runs/self-training/triplets
soundsift train configs/self-training.yaml
python benchmarks/self_training.py compare configs/self-training.yaml MODEL MODEL ...

`recordings` writes excerpts of sound that is in no split but training: files without a caption,
long recordings whose caption is not used, and mixtures at one place. `compare` measures models on
the same scenes of stranger validation (`soundsift.training.validation`) and prints the difference
of each to the first, with the standard error of the paired differences.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile
import torch

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.store import load_weights
from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator
from soundsift.data.sources import git_files
from soundsift.data.split import split_of
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import VelocityField
from soundsift.training.config import TrainingConfig, load_training_config
from soundsift.training.validation import Validation

_SECONDS = 10.0
#: Shorter files hold one sound as a rule, and little context.
_SHORTEST_SECONDS = 3.0
_LIFE = SceneConfig(
    source_counts=(0.1, 0.4, 0.35, 0.15), p_company=0.9, p_bed=0.6, p_slow_gain=0.2, p_far=0.2
)


def recordings(folder: Path, out: Path, recorded: int, mixed: int) -> None:
    """Write excerpts of unlabelled files, as many of recordings, and mixtures, in random order."""
    rng = np.random.default_rng(0)
    bank = Bank(folder, ("train",))
    files = unlabelled(folder)
    long = [c for c in bank.clips if c.seconds >= 8 and c.kind in ("ambience", "music", "effect")]
    # The square root of a source's number of files: no package is most of it.
    number = {name: sum(c.source == name for c in long) for name in {c.source for c in long}}
    weights = np.array([number[c.source] ** -0.5 for c in long])
    chosen = rng.choice(len(long), recorded, replace=False, p=weights / weights.sum())
    waves = [(clip, excerpt(bank, clip, rng)) for clip in [*files, *(long[i] for i in chosen)]]
    generator = SceneGenerator(bank, _LIFE, seed=41)
    for index in range(mixed):
        scene = generator.scene(generator.rng(index), _SECONDS)
        waves.append((None, scene.stems.sum(axis=0)))
    out.mkdir(parents=True, exist_ok=True)
    with (out / "sources.jsonl").open("w") as notes:
        for place, index in enumerate(rng.permutation(len(waves))):
            clip, wave = waves[index]
            name = f"{place:04d}.flac"
            soundfile.write(out / name, np.clip(wave, -1, 1), SAMPLE_RATE, subtype="PCM_16")
            origin = {"mixture": int(index)}
            if clip is not None:
                origin = {"source": clip.source, "path": clip.path, "licence": clip.licence}
            notes.write(json.dumps({"file": name, **origin}) + "\n")
    print(f"{len(files)} unlabelled files, {recorded} recordings, {mixed} mixtures in {out}")


def excerpt(bank: Bank, clip: Clip, rng: np.random.Generator) -> np.ndarray:
    length = round(_SECONDS * SAMPLE_RATE)
    start = int(rng.integers(max(1, clip.samples - length)))
    return bank.audio(clip, start, length)


def unlabelled(folder: Path) -> list[Clip]:
    """Decoded files that no caption rule knows, of training, and equal to no file elsewhere."""
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").open()]
    listed = {(line["source"], line["path"]) for line in lines}
    held_out = {(line["source"], line["path"]) for line in lines if line["split"] != "train"}
    repositories = {name.replace("/", "+"): name for name in git_files()}
    found, foreign = [], set()
    for index in sorted((folder / "clips").glob("*.json")):
        stem = index.stem.removesuffix(".rendered")
        source = repositories.get(stem, stem)
        for entry in json.loads(index.read_text()):
            key = source, entry["path"]
            splits = {split_of(*key, kind)[0] for kind in ("effect", "speech")}
            if key in held_out or splits != {"train"}:
                foreign.add(entry["digest"])
            elif key not in listed and entry["seconds"] >= _SHORTEST_SECONDS:
                found.append((source, entry))
    names = ("path", "shard", "offset", "samples", "seconds", "level_db")
    return [
        Clip(
            source=source, licence="", concept="", kind="", groups=(), captions=(), split="train",
            speaker="", **{name: entry[name] for name in names},
        )
        for source, entry in found
        if entry["digest"] not in foreign
    ]  # fmt: skip


def compare(config: TrainingConfig, models: list[Path], scenes: int) -> None:
    """Print each model's figures, and its differences to the first."""
    codec, text = MelCodec(config.model.codec), TextEncoder(torch.device("cpu"))
    fixed = config.model_copy(update={"validation_scenes": scenes})
    validation = Validation(fixed, codec, text)
    found = []
    for folder in models:
        field = VelocityField(config.model.field)
        field.load_state_dict(load_weights(folder))
        found.append(validation.each(field))
    print("| figure | scenes | " + " | ".join(map(str, models)) + " |")
    print("|---|--:|" + "--:|" * len(models))
    for name in sorted(found[0]):
        first = np.array(found[0][name])
        cells = [f"{first.mean():.2f}"]
        for one in found[1:]:
            difference = np.array(one[name]) - first
            error = difference.std(ddof=1) / len(first) ** 0.5 if len(first) > 1 else float("nan")
            cells.append(f"{difference.mean():+.2f} ({error:.2f})")
        print(f"| {name} | {len(first)} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description="A round of self-training.")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("recordings")
    make.add_argument("bank", type=Path)
    make.add_argument("out", type=Path)
    make.add_argument("--recorded", type=int, default=200)
    make.add_argument("--mixed", type=int, default=150)
    pair = commands.add_parser("compare")
    pair.add_argument("config", type=Path, help="a recipe with the models' sizes and the bank")
    pair.add_argument("models", type=Path, nargs="+", help="model folders")
    pair.add_argument("--scenes", type=int, default=140)
    given = parser.parse_args()
    if given.command == "compare":
        compare(load_training_config(given.config), given.models, given.scenes)
        return
    recordings(given.bank, given.out, given.recorded, given.mixed)


if __name__ == "__main__":
    main()

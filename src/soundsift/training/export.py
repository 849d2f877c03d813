"""Export a run as a model that ships: weights in eight bits, learning curve, provenance.

python -m soundsift.training.export configs/default.yaml src/soundsift/weights/default
python -m soundsift.training.export configs/default.yaml src/soundsift/weights/default bfloat16
"""

from __future__ import annotations

import argparse
import shutil
from collections import defaultdict
from pathlib import Path
from typing import get_args

from torch import Tensor

from soundsift.checkpoints.store import Stored, load_weights, save_model
from soundsift.data.bank import Bank, Clip
from soundsift.training.config import TrainingConfig, load_training_config
from soundsift.training.plot import plot_metrics


def release(config: TrainingConfig, folder: Path, stored: Stored = "int8") -> None:
    """Write a run's averaged weights, learning curve and provenance to a model folder.

    Args:
        config: the run.
        folder: where the model goes: `config.yaml`, `model.safetensors`, `learning-curve.png` and
            `provenance.md`.
        stored: type of the matrices in the file (`soundsift.checkpoints.store.encode`).
    """
    save_model(folder, config.model, released_weights(config), stored)
    plot_metrics(config.run / "metrics.jsonl", config.run / "metrics.png")
    shutil.copyfile(config.run / "metrics.png", folder / "learning-curve.png")
    bank = Bank(config.bank, ("train", "validation", "test"))
    (folder / "provenance.md").write_text(provenance(bank.clips))


def released_weights(config: TrainingConfig) -> dict[str, Tensor]:
    """A run's averaged weights, or those between them and other models'.

    Args:
        config: the run; its model and those that it is released with are there.

    Raises:
        ValueError: if the models are of different sizes.
    """
    own = load_weights(config.run / "model")
    rest = 1 - sum(config.released_with.values())
    mixed = {name: rest * tensor for name, tensor in own.items()} if rest < 1 else own
    for folder, share in config.released_with.items():
        other = load_weights(folder)
        if {n: t.shape for n, t in other.items()} != {n: t.shape for n, t in own.items()}:
            raise ValueError(
                f"there are no weights between {folder} and {config.run / 'model'}, which are of "
                "different sizes"
            )
        mixed = {name: tensor + share * other[name] for name, tensor in mixed.items()}
    return mixed


def provenance(clips: list[Clip]) -> str:
    """A Markdown table: every source, its clips and hours per use, its licences."""
    rows: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    for clip in clips:
        rows[clip.source][clip.split].append(clip)
    lines = [
        "| source | train clips | train hours | validation clips | test clips | licences |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for source, splits in sorted(rows.items()):
        hours = sum(clip.seconds for clip in splits["train"]) / 3600
        terms = next(clip.licence for part in splits.values() for clip in part)
        counts = [len(splits[name]) for name in ("train", "validation", "test")]
        lines.append(
            f"| {source} | {counts[0]} | {hours:.2f} | {counts[1]} | {counts[2]} | {terms} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Export a run as a model that ships.")
    parser.add_argument("config", type=Path, help="configuration of the run")
    parser.add_argument("folder", type=Path, help="folder of the model")
    parser.add_argument("stored", nargs="?", default="int8", choices=get_args(Stored))
    given = parser.parse_args()
    release(load_training_config(given.config), given.folder, given.stored)

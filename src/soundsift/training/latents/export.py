"""Export a run's separator in the form of the released checkpoints.

    python -m soundsift.training.latents.export configs/latents-tiny.yaml exported/model

The folder has `config.json` and `checkpoint.pt`, and the text encoder if the run brought one along.
`soundsift --model FOLDER` runs it. The authors' code reads models with T5 and the vision encoder.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from soundsift.checkpoints.load import TEXT_ENCODER, open_model
from soundsift.checkpoints.released_form import vision_weights, write_released
from soundsift.training.config import read_yaml, validated
from soundsift.training.latents.config import LatentTrainingConfig


def export(config: LatentTrainingConfig, folder: Path) -> None:
    """Write a run's averaged weights in the released form.

    Args:
        config: the run.
        folder: made if missing.

    Raises:
        SoundsiftError: if the run has left no model, or it has no released form.
    """
    model = open_model(config.run / "model")
    vision = None if config.vision_from is None else vision_weights(config.vision_from)
    write_released(folder, model.config, dict(model.field), dict(model.codec), vision)
    text = config.run / "model" / TEXT_ENCODER
    if text.is_dir():
        shutil.copytree(text, folder / TEXT_ENCODER, dirs_exist_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Export a run in the released form.")
    parser.add_argument("config", type=Path, help="configuration of the run")
    parser.add_argument("folder", type=Path, help="folder of the model")
    given = parser.parse_args()
    export(validated(given.config, read_yaml(given.config), LatentTrainingConfig), given.folder)

"""Export a run as the hearing network that ships: weights, calibration, known sounds.

python -m soundsift.training.hearing.export configs/hearing.yaml src/soundsift/weights/hearing
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import yaml

from soundsift.checkpoints.hearing import (
    Hearing,
    KnownSound,
    load_hearing,
    save_hearing,
    save_vocabulary,
)
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.store import Stored
from soundsift.data.bank import Bank, Clip
from soundsift.data.captions import GROUPS
from soundsift.training.hearing.config import HearingTrainingConfig


def release_hearing(
    config: HearingTrainingConfig, folder: Path, stored: Stored = "bfloat16"
) -> None:
    """Write a run's averaged weights and the sounds that it knows to a folder.

    Args:
        config: the run; the calibration of its model goes into the folder.
        folder: where the network goes: `config.yaml`, `model.safetensors`, and the known
            sounds' `vocabulary.json` and `vocabulary.safetensors`.
        stored: type of the matrices in the file (`soundsift.checkpoints.store.encode`).
    """
    network = load_hearing(config.run / "model")
    calibration = config.model.calibration
    network.config = network.config.model_copy(update={"calibration": calibration})
    save_hearing(folder, network, stored)
    hearing = Hearing(load_hearing(folder), TextEncoder())
    save_vocabulary(folder, known_sounds(Bank(config.bank).clips), hearing)


def known_sounds(clips: list[Clip]) -> list[KnownSound]:
    """The concepts of clips and their groups, by name."""
    concepts = {clip.concept: clip for clip in clips}
    # Each group, with those that share a sound with it.
    groups: dict[str, set[str]] = {}
    for clip in concepts.values():
        for group in clip.groups:
            groups.setdefault(group, set()).update(other for other in clip.groups if other != group)
    sounds = [
        KnownSound(
            name=name,
            kind=clip.kind,
            groups=tuple(GROUPS[group][0] for group in clip.groups),
            like=tuple(other for other in clip.confusable if other in concepts),
        )
        for name, clip in concepts.items()
    ]
    sounds += [
        KnownSound(
            name=GROUPS[group][0], kind="group", like=tuple(GROUPS[o][0] for o in sorted(others))
        )
        for group, others in groups.items()
        if GROUPS[group][0] not in concepts
    ]
    return sorted(sounds, key=lambda sound: sound.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("stored", nargs="?", default="bfloat16", choices=get_args(Stored))
    given = parser.parse_args()
    run = HearingTrainingConfig.model_validate(yaml.safe_load(given.config.read_text()))
    release_hearing(run, given.folder, given.stored)

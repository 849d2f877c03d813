"""A tiny hearing network that hears every sound all the time, or none ever."""

from pathlib import Path

import torch

from soundsift.checkpoints.hearing import (
    Hearing,
    KnownSound,
    load_hearing,
    save_hearing,
    save_vocabulary,
)
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import HearingConfig
from soundsift.models.hearing import HearingNetwork

SIZES = HearingConfig(widths=(4, 8), dim=16, dilations=(1,), embedding_dim=8, text_hidden=16)
SOUNDS = (
    KnownSound(name="dog barking", kind="effect", groups=("animals",), like=("fox",)),
    KnownSound(name="fox", kind="effect", groups=("animals",)),
    KnownSound(name="animals", kind="group"),
    KnownSound(name="violin", kind="instrument"),
)


def write_tiny_hearing(folder: Path, logit: float | None = None) -> Path:
    """Write a network with random weights, or one that gives every frame the same logit."""
    torch.manual_seed(0)
    network = HearingNetwork(SIZES)
    with torch.no_grad():
        if logit is None:
            network.scale.fill_(200.0)
            network.bias.fill_(0.0)
        else:
            network.scale.fill_(0.0)
            network.bias.fill_(logit)
    save_hearing(folder, network)
    return folder


def write_tiny_vocabulary(folder: Path, *sounds: KnownSound) -> None:
    save_vocabulary(folder, sounds, Hearing(load_hearing(folder), TextEncoder()))

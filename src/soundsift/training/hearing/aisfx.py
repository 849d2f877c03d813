"""Convolutions of aiSFX, a network trained on libraries of sound effects (CC-BY-4.0).

Ma and Lerch, Representation Learning for the Automatic Indexing of Sound Effects Libraries, ISMIR
2022. The weights come in the Python package aisfx 0.1.2, as `aisfx/models/checkpoint.pth`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from soundsift.models.hearing import HearingNetwork

_EPS = 1e-5


def load_convolutions(network: HearingNetwork, checkpoint: Path) -> None:
    """Fill a network's convolutions, with the batch norms behind them folded in.

    Args:
        network: with the widths 64, 128, 256, 512.
        checkpoint: the package's file; nothing in it is executed but NumPy's scalars are read.
    """
    # NumPy's scalar under the name that it had when the file was written.
    make_scalar: Any = np.int64(0).__reduce__()[0]
    scalar = (make_scalar, "numpy.core.multiarray.scalar")
    with torch.serialization.safe_globals([np.dtype, scalar, np.dtypes.Int64DType]):
        weights, _ = torch.load(checkpoint, map_location="cpu", weights_only=True)
    for number, block in enumerate(network.blocks, 1):
        assert isinstance(block, nn.ModuleList)
        for layer, convolution in enumerate(block, 1):
            assert isinstance(convolution, nn.Conv2d)
            assert convolution.bias is not None
            own = f"embedding_net.conv_block{number}."
            norm = f"{own}bn{layer}."
            gain = weights[f"{norm}weight"] / (weights[f"{norm}running_var"] + _EPS).sqrt()
            with torch.no_grad():
                convolution.weight.copy_(
                    weights[f"{own}conv{layer}.weight"] * gain[:, None, None, None]
                )
                convolution.bias.copy_(
                    weights[f"{norm}bias"] - weights[f"{norm}running_mean"] * gain
                )

"""DAC-VAE, the released codec: its configuration, and its weights under our names.

Released convolutions are weight-normalised (a direction and a length per output channel); here
each is multiplied out when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from soundsift.checkpoints.state_dict import LazyStateDict, Renames, inside, rename, select
from soundsift.config import DacVaeConfig
from soundsift.errors import SoundsiftError

PREFIX = "audio_codec."
"""What precedes the codec's weights in a SAM Audio checkpoint."""

_UNIT: Renames = (
    (r"block\.0\.(.*)", r"snake1.\1"),
    (r"block\.1\.(.*)", r"conv1.\1"),
    (r"block\.2\.(.*)", r"snake2.\1"),
    (r"block\.3\.(.*)", r"conv2.\1"),
)
_WATERMARK_UNIT: Renames = (
    (r"block\.1\.(.*)", r"conv1.\1"),
    (r"block\.3\.(.*)", r"conv2.\1"),
)
_ENCODER_BLOCK: Renames = (
    *inside("0.", _UNIT, "units.0."),
    *inside("1.", _UNIT, "units.1."),
    *inside("2.", _UNIT, "units.2."),
    (r"3\.(.*)", r"snake.\1"),
    (r"4\.(.*)", r"down.\1"),
)
_DECODER_BLOCK: Renames = (
    (r"0\.(.*)", r"snake.\1"),
    (r"1\.(.*)", r"up.\1"),
    *inside("4.", _UNIT, "units.0."),
    *inside("5.", _UNIT, "units.1."),
    *inside("8.", _UNIT, "units.2."),
)
# The published decoder holds the watermark's layers among its own. Stages of the watermark count
# from the wave on, blocks of the decoder towards it.
_WATERMARK_STAGE: Renames = (
    (r"3\.(.*)", r"up.\1"),
    (r"11\.(.*)", r"down.\1"),
    *inside("6.", _WATERMARK_UNIT, "unit_out."),
    *inside("7.", _WATERMARK_UNIT, "unit_in."),
)
RENAMES: Renames = (
    (r"encoder\.block\.0\.(.*)", r"encoder.first.\1"),
    *(
        entry
        for i in range(4)
        for entry in inside(f"encoder.block.{i + 1}.block.", _ENCODER_BLOCK, f"encoder.blocks.{i}.")
    ),
    (r"encoder\.block\.5\.(.*)", r"encoder.snake.\1"),
    (r"encoder\.block\.6\.(.*)", r"encoder.last.\1"),
    (r"quantizer\.in_proj\.(.*)", r"to_gaussian.\1"),
    (r"quantizer\.out_proj\.(.*)", r"from_latent.\1"),
    (r"decoder\.model\.0\.(.*)", r"decoder.first.\1"),
    *(
        entry
        for i in range(4)
        for entry in (
            *inside(f"decoder.model.{i + 1}.block.", _DECODER_BLOCK, f"decoder.blocks.{i}."),
            *inside(
                f"decoder.model.{i + 1}.block.", _WATERMARK_STAGE, f"watermark.stages.{3 - i}."
            ),
        )
    ),
    (r"decoder\.wm_model\.encoder_block\.pre\.0\.(.*)", r"decoder.snake.\1"),
    (r"decoder\.wm_model\.encoder_block\.pre\.1\.(.*)", r"decoder.last.\1"),
    (r"decoder\.wm_model\.encoder_block\.pre\.3\.(.*)", r"watermark.first.\1"),
    (r"decoder\.wm_model\.encoder_block\.post\.0\.(.*)", r"watermark.memory_in.\1"),
    (r"decoder\.wm_model\.encoder_block\.post\.2\.(.*)", r"watermark.to_latent.\1"),
    (r"decoder\.wm_model\.msg_processor\.msg_processor\.(.*)", r"watermark.bits.\1"),
    (r"decoder\.wm_model\.decoder_block\.pre\.0\.(.*)", r"watermark.from_latent.\1"),
    (r"decoder\.wm_model\.decoder_block\.pre\.1\.(.*)", r"watermark.memory_out.\1"),
    (r"decoder\.wm_model\.decoder_block\.post\.1\.(.*)", r"watermark.last.\1"),
)


def config_from(config: Mapping[str, Any]) -> DacVaeConfig:
    """The codec's sizes, from the part `audio_codec` of a released `config.json`.

    Raises:
        ValidationError: if a size is not what it must be.
    """
    return DacVaeConfig(**{key: config[key] for key in DacVaeConfig.model_fields if key in config})


def convert(state_dict: Mapping[str, Tensor]) -> LazyStateDict:
    """Rename a released codec's weights for `DacVae` and multiply out their normalisation.

    Args:
        state_dict: weights under the released names: of the codec alone, or a whole SAM Audio
            checkpoint, of which everything outside `audio_codec.` is passed over.

    Returns:
        Weights for `DacVae.load_state_dict`, strict; float32.

    Raises:
        SoundsiftError: if a name is not known, or half of a normalised weight is missing.
    """
    released: Mapping[str, Tensor] = select(state_dict, PREFIX) or state_dict
    readers: dict[str, Callable[[], Tensor]] = {}
    for name in released:
        if name.endswith(".weight_g"):
            continue
        if name.endswith(".weight_v"):
            name = name.removesuffix("_v")
            if f"{name}_g" not in released:
                raise SoundsiftError(f"The codec has a weight {name}_v, but no {name}_g.")
            read = partial(_fold, released, name)
        elif name.endswith(".alpha"):
            read = partial(_flatten, released, name)
        else:
            read = partial(_widen, released, name)
        readers[rename(name, RENAMES, "DAC-VAE")] = read
    return LazyStateDict(readers)


def _fold(weights: Mapping[str, Tensor], name: str) -> Tensor:
    """The plain weight, `length * direction / |direction|`, the norm taken per first index."""
    length, direction = weights[f"{name}_g"].float(), weights[f"{name}_v"].float()
    norm = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
    folded: Tensor = direction * (length / norm)
    return folded


def _flatten(weights: Mapping[str, Tensor], name: str) -> Tensor:
    return weights[name].float().flatten()


def _widen(weights: Mapping[str, Tensor], name: str) -> Tensor:
    return weights[name].float()

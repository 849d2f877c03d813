"""The released codec's weights under our names, with their normalisation multiplied out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from soundsift.checkpoints.released import LazyWeights
from soundsift.errors import SoundsiftError

_PREFIX = "audio_codec."

# Released name (a regular expression) to ours. In the published decoder the mark's layers sit among
# the decoder's own; `{stage}` is the stage of the mark, which counts from the wave on.
_UNIT = r"block\.(\d)\.(.*)"
_UNIT_PARTS = {"0": "snake1", "1": "conv1", "2": "snake2", "3": "conv2"}
_MARK_UNIT_PARTS = {"1": "conv1", "3": "conv2"}
_DECODER_UNITS = {"4": "0", "5": "1", "8": "2"}
_MARK_UNITS = {"6": "unit_out", "7": "unit_in"}
_RENAMES: tuple[tuple[str, str], ...] = (
    (r"encoder\.block\.0\.(.*)", r"encoder.first.\1"),
    (r"encoder\.block\.5\.(.*)", r"encoder.snake.\1"),
    (r"encoder\.block\.6\.(.*)", r"encoder.last.\1"),
    (r"quantizer\.in_proj\.(.*)", r"to_gaussian.\1"),
    (r"quantizer\.out_proj\.(.*)", r"from_latent.\1"),
    (r"decoder\.model\.0\.(.*)", r"decoder.first.\1"),
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


def convert_dac_vae(state_dict: Mapping[str, Tensor]) -> LazyWeights:
    """Rename a released codec's weights for `DacVae` and fold their normalisation.

    Args:
        state_dict: weights under the released names: of the codec alone, or a whole SAM Audio
            checkpoint, of which everything outside `audio_codec.` is passed over.

    Returns:
        Weights for `DacVae.load_state_dict`, strict; float32, each folded when it is read.

    Raises:
        SoundsiftError: if a name is not known, or half of a normalised weight is missing.
    """
    inside = [name for name in state_dict if name.startswith(_PREFIX)]
    prefix = _PREFIX if inside else ""
    makers: dict[str, Callable[[], Tensor]] = {}
    for released in inside or state_dict:
        name = released.removeprefix(prefix)
        if name.endswith(".weight_g"):
            continue
        if name.endswith(".weight_v"):
            name = name.removesuffix("_v")
            if f"{prefix}{name}_g" not in state_dict:
                raise SoundsiftError(f"the codec has a weight {name}_v, but no {name}_g")
            makers[_rename(name)] = partial(_folded, state_dict, prefix + name)
        elif name.endswith(".alpha"):
            makers[_rename(name)] = partial(_flat, state_dict, released)
        else:
            makers[_rename(name)] = partial(_plain, state_dict, released)
    return LazyWeights(makers)


def _folded(weights: Mapping[str, Tensor], name: str) -> Tensor:
    """The plain weight, `length * direction / |direction|`, the norm taken per first index."""
    length, direction = weights[f"{name}_g"].float(), weights[f"{name}_v"].float()
    norm = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
    folded: Tensor = direction * (length / norm)
    return folded


def _flat(weights: Mapping[str, Tensor], name: str) -> Tensor:
    return weights[name].float().flatten()


def _plain(weights: Mapping[str, Tensor], name: str) -> Tensor:
    return weights[name].float()


def _rename(name: str) -> str:
    for pattern, replacement in _RENAMES:
        if match := re.fullmatch(pattern, name):
            return match.expand(replacement)
    if match := re.fullmatch(r"encoder\.block\.([1-4])\.block\.(\d)\.(.*)", name):
        block, layer, rest = match.groups()
        ours = f"encoder.blocks.{int(block) - 1}"
        if layer in "012" and (unit := re.fullmatch(_UNIT, rest)):
            return f"{ours}.units.{layer}.{_UNIT_PARTS[unit[1]]}.{unit[2]}"
        if layer in "34":
            return f"{ours}.{'snake' if layer == '3' else 'down'}.{rest}"
    if match := re.fullmatch(r"decoder\.model\.([1-4])\.block\.(\d+)\.(.*)", name):
        block, layer, rest = match.groups()
        ours, stage = f"decoder.blocks.{int(block) - 1}", f"watermark.stages.{4 - int(block)}"
        if layer in ("0", "1"):
            return f"{ours}.{'snake' if layer == '0' else 'up'}.{rest}"
        if layer in ("3", "11"):
            return f"{stage}.{'up' if layer == '3' else 'down'}.{rest}"
        if unit := re.fullmatch(_UNIT, rest):
            if layer in _DECODER_UNITS:
                return f"{ours}.units.{_DECODER_UNITS[layer]}.{_UNIT_PARTS[unit[1]]}.{unit[2]}"
            if layer in _MARK_UNITS and unit[1] in _MARK_UNIT_PARTS:
                return f"{stage}.{_MARK_UNITS[layer]}.{_MARK_UNIT_PARTS[unit[1]]}.{unit[2]}"
    raise SoundsiftError(f"the codec has a weight {name}, which DAC-VAE has not")

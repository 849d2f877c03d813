"""Adapters: small files that change a model's weights, in PEFT's format for LoRA.

A file of ours is one safetensors file; what PEFT keeps in `adapter_config.json` is in its metadata,
beside the phrase that it was tuned for and a fingerprint of the weights it belongs to. A folder of
PEFT's, `adapter_config.json` and `adapter_model.safetensors`, is read as well. The `peft` library
is not needed.

Layers have the names of `VelocityField`, or those of the released checkpoints, which PEFT gives
them when it is put around the authors' modules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from soundsift.checkpoints import sam_audio
from soundsift.checkpoints.peft_config import PeftConfig
from soundsift.checkpoints.state_dict import LazyStateDict, reader
from soundsift.checkpoints.store import complete_file
from soundsift.config import VelocityFieldConfig
from soundsift.errors import SoundsiftError, one_line
from soundsift.fingerprint import file_digest
from soundsift.models.low_rank import LowRankChange

SUFFIX = ".safetensors"
PEFT_CONFIG, PEFT_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

_PREFIX = "base_model.model."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
#: The entry of a file's metadata that is ours. There is no other: of several, safetensors draws the
#: order, and equal adapters would be different files.
_OWN = "soundsift"
#: Values of each weight that enter a fingerprint: training changes all of them.
_SAMPLED = 256
#: Vectors of a field, the same in every form in which a released model is stored.
_VECTORS = ("norm.weight", "norm1.weight", "norm2.weight", ".bias")
_OF_VECTORS = "vectors:"
#: Not in the names where PEFT was put around the transformer alone.
_TRANSFORMER = "transformer."


class AdapterFacts(BaseModel):
    """What a file says about itself.

    Attributes:
        phrase: the text prompt that it was tuned for.
        model: name of the model that it changes.
        weights: fingerprint of the weights that it changes (`fingerprint`).
        made_by: version of soundsift.
        check: figures of the check on held-out recordings, in dB.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    phrase: str | None = None
    model: str | None = None
    weights: str | None = None
    made_by: str | None = None
    check: dict[str, float] = {}


@dataclass(frozen=True)
class Adapter:
    """An adapter that was read.

    Attributes:
        name: of its file or folder.
        digest: SHA-256 of the file of its weights.
        changes: by the name of the layer.
        facts: what it says about itself; empty for folders of PEFT's.
    """

    name: str
    digest: str
    changes: Mapping[str, LowRankChange]
    facts: AdapterFacts = field(default_factory=AdapterFacts)


def fingerprint(weights: Mapping[str, Tensor], layers: Mapping[str, Any]) -> str:
    """A hash of the weights of some layers, the same however they are stored without loss.

    Args:
        weights: weights by name.
        layers: names of the layers, without `.weight`.
    """
    digest = hashlib.sha256()
    for layer in sorted(layers):
        weight = weights[f"{layer}.weight"]
        flat = weight.flatten()
        sample = flat[:: max(1, len(flat) // _SAMPLED)][:_SAMPLED].float().cpu().contiguous()
        digest.update(f"{layer} {tuple(weight.shape)}\n".encode())
        digest.update(sample.numpy().tobytes())
    return digest.hexdigest()[:32]


def vector_fingerprint(weights: Mapping[str, Tensor]) -> str:
    """A hash of a field's vectors, the same in every form in which a released model is stored.

    Matrices are rounded in some of them, vectors in none.

    Args:
        weights: weights of a `VelocityField`.
    """
    digest = hashlib.sha256()
    for name in sorted(name for name in weights if name.endswith(_VECTORS)):
        vector = weights[name].float().cpu().contiguous()
        digest.update(f"{name} {tuple(vector.shape)}\n".encode())
        digest.update(vector.numpy().tobytes())
    return _OF_VECTORS + digest.hexdigest()[:32]


def save_adapter(
    path: Path, changes: Mapping[str, LowRankChange], facts: AdapterFacts, alpha: float
) -> None:
    """Write an adapter.

    Args:
        path: a file that ends with `.safetensors`; any other name becomes a folder as PEFT writes
            it.
        changes: by the name of the layer.
        facts: what the file says about itself.
        alpha: factor of all products, times their rank.

    Raises:
        OSError: it cannot be written.
    """
    tensors = {}
    for layer, change in changes.items():
        tensors[f"{_PREFIX}{layer}{_DOWN}"] = change.down.float().contiguous()
        tensors[f"{_PREFIX}{layer}{_UP}"] = change.up.float().contiguous()
    ranks = {layer: change.down.shape[0] for layer, change in changes.items()}
    usual = max(ranks.values(), key=list(ranks.values()).count)
    others = {layer: rank for layer, rank in ranks.items() if rank != usual}
    config = {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": facts.model,
        "r": usual,
        "lora_alpha": alpha,
        "alpha_pattern": dict.fromkeys(others, alpha),
        "rank_pattern": others,
        "target_modules": sorted(changes),
        "modules_to_save": None,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
        "inference_mode": True,
    }
    own = facts.model_dump(exclude_none=True)
    if path.suffix == SUFFIX:
        path.parent.mkdir(parents=True, exist_ok=True)
        with complete_file(path) as part:
            save_file(tensors, part, {_OWN: json.dumps(own | {"peft": config})})
        return
    path.mkdir(parents=True, exist_ok=True)
    with complete_file(path / PEFT_WEIGHTS) as part:
        save_file(tensors, part, {_OWN: json.dumps(own)})
    with complete_file(path / PEFT_CONFIG) as part:
        part.write_text(json.dumps(config, indent=2))


def read_facts(path: Path) -> AdapterFacts:
    """What an adapter says about itself; its weights are not read.

    Raises:
        SoundsiftError: there is no such adapter, or it is damaged.
    """
    return _facts(_metadata(_weights_file(path)), path)


def load_adapter(path: str | Path) -> Adapter:
    """Read an adapter.

    Args:
        path: a file of ours or a folder of PEFT's.

    Raises:
        SoundsiftError: there is none, it is damaged, or of a kind that is not supported.
    """
    path = Path(path).expanduser()
    file = _weights_file(path)
    metadata = _metadata(file)
    config = _config(path, metadata)
    try:
        with safe_open(file, "pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, RuntimeError) as error:
        raise SoundsiftError(f"{file}: damaged: {one_line(error)}. Copy it again.") from error
    changes = {}
    for name in tensors:
        layer = name.removeprefix(_PREFIX).removesuffix(_DOWN).removesuffix(_UP)
        if not name.endswith((_DOWN, _UP)):
            raise SoundsiftError(
                f"{file}: {name} is not a weight of LoRA. Only LoRA of linear layers is supported."
            )
        changes[layer] = _change(file, layer, name, tensors, config)
    if not changes:
        raise SoundsiftError(f"{file}: holds no weights. Copy the adapter again.")
    return Adapter(path.name, file_digest(file), changes, _facts(metadata, path))


def apply_adapter(
    adapter: Adapter, weights: Mapping[str, Tensor], model: str
) -> Mapping[str, Tensor]:
    """Weights with an adapter's changes, each made when it is read.

    Args:
        adapter: the adapter.
        weights: all weights, under the names that the adapter uses.
        model: name of the model, for messages.

    Raises:
        SoundsiftError: the adapter was made for other weights.
    """
    refusal = f"Use the model that it was made for, or tune an adapter for {model}."
    of = "" if adapter.facts.model is None else f" ({adapter.facts.model})"
    missing = [layer for layer in adapter.changes if f"{layer}.weight" not in weights]
    if missing:
        raise SoundsiftError(
            f"The adapter {adapter.name} was made for another model{of}: {model} has no layer "
            f"{missing[0]}. {refusal}"
        )
    if adapter.facts.weights is None:
        for layer, change in adapter.changes.items():
            shape = tuple(weights[f"{layer}.weight"].shape)
            if shape != change.shape:
                raise SoundsiftError(
                    f"The adapter {adapter.name} was made for a model of other sizes: it changes "
                    f"{layer} of {change.shape[0]} x {change.shape[1]}, which in {model} is "
                    f"{' x '.join(map(str, shape))}. {refusal}"
                )
    elif _fingerprint(adapter, weights) != adapter.facts.weights:
        raise SoundsiftError(
            f"The adapter {adapter.name} was made for other weights{of} than those of {model}. "
            f"{refusal}"
        )
    readers = {name: reader(weights, name) for name in weights}
    for layer, change in adapter.changes.items():
        readers[f"{layer}.weight"] = partial(_changed, readers[f"{layer}.weight"], change)
    return LazyStateDict(readers)


def under_our_names(adapter: Adapter, config: VelocityFieldConfig, model: str) -> Adapter:
    """An adapter whose layers have the names of `VelocityField`.

    Args:
        adapter: under these names, or the released ones.
        config: sizes of the field that it is for.
        model: name of the model, for messages.

    Raises:
        SoundsiftError: the adapter was made for a field of other sizes.
    """
    changes = dict(adapter.changes)
    if all(layer.startswith("layers.") for layer in changes):
        changes = {_TRANSFORMER + layer: change for layer, change in changes.items()}
    if not sam_audio.are_released_layers(changes):
        return adapter
    try:
        return replace(adapter, changes=sam_audio.convert_changes(changes, config))
    except SoundsiftError as error:
        of = "" if adapter.facts.model is None else f" ({adapter.facts.model})"
        raise SoundsiftError(
            f"The adapter {adapter.name} was made for another model{of} than {model}: {error} "
            f"Use the model that it was made for, or tune an adapter for {model}."
        ) from error


def _fingerprint(adapter: Adapter, weights: Mapping[str, Tensor]) -> str:
    """The fingerprint of weights, of the kind that an adapter holds."""
    if str(adapter.facts.weights).startswith(_OF_VECTORS):
        return vector_fingerprint(weights)
    return fingerprint(weights, adapter.changes)


def _changed(read: Any, change: LowRankChange) -> Tensor:
    return change.added_to(read())


def _weights_file(path: Path) -> Path:
    if path.is_dir():
        if (path / PEFT_WEIGHTS).is_file() and (path / PEFT_CONFIG).is_file():
            return path / PEFT_WEIGHTS
        raise SoundsiftError(
            f"{path}: not an adapter. Use a file that `soundsift tune` wrote, or a folder with "
            f"{PEFT_CONFIG} and {PEFT_WEIGHTS}."
        )
    if not path.is_file():
        raise SoundsiftError(f"{path}: no such adapter. Make one with `soundsift tune`.")
    return path


def _metadata(file: Path) -> dict[str, str]:
    try:
        with safe_open(file, "pt") as opened:
            return dict(opened.metadata() or {})
    except (SafetensorError, OSError, RuntimeError) as error:
        raise SoundsiftError(
            f"{file}: not an adapter, or damaged: {one_line(error)}. Use a file that "
            "`soundsift tune` wrote."
        ) from error


def _facts(metadata: Mapping[str, str], path: Path) -> AdapterFacts:
    try:
        return AdapterFacts.model_validate_json(metadata.get(_OWN, "{}"))
    except ValidationError as error:
        raise SoundsiftError(f"{path}: damaged: {one_line(error)}. Copy it again.") from error


def _config(path: Path, metadata: Mapping[str, str]) -> PeftConfig:
    try:
        if path.is_dir():
            text = (path / PEFT_CONFIG).read_text()
            config = PeftConfig.model_validate_json(text)
        elif _OWN in metadata:
            config = PeftConfig.model_validate(json.loads(metadata[_OWN]).get("peft"))
        else:
            raise SoundsiftError(
                f"{path}: not an adapter. Use a file that `soundsift tune` wrote, or the folder "
                f"that holds {PEFT_CONFIG}."
            )
    except (OSError, ValueError) as error:  # pydantic's and JSON's errors are ValueErrors
        raise SoundsiftError(f"{path}: not an adapter's settings: {one_line(error)}.") from error
    if found := config.unsupported():
        raise SoundsiftError(
            f"{path}: adapters with {found[0]} are not supported. Train plain LoRA of linear "
            "layers."
        )
    return config


def _change(
    file: Path, layer: str, name: str, tensors: Mapping[str, Tensor], config: PeftConfig
) -> LowRankChange:
    stem = name.removesuffix(_DOWN).removesuffix(_UP)
    down, up = tensors.get(stem + _DOWN), tensors.get(stem + _UP)
    if down is not None and down.ndim != 2:
        raise SoundsiftError(
            f"{file}: {layer} is not a linear layer. Only LoRA of linear layers is supported."
        )
    if down is None or up is None or down.ndim != 2 or up.ndim != 2 or len(down) != up.shape[1]:
        raise SoundsiftError(
            f"{file}: the weights of {layer} do not fit together. Copy the adapter again."
        )
    if not (torch.isfinite(down).all() and torch.isfinite(up).all()):
        raise SoundsiftError(f"{file}: {layer} has NaN or infinite weights. Train it again.")
    rank = len(down)
    if rank != config.rank(layer):
        raise SoundsiftError(
            f"{file}: {layer} has rank {rank}, but the adapter's settings say "
            f"{config.rank(layer)}. Copy the whole adapter again."
        )
    return LowRankChange(down, up, config.scale(layer))

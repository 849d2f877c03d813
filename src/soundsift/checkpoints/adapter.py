"""Adapters: small files that change a model's weights, in PEFT's format for LoRA.

A file of ours is one safetensors file; what PEFT keeps in `adapter_config.json` is in its metadata,
beside the phrase that it was tuned for and a fingerprint of the weights it belongs to. A folder of
PEFT's, `adapter_config.json` and `adapter_model.safetensors`, is read as well. The `peft` library
is not needed.

Layers have the names of `VelocityField`, or those of the released checkpoints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from soundsift.checkpoints.state_dict import LazyStateDict, reader
from soundsift.checkpoints.store import complete_file
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
_LARGEST_RANK = 1024


class _PeftConfig(BaseModel):
    """The part of PEFT's `adapter_config.json` that decides what the weights mean."""

    model_config = ConfigDict(extra="ignore")

    peft_type: str
    r: int = Field(gt=0, le=_LARGEST_RANK)
    lora_alpha: float
    bias: str = "none"
    fan_in_fan_out: bool = False
    use_rslora: bool = False
    use_dora: bool = False
    modules_to_save: list[str] | None = None
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}


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
        different = any(
            weights[f"{layer}.weight"].shape != change.shape
            for layer, change in adapter.changes.items()
        )
    else:
        different = fingerprint(weights, adapter.changes) != adapter.facts.weights
    if different:
        raise SoundsiftError(
            f"The adapter {adapter.name} was made for other weights{of} than those of {model}. "
            f"{refusal}"
        )
    readers = {name: reader(weights, name) for name in weights}
    for layer, change in adapter.changes.items():
        readers[f"{layer}.weight"] = partial(_changed, readers[f"{layer}.weight"], change)
    return LazyStateDict(readers)


def uses_names_of(adapter: Adapter, weights: Mapping[str, Tensor]) -> bool:
    """Whether all layers of an adapter are among some weights."""
    return all(f"{layer}.weight" in weights for layer in adapter.changes)


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


def _config(path: Path, metadata: Mapping[str, str]) -> _PeftConfig:
    try:
        if path.is_dir():
            text = (path / PEFT_CONFIG).read_text()
            config = _PeftConfig.model_validate_json(text)
        elif _OWN in metadata:
            config = _PeftConfig.model_validate(json.loads(metadata[_OWN]).get("peft"))
        else:
            raise SoundsiftError(
                f"{path}: not an adapter. Use a file that `soundsift tune` wrote, or the folder "
                f"that holds {PEFT_CONFIG}."
            )
    except (OSError, ValueError) as error:  # pydantic's and JSON's errors are ValueErrors
        raise SoundsiftError(f"{path}: not an adapter's settings: {one_line(error)}.") from error
    unsupported = {
        f"type {config.peft_type}": config.peft_type != "LORA",
        "DoRA": config.use_dora,
        "trained biases": config.bias != "none",
        "whole layers beside LoRA": bool(config.modules_to_save),
        "transposed weights": config.fan_in_fan_out,
    }
    if found := [what for what, there in unsupported.items() if there]:
        raise SoundsiftError(
            f"{path}: adapters with {found[0]} are not supported. Train plain LoRA of linear "
            "layers."
        )
    return config


def _change(
    file: Path, layer: str, name: str, tensors: Mapping[str, Tensor], config: _PeftConfig
) -> LowRankChange:
    stem = name.removesuffix(_DOWN).removesuffix(_UP)
    down, up = tensors.get(stem + _DOWN), tensors.get(stem + _UP)
    if down is None or up is None or down.ndim != 2 or up.ndim != 2 or len(down) != up.shape[1]:
        raise SoundsiftError(
            f"{file}: the weights of {layer} do not fit together. Copy the adapter again."
        )
    if not (torch.isfinite(down).all() and torch.isfinite(up).all()):
        raise SoundsiftError(f"{file}: {layer} has NaN or infinite weights. Train it again.")
    rank = len(down)
    alpha = next(
        (value for key, value in config.alpha_pattern.items() if layer.endswith(key)),
        config.lora_alpha,
    )
    return LowRankChange(down, up, alpha / (rank**0.5 if config.use_rslora else rank))

"""Models rewritten in our form, one safetensors file per component, and checked.

| file | component | types |
|---|---|---|
| `model.safetensors` | the velocity field | float32, bfloat16 or int8 with scales |
| `codec.safetensors` | DAC-VAE | float32: in bfloat16 its sound is 19 dB off |
| `vision.safetensors` | the vision encoder | float32 or bfloat16 |
| `text_encoder/` | the text encoder, of models that bring one along | as it came |
| `config.yaml` | what it looks like | |
| `manifest.json` | SHA-256 and size of each of these | |
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from soundsift.audio import ensure_writable
from soundsift.checkpoints.hub import check_fit
from soundsift.checkpoints.int8 import quantise
from soundsift.checkpoints.load import (
    CODEC_WEIGHTS,
    TEXT_ENCODER,
    VISION_WEIGHTS,
    Parts,
    open_parts,
)
from soundsift.checkpoints.store import CONFIG, WEIGHTS, complete_file
from soundsift.config import DacVaeConfig
from soundsift.errors import SoundsiftError
from soundsift.fingerprint import file_digest
from soundsift.models.dac_vae import DacVae
from soundsift.models.pe_vision import PeVision
from soundsift.models.velocity_field import VelocityField
from soundsift.version import __version__

MANIFEST = "manifest.json"
Stored = Literal["float32", "bfloat16", "int8"]

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.bfloat16}


def convert(source: Path, folder: Path, stored: Stored, overwrite: bool = False) -> list[Path]:
    """Rewrite a model in our form.

    Args:
        source: its folder, of either form.
        folder: where to; made if missing.
        stored: type of the velocity field's matrices. Vectors stay float32. With int8 all other
            matrices are bfloat16.
        overwrite: whether files that exist may be replaced.

    Returns:
        The files written; the manifest is the last, so a folder that has it is whole.

    Raises:
        SoundsiftError: if the model is missing or damaged, files exist or can't be written, or
            torchao, which int8 takes, is not installed.
    """
    parts = open_parts(source)
    if folder.resolve() == source.resolve():
        raise SoundsiftError(f"{folder} is the model itself; another folder was expected.")
    jobs: dict[str, Callable[[], dict[str, Tensor]]] = {
        WEIGHTS: lambda: _field_weights(parts.field, stored)
    }
    if isinstance(parts.config.codec, DacVaeConfig):
        jobs[CODEC_WEIGHTS] = lambda: dict(parts.codec)
    vision_encoder = parts.vision_encoder
    if vision_encoder is not None:
        jobs[VISION_WEIGHTS] = lambda: _cast(vision_encoder(), _DTYPES[stored])
    texts = _text_encoder_files(source)
    if left := sorted(set(_text_encoder_files(folder)) - set(texts)):
        raise SoundsiftError(
            f"{folder / left[0]} is of another model's text encoder, which would be used with this "
            "one; another folder was expected."
        )
    names = [*jobs, *texts, CONFIG, MANIFEST]
    for name in names:
        ensure_writable(folder / name, overwrite=overwrite)
    _check_parts(source)
    if stored == "int8":
        quantise({})  # so that nothing is written, or removed, where torchao is missing
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for name, weights in jobs.items():
            with complete_file(folder / name) as part:
                _save(weights(), part)
        for name in texts:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with complete_file(folder / name) as part:
                shutil.copyfile(source / name, part)
        with complete_file(folder / CONFIG) as part:
            part.write_text(
                yaml.safe_dump(parts.config.model_dump(mode="json"), sort_keys=False),
                encoding="utf-8",
            )
        manifest = {
            "soundsift": __version__,
            "name": parts.config.name,
            "stored": stored,
            "files": {name: _identity(folder / name) for name in [*jobs, *texts, CONFIG]},
        }
        with complete_file(folder / MANIFEST) as part:
            part.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SoundsiftError(
            f"{folder} can't be written ({error.strerror or error}); a writable folder with room "
            "was expected."
        ) from error
    return [folder / name for name in names]


def verify(folder: Path) -> dict[str, Any]:
    """Check a model: its manifest's sums if it has one, then every name, shape and number.

    Args:
        folder: of either form.

    Returns:
        What was checked: `files` with their sums (empty for a model without manifest), `weights`
        and `parameters`, counted.

    Raises:
        SoundsiftError: if anything is wrong; the message names it.
    """
    files = _check_manifest(folder)
    parts = open_parts(folder)
    _check_parts(folder)
    weights = parameters = 0
    for component in _components(parts):
        for name in component:
            tensor = component[name]
            weights += 1
            parameters += tensor.numel()
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise SoundsiftError(f"{folder}: {name} holds NaN or infinite values: damaged.")
    return {"files": files, "weights": weights, "parameters": parameters}


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What `convert` noted; None for a model that it has not written.

    Raises:
        SoundsiftError: if the file is damaged.
    """
    file = folder / MANIFEST
    if not file.is_file():
        return None
    try:
        manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        dict(manifest["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise SoundsiftError(f"{file}: not a manifest, or damaged: {error}.") from error
    return manifest


def _check_manifest(folder: Path) -> dict[str, str]:
    manifest = read_manifest(folder)
    sums: dict[str, str] = {}
    for name, noted in (manifest or {"files": {}})["files"].items():
        path = folder / name
        if not path.is_file():
            raise SoundsiftError(f"{folder}: {name} is missing, which its manifest lists.")
        found = _identity(path)
        if found != noted:
            raise SoundsiftError(
                f"{path}: is not the file that was written: SHA-256 {found['sha256'][:12]}..., "
                f"{noted['sha256'][:12]}... was expected."
            )
        sums[name] = found["sha256"]
    return sums


def _components(parts: Parts) -> Iterator[Mapping[str, Tensor]]:
    yield parts.field
    yield parts.codec
    if parts.vision_encoder is not None:
        yield parts.vision_encoder()


def _text_encoder_files(source: Path) -> list[str]:
    """The files of a text encoder that lies beside a model, relative to the model."""
    files = sorted(path for path in (source / TEXT_ENCODER).rglob("*") if path.is_file())
    return [path.relative_to(source).as_posix() for path in files]


def _check_parts(source: Path) -> None:
    """Names and shapes of every component against modules without memory."""
    parts = open_parts(source, shapes_only=True)
    with torch.device("meta"):
        modules: list[nn.Module] = [VelocityField(parts.config.field)]
        if isinstance(parts.config.codec, DacVaeConfig):
            modules.append(DacVae(parts.config.codec))
        else:
            modules.append(nn.Module())
        if parts.config.vision is not None:
            modules.append(PeVision(parts.config.vision))
    for module, component in zip(modules, _components(parts), strict=True):
        check_fit(module, component, source)


def _field_weights(weights: Mapping[str, Tensor], stored: Stored) -> dict[str, Tensor]:
    if stored == "int8":
        # One at a time: the whole field in float32 may be twelve gigabytes.
        return {
            part: tensor if tensor.dtype == torch.int8 else _cast_one(tensor, torch.bfloat16)
            for name in weights
            for part, tensor in quantise({name: weights[name]}).items()
        }
    return _cast(weights, _DTYPES[stored])


def _save(weights: Mapping[str, Tensor], path: Path) -> None:
    try:
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path)
    except SafetensorError as error:  # so the library reports a full disk
        raise OSError(str(error)) from error


def _cast(weights: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: _cast_one(weights[name], dtype) for name in weights}


def _cast_one(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    # Vectors are small and touchy.
    return tensor.to(dtype) if tensor.ndim >= 2 else tensor.float()


def _identity(path: Path) -> dict[str, Any]:
    return {"sha256": file_digest(path), "bytes": path.stat().st_size}

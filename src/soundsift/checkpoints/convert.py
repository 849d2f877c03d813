"""Convert models into our form, one safetensors file per component, and verify them.

| file | component | types |
|---|---|---|
| `model.safetensors` | the velocity field | float32, bfloat16 or int8 with scales |
| `codec.safetensors` | DAC-VAE | float32: bfloat16 changes its sound by 19 dB |
| `vision.safetensors` | the vision encoder | float32 or bfloat16 |
| `text_encoder/` | the text encoder, of models that bring one along | as it came |
| `config.yaml` | the configuration | |
| `manifest.json` | SHA-256 and size of each of these | |
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from soundsift.audio import ensure_writable
from soundsift.checkpoints.load import (
    CODEC_WEIGHTS,
    TEXT_ENCODER,
    VISION_WEIGHTS,
    StoredModel,
    open_model,
)
from soundsift.checkpoints.manifest import MANIFEST, Manifest, check_files, identify
from soundsift.checkpoints.state_dict import check_fit
from soundsift.checkpoints.store import CONFIG, WEIGHTS, Stored, complete_file, encode
from soundsift.config import DacVaeConfig
from soundsift.errors import SoundsiftError
from soundsift.models.dac_vae import DacVae
from soundsift.models.pe_vision import PeVision
from soundsift.models.velocity_field import VelocityField
from soundsift.version import __version__


def convert(source: Path, folder: Path, stored: Stored, overwrite: bool = False) -> list[Path]:
    """Rewrite a model in our form.

    Args:
        source: the model's folder, of either form.
        folder: where to; made if missing.
        stored: type of the velocity field's matrices. Vectors stay float32. With int8 all other
            matrices are bfloat16.
        overwrite: whether files that exist may be replaced.

    Returns:
        The files written; the manifest is the last, so a folder that has it is whole.

    Raises:
        SoundsiftError: if the model is missing or damaged, or files exist or can't be written.
    """
    if folder.resolve() == source.resolve():
        raise SoundsiftError(f"{folder} is the model itself; choose another folder.")
    check_files(source)
    model = open_model(source)
    jobs: dict[str, Callable[[], dict[str, Tensor]]] = {
        WEIGHTS: lambda: encode(model.field, stored)
    }
    if isinstance(model.config.codec, DacVaeConfig):
        jobs[CODEC_WEIGHTS] = lambda: dict(model.codec)
    vision_encoder = model.vision_encoder
    if vision_encoder is not None:
        half: Stored = "bfloat16" if stored == "int8" else stored
        jobs[VISION_WEIGHTS] = lambda: encode(vision_encoder, half)
    texts = _text_encoder_files(source)
    if left := sorted(set(_text_encoder_files(folder)) - set(texts)):
        raise SoundsiftError(
            f"{folder / left[0]} is of another model's text encoder, which would be used with this "
            "one; choose another folder."
        )
    names = [*jobs, *texts, CONFIG, MANIFEST]
    for name in names:
        ensure_writable(folder / name, overwrite=overwrite)
    _check_shapes(source)
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
                yaml.safe_dump(model.config.model_dump(mode="json"), sort_keys=False),
                encoding="utf-8",
            )
        manifest = Manifest(
            soundsift=__version__,
            name=model.config.name,
            stored=stored,
            files={name: identify(folder / name) for name in [*jobs, *texts, CONFIG]},
        )
        with complete_file(folder / MANIFEST) as part:
            part.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SoundsiftError(
            f"{folder} can't be written ({error.strerror or error}); choose a writable folder with "
            "room on its disk."
        ) from error
    return [folder / name for name in names]


def verify(folder: Path) -> dict[str, Any]:
    """Check a model: the sums of its manifest if it has one, then every name, shape and value.

    Args:
        folder: the model's folder, of either form.

    Returns:
        What was checked: `files` with their sums (empty for a model without manifest), `weights`
        and `parameters`, counted.

    Raises:
        SoundsiftError: if anything is wrong; the message names it.
    """
    files = check_files(folder)
    model = open_model(folder)
    _check_shapes(folder)
    weights = parameters = 0
    for component in _components(model):
        for name in component:
            weights += 1
            parameters += component[name].numel()  # reading refuses values that are not finite
    return {"files": files, "weights": weights, "parameters": parameters}


def _components(model: StoredModel) -> Iterator[Mapping[str, Tensor]]:
    yield model.field
    yield model.codec
    if model.vision_encoder is not None:
        yield model.vision_encoder


def _text_encoder_files(source: Path) -> list[str]:
    """The files of a text encoder that lies beside a model, relative to the model."""
    files = sorted(path for path in (source / TEXT_ENCODER).rglob("*") if path.is_file())
    return [path.relative_to(source).as_posix() for path in files]


def _check_shapes(source: Path) -> None:
    """Compare names and shapes of every component with those of modules on the meta device."""
    model = open_model(source, shapes_only=True)
    with torch.device("meta"):
        modules: list[nn.Module] = [VelocityField(model.config.field)]
        if isinstance(model.config.codec, DacVaeConfig):
            modules.append(DacVae(model.config.codec))
        else:
            modules.append(nn.Module())
        if model.config.vision is not None:
            modules.append(PeVision(model.config.vision))
    for module, component in zip(modules, _components(model), strict=True):
        check_fit(module, component, source)


def _save(weights: Mapping[str, Tensor], path: Path) -> None:
    try:
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path)
    except SafetensorError as error:  # so the library reports a full disk
        raise OSError(str(error)) from error

"""Released SAM Audio models as they come: `config.json` and `checkpoint.pt`.

The checkpoint holds the velocity field, the codec and the vision encoder (with a text encoder that
nothing uses). It is mapped, not read: what is not asked for is never in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from soundsift.checkpoints.hub import map_pickle, read_config
from soundsift.checkpoints.pe_vision import PE_CORE_L14_336
from soundsift.checkpoints.state_dict import PassingWeights
from soundsift.config import (
    DacVaeConfig,
    SeparatorConfig,
    TransformerConfig,
    VelocityFieldConfig,
)
from soundsift.errors import SoundsiftError

CHECKPOINT = "checkpoint.pt"

_VISION_ENCODERS = {"PE-Core-L14-336": PE_CORE_L14_336}

_TEXT_ENCODERS = ("t5-base", "google-t5/t5-base")

#: What the models were trained on and are asked for: windows of 20 s that overlap by 5 s.
_WINDOW_SECONDS, _OVERLAP_SECONDS = 20.0, 5.0


def read_released_config(folder: Path) -> SeparatorConfig:
    """What a released model looks like, from its `config.json`.

    Raises:
        SoundsiftError: if the file is missing or damaged, or describes something else.
    """
    given = read_config(folder)
    try:
        _refuse_others(given, folder / "config.json")
        return _separator_config(_name(folder), given)
    except (AttributeError, KeyError, TypeError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise SoundsiftError(
            f"{folder / 'config.json'}: not the configuration of a SAM Audio model: {reason}."
        ) from error


def _name(folder: Path) -> str:
    """A model's name: that on the Hub where the folder lies in its cache."""
    snapshots = folder.absolute().parent
    kind, *owner_and_model = snapshots.parent.name.split("--")
    if snapshots.name == "snapshots" and kind == "models" and owner_and_model:
        return "/".join(owner_and_model)
    return folder.absolute().name


def _refuse_others(given: Mapping[str, Any], file: Path) -> None:
    """Refuse what would be computed otherwise than here; what is not said is as published."""
    vision, transformer = given["vision_encoder"], given["transformer"]
    vision_encoder = _VISION_ENCODERS.get(vision.get("name", "PE-Core-L14-336"))
    checks: list[tuple[str, object, tuple[object, ...]]] = [
        ("text_encoder.name", given["text_encoder"].get("name", "t5-base"), _TEXT_ENCODERS),
        ("vision_encoder.name", vision.get("name", "PE-Core-L14-336"), tuple(_VISION_ENCODERS)),
        ("vision_encoder.normalize_feature", vision.get("normalize_feature", True), (True,)),
        (
            "vision_encoder.interpolation_mode",
            vision.get("interpolation_mode", "BICUBIC"),
            ("BICUBIC",),
        ),
        ("transformer.fc_bias", transformer.get("fc_bias", False), (False,)),
    ]
    if vision_encoder is not None:
        size = vision.get("image_size", vision_encoder.image_size)
        checks.append(("vision_encoder.image_size", size, (vision_encoder.image_size,)))
    for field, value, known in checks:
        if value not in known:
            raise SoundsiftError(
                f"{file}: {field} is {value!r}, which soundsift has not; "
                f"{' or '.join(map(repr, known))} was expected."
            )


def _separator_config(name: str, given: Mapping[str, Any]) -> SeparatorConfig:
    sizes, codec = given["transformer"], given["audio_codec"]
    # Two thirds of four times the width, as SwiGLU has three matrices, in whole multiples.
    hidden = int(2 * sizes.get("ffn_exp", 4) * sizes["dim"] / 3)
    multiple = sizes.get("multiple_of", 64)
    transformer = TransformerConfig(
        dim=sizes["dim"],
        heads=sizes["n_heads"],
        layers=sizes["n_layers"],
        ffn_hidden=-(-hidden // multiple) * multiple,
        text_dim=given["text_encoder"]["dim"],
        out_channels=sizes.get("out_channels", 2 * codec["codebook_dim"]),
        norm_eps=sizes.get("norm_eps", 1e-5),
        dropout=sizes.get("dropout", 0.1),
        qk_norm=sizes.get("qk_norm", True),
        rope_theta=max(10_000.0, 2.0 * sizes.get("max_positions", 10_000)),
        time_embedding_dim=sizes.get("frequency_embedding_dim", 256),
    )
    return SeparatorConfig(
        name=name,
        codec=DacVaeConfig(
            **{key: codec[key] for key in DacVaeConfig.model_fields if key in codec}
        ),
        prediction="velocity",
        text_encoder="t5-base",
        field=VelocityFieldConfig(
            latent_channels=codec["codebook_dim"],
            # The noisy stems are the first of the field's input channels.
            context_channels=given["in_channels"] - 2 * codec["codebook_dim"],
            anchor_count=given["num_anchors"],
            anchor_dim=given["anchor_embedding_dim"],
            video_dim=given["vision_encoder"]["dim"],
            transformer=transformer,
        ),
        vision=_VISION_ENCODERS[given["vision_encoder"].get("name", "PE-Core-L14-336")],
        span_predictor=f"facebook/{given.get('span_predictor') or 'pe-a-frame-large'}",
        window_seconds=_WINDOW_SECONDS,
        overlap_seconds=_OVERLAP_SECONDS,
    )


def map_checkpoint(folder: Path) -> Mapping[str, Tensor]:
    """A released checkpoint's weights, each mapped while it is read; no code in it is run.

    Raises:
        SoundsiftError: if it is missing or damaged.
    """
    file = folder / CHECKPOINT
    if not file.is_file():
        raise SoundsiftError(
            f"{folder}: has no {CHECKPOINT}; fetch the whole model, for example with `hf download`."
        )
    return PassingWeights(map_pickle(file))

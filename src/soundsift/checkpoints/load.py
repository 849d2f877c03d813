"""From a model's folder to networks, ready to run; only those that separation needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn

from soundsift.checkpoints.dac_vae import convert_dac_vae
from soundsift.checkpoints.hub import check_names, fill
from soundsift.checkpoints.int8 import restored
from soundsift.checkpoints.pe_vision import convert_pe_vision
from soundsift.checkpoints.released import convert_velocity_field
from soundsift.checkpoints.sam_audio import map_checkpoint, read_released_config
from soundsift.checkpoints.state_dict import WeightsFile, read_shapes
from soundsift.checkpoints.store import CONFIG, WEIGHTS, load_config
from soundsift.config import (
    DacVaeConfig,
    MelCodecConfig,
    PeVisionConfig,
    SeparatorConfig,
)
from soundsift.errors import SoundsiftError
from soundsift.models.codec import Codec
from soundsift.models.components import ModelComponents, SpanPredictor, TextEncoder
from soundsift.models.dac_vae import DacVae
from soundsift.models.dac_vae_tiled import optimise_for_inference
from soundsift.models.inference import InferenceField
from soundsift.models.mel_codec import MelCodec
from soundsift.models.pe_vision import PeVision
from soundsift.models.watermark import draw_message
from soundsift.models.waveform_codec import WaveformCodec

#: Beside the weights, in models that bring their text encoder along.
TEXT_ENCODER = "text_encoder"
SPAN_PREDICTOR = "span_predictor"
CODEC_WEIGHTS, VISION_WEIGHTS = "codec.safetensors", "vision.safetensors"


@dataclass(frozen=True)
class Parts:
    """A model on disk, its weights by component and under our names.

    Attributes:
        config: what it looks like.
        field: weights of the velocity field.
        codec: weights of the codec; empty if it has none.
        vision_encoder: reads the weights of the vision encoder; None if there is none.
    """

    config: SeparatorConfig
    field: Mapping[str, Tensor]
    codec: Mapping[str, Tensor]
    vision_encoder: Callable[[], Mapping[str, Tensor]] | None = None


def open_parts(folder: Path, shapes_only: bool = False) -> Parts:
    """Open a model: a folder of ours, or a released one as it comes.

    Args:
        folder: of the model.
        shapes_only: whether weights come on the meta device, without their numbers, of which then
            none is read.

    Raises:
        SoundsiftError: if something is missing or damaged.
    """
    if not (folder / CONFIG).is_file() and (folder / "config.json").is_file():
        config, checkpoint = read_released_config(folder), map_checkpoint(folder)
        if shapes_only:
            checkpoint = {
                name: torch.empty_like(tensor, device="meta") for name, tensor in checkpoint.items()
            }
        return Parts(
            config,
            convert_velocity_field(checkpoint),
            convert_dac_vae(checkpoint),
            partial(convert_pe_vision, checkpoint),
        )
    config = load_config(folder)
    read: Callable[[Path], Mapping[str, Tensor]] = read_shapes if shapes_only else WeightsFile
    codec: Mapping[str, Tensor] = {}
    if isinstance(config.codec, DacVaeConfig):
        codec = read(folder / CODEC_WEIGHTS)
    vision_encoder = None
    if config.vision is not None:
        vision_encoder = partial(read, folder / VISION_WEIGHTS)
    return Parts(config, restored(read(folder / WEIGHTS)), codec, vision_encoder)


def build_components(
    folder: Path, device: torch.device, dtype: torch.dtype, watermark_seed: int | None = None
) -> tuple[SeparatorConfig, ModelComponents]:
    """Build a model's networks and fill them.

    Args:
        folder: of the model.
        device: where to compute.
        dtype: of the velocity field's products.
        watermark_seed: seed of the watermarks to hide in the stems, if the model's decoder can;
            None hides none.

    Raises:
        SoundsiftError: if something is missing or damaged, weights and configuration disagree, or
            a watermark is asked of a model whose decoder can't.
    """
    parts = open_parts(folder)
    config = parts.config
    if watermark_seed is not None and not isinstance(config.codec, DacVaeConfig):
        raise SoundsiftError(
            f"watermark_seed {watermark_seed} was given for the model {config.name}, whose decoder "
            "hides no watermarks. Leave it out, or use a model with the released codec."
        )
    # The largest last: what building the others takes for a moment is then no addition to it.
    text = _build_text_encoder(config, folder, device)
    codec = _build_codec(config.codec, parts.codec, folder, device, watermark_seed)
    try:
        field = InferenceField(config.field, parts.field, dtype, device)
    except KeyError as error:
        check_names([str(error.args[0])], [], [], folder)
        raise  # not reached: one name is missing
    except SoundsiftError as error:
        raise SoundsiftError(f"{folder}: {error}") from error
    except RuntimeError as error:
        raise SoundsiftError(f"{folder}: weights and configuration disagree: {error}") from error
    vision_encoder = None
    if parts.vision_encoder is not None and config.vision is not None:
        vision_encoder = partial(
            _build_vision_encoder, config.vision, parts.vision_encoder, folder, device
        )
    predictor = None
    if config.span_predictor is not None:
        # Built when first asked for, then kept: a folder of recordings asks again and again.
        predictor = cache(partial(_build_span_predictor, config.span_predictor, folder, device))
    return config, ModelComponents(
        field, config.prediction, codec, text, device, vision_encoder, predictor
    )


def _build_span_predictor(name: str, folder: Path, device: torch.device) -> SpanPredictor:
    # Imported here: it asks for libraries that the default model does not need.
    from soundsift.checkpoints.pe_a_frame import load_span_predictor

    own = folder / SPAN_PREDICTOR
    return load_span_predictor(own if own.is_dir() else name, device)


def _build_vision_encoder(
    config: PeVisionConfig,
    weights: Callable[[], Mapping[str, Tensor]],
    folder: Path,
    device: torch.device,
) -> PeVision:
    with torch.device("meta"):
        vision_encoder = PeVision(config)
    read = weights()
    fill(vision_encoder, {name: read[name].to(device, torch.float32) for name in read}, folder)
    return vision_encoder.eval().requires_grad_(False)


def _build_codec(
    config: MelCodecConfig | DacVaeConfig,
    weights: Mapping[str, Tensor],
    folder: Path,
    device: torch.device,
    watermark_seed: int | None,
) -> Codec:
    if isinstance(config, MelCodecConfig):
        return MelCodec(config).to(device)
    with torch.device("meta"):
        vae: nn.Module = DacVae(config)
    fill(vae, {name: weights[name].to(device, torch.float32) for name in weights}, folder)
    assert isinstance(vae, DacVae)
    vae.eval().requires_grad_(False)
    if device.type == "cpu":
        optimise_for_inference(vae, keep_weights=False)
    messages = None if watermark_seed is None else draw_message(watermark_seed, 2).to(device)
    return WaveformCodec(vae, messages=messages)


def _build_text_encoder(config: SeparatorConfig, folder: Path, device: torch.device) -> TextEncoder:
    # Imported here: each asks for libraries that the other does not need.
    if config.text_encoder == "minilm":
        from soundsift.checkpoints.minilm import TextEncoder as MiniLMTextEncoder

        return MiniLMTextEncoder(device)
    from soundsift.checkpoints.t5 import T5TextEncoder

    own = folder / TEXT_ENCODER
    return T5TextEncoder(own if own.is_dir() else config.text_encoder, device)

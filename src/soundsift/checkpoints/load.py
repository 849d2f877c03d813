"""Load a model: from its folder to the components that separation needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor

from soundsift.checkpoints import dac_vae, pe_vision, sam_audio
from soundsift.checkpoints.adapter import (
    Adapter,
    apply_adapter,
    load_adapter,
    under_our_names,
)
from soundsift.checkpoints.hearing import Hearing, default_folder, load_hearing
from soundsift.checkpoints.int8 import from_int8
from soundsift.checkpoints.manifest import check_files_once
from soundsift.checkpoints.state_dict import (
    Module,
    build,
    finite,
    read_safetensors,
    read_shapes,
)
from soundsift.checkpoints.store import CONFIG, WEIGHTS, load_config
from soundsift.config import (
    DacVaeConfig,
    MelCodecConfig,
    SeparatorConfig,
    VelocityFieldConfig,
)
from soundsift.errors import SoundsiftError, one_line
from soundsift.models.codec import Codec
from soundsift.models.components import (
    AppliedAdapter,
    ModelComponents,
    Rankers,
    SpanPredictor,
    TextEncoder,
)
from soundsift.models.dac_vae import DacVae
from soundsift.models.dac_vae_tiled import optimise_for_inference
from soundsift.models.inference import InferenceField
from soundsift.models.mel_codec import MelCodec
from soundsift.models.pe_vision import PeVision
from soundsift.models.watermark import draw_message
from soundsift.models.waveform_codec import WaveformCodec

#: Beside the weights, in models that bring their text encoder along.
TEXT_ENCODER = "text_encoder"
SPAN_PREDICTOR, HEARING = "span_predictor", "hearing"
CODEC_WEIGHTS, VISION_WEIGHTS = "codec.safetensors", "vision.safetensors"


@dataclass(frozen=True)
class StoredModel:
    """A model on disk: its weights by component, under our names, each read when asked for.

    Attributes:
        config: the model's configuration.
        field: weights of the velocity field.
        codec: weights of the codec; empty if it has none.
        vision_encoder: weights of the vision encoder; None if there is none.
    """

    config: SeparatorConfig
    field: Mapping[str, Tensor]
    codec: Mapping[str, Tensor]
    vision_encoder: Mapping[str, Tensor] | None = None


def open_model(
    folder: Path, shapes_only: bool = False, adapter: Adapter | None = None
) -> StoredModel:
    """Open a model: a folder of ours, or a released one as it comes.

    Args:
        folder: the model's folder.
        shapes_only: whether weights come on the meta device; then no values are read.
        adapter: changes of the velocity field's weights, under our names or the released ones.

    Raises:
        SoundsiftError: if something is missing or damaged, or the adapter was made for other
            weights.
    """
    if not (folder / CONFIG).is_file() and (folder / "config.json").is_file():
        config = sam_audio.load_config(folder)
        checkpoint: Mapping[str, Tensor] = sam_audio.map_checkpoint(folder)
        if shapes_only:
            checkpoint = {
                name: torch.empty_like(tensor, device="meta") for name, tensor in checkpoint.items()
            }
        weights: Mapping[str, Tensor] = sam_audio.convert(checkpoint)
        if adapter is not None:
            weights = _with_changes(adapter, weights, config)
        return StoredModel(
            config,
            finite(weights, folder),
            finite(dac_vae.convert(checkpoint), folder),
            None if config.vision is None else finite(pe_vision.convert(checkpoint), folder),
        )
    config = load_config(folder)
    read: Callable[[Path], Mapping[str, Tensor]] = read_shapes if shapes_only else read_safetensors
    codec: Mapping[str, Tensor] = {}
    if isinstance(config.codec, DacVaeConfig):
        codec = finite(read(folder / CODEC_WEIGHTS), folder)
    vision_encoder = None
    if config.vision is not None:
        vision_encoder = finite(read(folder / VISION_WEIGHTS), folder)
    field: Mapping[str, Tensor] = from_int8(read(folder / WEIGHTS), folder)
    if adapter is not None:
        field = _with_changes(adapter, field, config)
    return StoredModel(config, finite(field, folder), codec, vision_encoder)


def _with_changes(
    adapter: Adapter, weights: Mapping[str, Tensor], config: SeparatorConfig
) -> Mapping[str, Tensor]:
    own = under_our_names(adapter, config.field, config.name)
    return apply_adapter(own, weights, config.name)


def build_components(
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    watermark_seed: int | None = None,
    adapter: Path | None = None,
) -> tuple[SeparatorConfig, ModelComponents]:
    """Build a model's networks and fill them.

    Args:
        folder: the model's folder.
        device: where to compute.
        dtype: type of the velocity field's products.
        watermark_seed: seed of the watermarks to hide in the stems, if the model's decoder can;
            None hides none.
        adapter: an adapter's file or folder (`soundsift.checkpoints.adapter`).

    Raises:
        SoundsiftError: if something is missing or damaged, weights and configuration disagree, the
            adapter was made for other weights, or a watermark is asked of a model whose decoder
            can't.
    """
    check_files_once(folder)
    changes = None if adapter is None else load_adapter(adapter)
    stored = open_model(folder, adapter=changes)
    config = stored.config
    if watermark_seed is not None and not isinstance(config.codec, DacVaeConfig):
        raise SoundsiftError(
            f"watermark_seed {watermark_seed} was given for the model {config.name}, whose decoder "
            "hides no watermarks. Leave it out, or use a model with the released codec."
        )
    # The largest comes last, so that memory needed while the others are built is free again.
    text = build_text_encoder(config, folder, device)
    codec = build_codec(config.codec, stored.codec, folder, device, watermark_seed)
    field = _build_field(config.field, stored.field, folder, device, dtype)
    vision_encoder = None
    if stored.vision_encoder is not None and config.vision is not None:
        vision_encoder = partial(
            _build_float32, partial(PeVision, config.vision), stored.vision_encoder, folder, device
        )
    # Both are built at the first use, then kept for the next recordings.
    predictor: Callable[[], SpanPredictor] | None = None
    hearing: Callable[[], SpanPredictor] | None = None
    if config.span_predictor is not None:
        predictor = cache(partial(_build_span_predictor, config.span_predictor, folder, device))
    elif own_hearing := hearing_folder(config, folder):
        predictor = hearing = cache(partial(_build_hearing, own_hearing, text, device, dtype))
    rankers = None
    if config.prediction == "velocity":
        rankers = _make_rankers(folder, device, dtype)
    return config, ModelComponents(
        field,
        config.prediction,
        codec,
        text,
        device,
        vision_encoder,
        predictor,
        rankers,
        hearing,
        None
        if changes is None
        else AppliedAdapter(changes.name, changes.digest, changes.facts.phrase),
    )


def hearing_folder(config: SeparatorConfig, folder: Path) -> Path | None:
    """The hearing network beside a model's weights, or the one that comes with the package.

    None if there is none, or the model has another codec or text encoder than it was trained with.
    """
    if config.codec != MelCodecConfig() or config.text_encoder != "minilm":
        return None
    places = (folder / HEARING, default_folder())
    return next((place for place in places if (place / WEIGHTS).is_file()), None)


def _build_field(
    config: VelocityFieldConfig,
    weights: Mapping[str, Tensor],
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
) -> InferenceField:
    try:
        return InferenceField(config, weights, dtype, device)
    except KeyError as error:
        raise SoundsiftError(
            f"{folder}: weights and configuration disagree: no {error.args[0]}."
        ) from error
    except RuntimeError as error:
        raise SoundsiftError(
            f"{folder}: weights and configuration disagree: {one_line(error)}."
        ) from error


def _build_float32(
    make: Callable[[], Module], weights: Mapping[str, Tensor], folder: Path, device: torch.device
) -> Module:
    return build(make, weights, folder, device, torch.float32)


def _build_span_predictor(name: str, folder: Path, device: torch.device) -> SpanPredictor:
    # Imported here: it needs libraries that the default model does not.
    from soundsift.checkpoints.pe_a_frame import load_span_predictor

    own = folder / SPAN_PREDICTOR
    return load_span_predictor(own if own.is_dir() else name, device)


def _make_rankers(folder: Path, device: torch.device, dtype: torch.dtype) -> Rankers:
    # Imported here: they need libraries that the default model does not.
    from soundsift.checkpoints.rankers import ReleasedRankers

    return ReleasedRankers(folder, device, dtype)


def _build_hearing(
    folder: Path, text: TextEncoder, device: torch.device, dtype: torch.dtype
) -> SpanPredictor:
    return Hearing(load_hearing(folder, device), text, dtype)


def build_codec(
    config: MelCodecConfig | DacVaeConfig,
    weights: Mapping[str, Tensor],
    folder: Path,
    device: torch.device,
    watermark_seed: int | None = None,
) -> Codec:
    """Build a model's codec.

    Args:
        config: its sizes.
        weights: its weights; empty if it has none.
        folder: where they come from, for messages.
        device: where to compute.
        watermark_seed: see `build_components`.
    """
    if isinstance(config, MelCodecConfig):
        return MelCodec(config).to(device)
    vae = _build_float32(partial(DacVae, config), weights, folder, device)
    if device.type == "cpu":
        optimise_for_inference(vae, keep_weights=False)
    messages = None if watermark_seed is None else draw_message(watermark_seed, 2).to(device)
    return WaveformCodec(vae, messages=messages)


def build_text_encoder(config: SeparatorConfig, folder: Path, device: torch.device) -> TextEncoder:
    """Build a model's text encoder, which may lie beside its weights.

    Raises:
        SoundsiftError: if it is not on this machine.
    """
    # Imported here: each needs libraries that the other does not.
    if config.text_encoder == "minilm":
        from soundsift.checkpoints.minilm import TextEncoder as MiniLMTextEncoder

        return MiniLMTextEncoder(device)
    from soundsift.checkpoints.t5 import T5TextEncoder

    own = folder / TEXT_ENCODER
    return T5TextEncoder(own if own.is_dir() else config.text_encoder, device)

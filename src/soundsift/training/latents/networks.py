"""The networks of a run: the field that is trained, and what stays as it is around it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from soundsift.checkpoints.load import TEXT_ENCODER, open_model
from soundsift.checkpoints.released_form import open_codec
from soundsift.checkpoints.state_dict import build, check_fit
from soundsift.config import DacVaeConfig
from soundsift.errors import SoundsiftError
from soundsift.models.components import TextEncoder
from soundsift.models.dac_vae import LatentEncoder
from soundsift.models.velocity_field import VelocityField
from soundsift.models.waveform_codec import mixture_context
from soundsift.training.alignment_loss import TaggedField
from soundsift.training.latents.alignment import Projector
from soundsift.training.latents.config import LatentTrainingConfig

#: Waves that are encoded together.
_ENCODED_AT_A_TIME = 8


def build_field(config: LatentTrainingConfig) -> VelocityField:
    """A fresh field, or that of the model to start from.

    Raises:
        SoundsiftError: if the two are of different sizes.
    """
    field = VelocityField(config.model.field)
    if config.start_from is not None:
        weights = open_model(config.start_from).field
        check_fit(field, weights, f"start_from: {config.start_from}")
        field.load_state_dict(dict(weights))
    return field


def with_projector(field: VelocityField, config: LatentTrainingConfig, width: int) -> TaggedField:
    """The field with the network of the alignment loss on its block, as configured.

    Args:
        field: the field.
        config: the run.
        width: of the frame model's embeddings.
    """
    projector = None
    if config.loss.alignment:
        dim = config.model.field.transformer.dim
        projector = Projector(dim, config.loss.alignment_hidden, width)
    model = TaggedField(field, projector, config.loss.alignment_block)
    if config.checkpoint_activations:
        for block in field.transformer.blocks:
            forget_inside(block)
    return model


def forget_inside(block: nn.Module) -> None:
    """Make a module compute its inside again in the backward pass instead of keeping it."""
    block.forward = partial(checkpoint, block.forward, use_reentrant=False)


class FrozenCodec:
    """Waves to latents, without gradients.

    Args:
        folder: of a codec, or of a separator that has it.
        sizes: that it must have.
        device: where it computes.

    Raises:
        SoundsiftError: if it is missing or damaged, or has other sizes.
    """

    def __init__(self, folder: Path, sizes: DacVaeConfig, device: torch.device) -> None:
        found, weights = open_codec(folder)
        if found != sizes:
            raise SoundsiftError(f"codec: {folder} has other sizes. Give model.codec {found}.")
        self.weights = weights
        encoder = {n: weights[n] for n in weights if n.startswith(("encoder.", "to_gaussian."))}
        self.network = build(partial(LatentEncoder, sizes), encoder, folder, device)

    @torch.no_grad()
    def encode(self, waves: Tensor) -> Tensor:
        """Latents `(B, T, C)` of whole frames `(B, N)`: the mean, as at inference."""
        parts = [
            self.network.to_gaussian(self.network.encoder(part[:, None])).chunk(2, dim=1)[0]
            for part in torch.split(waves, _ENCODED_AT_A_TIME)
        ]
        return torch.cat(parts).transpose(1, 2)

    def context(self, mixtures: Tensor) -> Tensor:
        """What the field sees of mixtures `(B, N)`."""
        return mixture_context(self.encode(mixtures))


def build_text_encoder(config: LatentTrainingConfig, device: torch.device) -> TextEncoder:
    """The text encoder, which is not trained; T5 may lie beside the model to start from."""
    if config.model.text_encoder == "minilm":
        from soundsift.checkpoints.minilm import TextEncoder as MiniLMTextEncoder

        return MiniLMTextEncoder(device)
    from soundsift.checkpoints.t5 import T5TextEncoder

    return T5TextEncoder(text_encoder_folder(config) or config.model.text_encoder, device)


def text_encoder_folder(config: LatentTrainingConfig) -> Path | None:
    """A text encoder beside the model to start from, or beside the codec; None if there is none."""
    places = [place / TEXT_ENCODER for place in (config.start_from, config.codec) if place]
    return next((place for place in places if place.is_dir()), None)

"""The networks of a model as they are exported: one question, one answer, no state.

The codec has no learned parameters and is not among them: whoever runs the graphs computes it
(docs/browser.md says how).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from soundsift.checkpoints.hearing import load_hearing
from soundsift.checkpoints.load import hearing_folder, open_model
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.state_dict import build
from soundsift.config import MelCodecConfig, SeparatorConfig
from soundsift.errors import SoundsiftError
from soundsift.models.hearing import HearingNetwork
from soundsift.models.text import MiniLM
from soundsift.models.velocity_field import Conditioning, VelocityField


class MeanAnswer(nn.Module):
    """The velocity field at time 0 without noise: the mean of all answers, as all presets use it.

    Args:
        field: predicts clean latents.
    """

    def __init__(self, field: VelocityField) -> None:
        super().__init__()
        self.field = field

    def forward(self, context: Tensor, states: Tensor, mask: Tensor, anchors: Tensor) -> Tensor:
        """Latents of target and residual.

        Args:
            context: the codec's context of a window, `(batch, frames, context_channels)`.
            states: the phrases' token states, `(batch, tokens, text_dim)`.
            mask: `(batch, tokens)`, bool, True where a token counts; an item without text has none.
            anchors: `(batch, frames)`, int32, as in `soundsift.spans`.

        Returns:
            `(batch, frames, 2 * latent_channels)`.
        """
        noise = context.new_zeros(*context.shape[:2], 2 * self.field.config.latent_channels)
        prompt = Conditioning(context, states, mask, anchors)
        answer: Tensor = self.field(noise, context.new_zeros(()), prompt)
        return answer


class PhraseHearing(nn.Module):
    """The hearing network with the phrases that it listens for.

    Args:
        network: the network.
    """

    def __init__(self, network: HearingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, context: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """The probability that each frame holds each phrase's sound.

        Args:
            context: the codec's context of a mixture, `(batch, frames, context_channels)`.
            states: the phrases' token states, `(phrases, tokens, text_dim)`.
            mask: `(phrases, tokens)`, bool, True where a token counts.

        Returns:
            `(batch, phrases, frames)`, 0 to 1.
        """
        frames = self.network.embed_frames(context)
        logits = self.network.logits(frames, self.network.embed_phrases(states, mask))
        return logits.transpose(1, 2).sigmoid()


@dataclass(frozen=True)
class Networks:
    """What is exported of a model.

    Attributes:
        config: the model's.
        separator: latents from context, phrase and anchors.
        text: token states from token ids and mask.
        hearing: probabilities from context and phrases; None if the model cannot hear.
        hearing_config: its sizes and thresholds.
    """

    config: SeparatorConfig
    separator: MeanAnswer
    text: MiniLM
    hearing: PhraseHearing | None
    hearing_network: HearingNetwork | None


def load_networks(folder: Path) -> Networks:
    """Load a model's networks for export, on the CPU and in float32.

    Args:
        folder: the model's.

    Raises:
        SoundsiftError: the model has a learned codec or another text encoder, predicts the
            velocity, or is damaged.
    """
    stored = open_model(folder)
    config = stored.config
    if (
        not isinstance(config.codec, MelCodecConfig)
        or config.text_encoder != "minilm"
        or config.prediction != "data"
    ):
        raise SoundsiftError(
            f"Model {config.name} can't be exported: its sound takes many evaluations and a "
            "learned codec. Export the default model, or one trained with its configuration."
        )
    field = build(
        partial(VelocityField, config.field),
        stored.field,
        folder,
        torch.device("cpu"),
        torch.float32,
    )
    place = hearing_folder(config, folder)
    network = None if place is None else load_hearing(place)
    return Networks(
        config,
        MeanAnswer(field).eval(),
        TextEncoder().model.eval(),
        None if network is None else PhraseHearing(network).eval(),
        network,
    )

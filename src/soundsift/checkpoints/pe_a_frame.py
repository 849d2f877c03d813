"""Load the released span predictor, PE-A-Frame.

The Hub has each size in two layouts: the authors' own, on the branch `perception_models`, and that
of the Transformers library, on `main`. Both are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soundsift.checkpoints import modernbert, pe_audio
from soundsift.checkpoints.hub import find_folder, read_config, read_tokenizer, read_weights
from soundsift.checkpoints.modernbert import PhraseEncoder, load_modernbert
from soundsift.checkpoints.state_dict import LazyStateDict, Renames, build, inside, select
from soundsift.config import HearingCalibration, PeAFrameConfig
from soundsift.errors import SoundsiftError, one_line
from soundsift.models.pe_a_frame import PeAFrame

LARGE = "facebook/pe-a-frame-large"
"""The one that the released SAM Audio models name; `-small` and `-base` are about as good."""

AUTHORS_BRANCH = "perception_models"

# Names in both layouts: the authors' first, then that of Transformers.
_CODEC = (
    "audio_model.dac_vae_encoder.",
    "audio_encoder.embedder.dac_encoder.",
    "audio_encoder.embedder.bottleneck.",
)
_TEXT = "text_model."
_INPUT = r"(?:audio_model|audio_encoder\.embedder)\.data_proj"
RENAMES: Renames = (
    (r"(?:logit|text_audio_logit)_(scale|bias)", r"\1"),
    (rf"{_INPUT}\.(.*)", r"input.\1"),
    (r"audio_head\.layer_norm\.(.*)", r"audio_norm.\1"),
    (r"audio_head\.proj\.(.*)", r"audio_projection.\1"),
    (r"text_(?:audio_)?head\.layer_norm\.(.*)", r"text_norm.\1"),
    (r"text_(?:audio_)?head\.proj\.(.*)", r"text_projection.\1"),
    *inside("audio_model.audio_transformer.", pe_audio.RENAMES, "transformer."),
    *inside("audio_encoder.", pe_audio.RENAMES, "transformer."),
)


class SpanPredictor:
    """Predicts in which frames a phrase's sound occurs.

    Args:
        model: PE-A-Frame, in eval mode.
        text: encodes the phrases.
    """

    def __init__(self, model: PeAFrame, text: PhraseEncoder) -> None:
        self.model, self.text = model, text

    @property
    def calibration(self) -> HearingCalibration:
        """The authors' threshold of spans; nothing was measured of presence."""
        return HearingCalibration(
            overlap_seconds=5,
            span_threshold=0.3,
            join_seconds=0,
            run_frames=1,
            absent_below=0,
            sure_from=0.5,
        )

    def frame_probabilities(self, context: Tensor, phrases: list[str]) -> Tensor:
        """See `soundsift.models.components.SpanPredictor`."""
        # The mixture's latent comes last in the context.
        latents = context[..., -self.model.config.latent_channels :]
        return self.probabilities(latents.expand(len(phrases), -1, -1), phrases).cpu()

    @torch.no_grad()
    def probabilities(
        self, latents: Tensor, phrases: list[str], mask: Tensor | None = None
    ) -> Tensor:
        """Probability that each frame holds its item's sound.

        `soundsift.separation.span_prediction.predict_spans` turns a row into spans.

        Args:
            latents: `(batch, frames, 128)`: the mean of DAC-VAE, as the separator gets it.
            phrases: one per item.
            mask: `(batch, frames)`, bool, True where a frame counts, or None.

        Returns:
            `(batch, frames)`, float32, from 0 to 1.
        """
        weight = self.model.input.weight
        text = self.text.encode(phrases).to(weight.device)
        latents = latents.to(weight.device, weight.dtype)
        logits: Tensor = self.model(latents, text, None if mask is None else mask.to(weight.device))
        return logits.sigmoid()


def load_span_predictor(
    model: str | Path = LARGE,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> SpanPredictor:
    """Load PE-A-Frame with its text encoder, without its codec.

    Args:
        model: folder with `config.json`, weights and `tokenizer.json`, or a name in the Hub's
            cache.
        device: where it computes.
        dtype: type of its weights.

    Raises:
        SoundsiftError: if a file is missing or damaged, or weights and configuration disagree.
    """
    folder = _find(model)
    config = read_config(folder)
    network_config = config_from(config, folder)
    weights = read_weights(folder, skipped=_CODEC, dtype=dtype)
    network = build(lambda: PeAFrame(network_config), convert(weights), folder, device)
    authors = "text_model" in config
    text = load_modernbert(
        config["text_model"] if authors else config["text_config"],
        select(weights, _TEXT),
        config.get("nth_text_layer", 22),
        folder,
        dtype,
        device,
        # Transformers' layout ends with the layer whose state is meant. The authors take that state
        # from the middle of a longer model, before any norm.
        final_norm=authors,
    )
    return SpanPredictor(network, PhraseEncoder(read_tokenizer(folder), text, device))


def _find(model: str | Path) -> Path:
    try:
        return find_folder(model, revision=AUTHORS_BRANCH)
    except SoundsiftError:
        return find_folder(model)  # its message names the branch that people get by default


def config_from(config: Mapping[str, Any], source: str | Path) -> PeAFrameConfig:
    """The network's sizes, from a `config.json` in either layout.

    Raises:
        SoundsiftError: if it is not the configuration of a PE-A-Frame.
    """
    try:
        if "audio_model" in config:
            audio = config["audio_model"].get("audio_transformer") or {}
            codec = config["audio_model"].get("dac_vae_encoder") or {}
            text = modernbert.config_from(config["text_model"])
        else:
            audio = config["audio_config"]
            codec = audio.get("dac_config") or {}
            text = modernbert.config_from(config["text_config"])
        return PeAFrameConfig(
            audio=pe_audio.config_from(audio),
            latent_channels=codec.get("codebook_dim", 128),
            text_dim=text.hidden_size,
            embedding_dim=config.get("output_dim", text.hidden_size),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SoundsiftError(
            f"{source}: not the configuration of a PE-A-Frame: {one_line(error)}."
        ) from error


def convert(state_dict: Mapping[str, Tensor]) -> LazyStateDict:
    """Rename and join released weights for `PeAFrame`.

    Left out are the text encoder's, which is Transformers' own, and the codec's: latents come from
    the separator's codec.

    Args:
        state_dict: weights by their names in either layout.

    Returns:
        Weights for `PeAFrame.load_state_dict`, strict.

    Raises:
        SoundsiftError: if a name is not known.
    """
    return pe_audio.convert(state_dict, RENAMES, (_TEXT, *_CODEC), "PE-A-Frame")

"""Load the released SAM Audio Judge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soundsift.checkpoints import dac_vae, modernbert, pe_audio
from soundsift.checkpoints.hub import (
    TOKENIZER,
    find_folder,
    read_config,
    read_tokenizer,
    read_weights,
)
from soundsift.checkpoints.modernbert import PhraseEncoder, load_modernbert
from soundsift.checkpoints.state_dict import LazyStateDict, Renames, build, inside, select
from soundsift.config import JudgeConfig
from soundsift.errors import SoundsiftError, one_line
from soundsift.models.dac_vae import LatentEncoder
from soundsift.models.dac_vae_tiled import TiledEncoder
from soundsift.models.judge import Judge, Scores

JUDGE = "facebook/sam-audio-judge"
AUTHORS_BRANCH = "sam_audio"
CODEC = "audio_codec."
"""Prefix of the weights of the judge's own DAC-VAE, encoder and bottleneck."""

_TEXT = "text_model."
RENAMES: Renames = (
    (r"(mean|std)", r"\1"),
    (r"data_proj\.(.*)", r"input.\1"),
    (r"cat_audio_proj\.(.*)", r"pair_projection.\1"),
    (r"text_proj1\.(.*)", r"text_input.\1"),
    (r"text_proj2\.(.*)", r"text_projection.\1"),
    (r"layer_norm\.(.*)", r"text_norm.\1"),
    (r"proj_audio_and_text\.(.*)", r"prompted_projection.\1"),
    (r"finetune_data_proj\.(.*)", r"fusion_input.\1"),
    (r"head\.(.*)", r"output.\1"),
    *inside("transformer.", pe_audio.RENAMES, "transformer."),
    *inside("finetune_transformer.", pe_audio.RENAMES, "fusion."),
)


class ReleasedJudge:
    """The judge with its text encoder.

    Args:
        model: the judge, in eval mode.
        text: encodes the phrases.
        codec: the judge's own way from waves to latents; None to score latents only.
    """

    def __init__(
        self, model: Judge, text: PhraseEncoder, codec: TiledEncoder | None = None
    ) -> None:
        self.model, self.text, self.codec = model, text, codec

    @torch.no_grad()
    def score(
        self,
        mixture: Tensor,
        separated: Tensor,
        phrases: list[str],
        mask: Tensor | None = None,
    ) -> Scores:
        """Score separations.

        Args:
            mixture: `(batch, frames, 128)`, or a batch of one for candidates that all came from
                it: the mean of DAC-VAE.
            separated: `(batch, frames, 128)`.
            phrases: one per item, or one for all.
            mask: `(batch, frames)`, bool, True where a frame counts, or None.

        Returns:
            Scores of the batch, from 1 to 5.

        Raises:
            ValueError: if mixture and separated sound differ in length.
        """
        weight = self.model.input.weight
        text = self.text.encode(phrases).to(weight.device, weight.dtype)
        pair = [latents.to(weight.device, weight.dtype) for latents in (mixture, separated)]
        mask = None if mask is None else mask.to(weight.device)
        scores: Scores = self.model(*pair, text, mask)
        return scores

    def score_waves(self, mixture: Tensor, separated: Tensor, phrase: str) -> Scores:
        """Score sounds separated from one mixture.

        Args:
            mixture: `(samples,)`, mono, at the codec's rate.
            separated: `(batch, samples)`, as long.
            phrase: the sound that was asked for.

        Returns:
            Scores of the batch, from 1 to 5.

        Raises:
            ValueError: the judge was loaded without its codec, or the lengths differ.
        """
        if self.codec is None:
            raise ValueError("the judge was loaded without its codec")
        # One after the other: a batch would take as long, and more memory.
        latents = [self.codec.encode(wave[None, None]) for wave in (mixture, *separated)]
        return self.score(latents[0], torch.cat(latents[1:]), [phrase])


def load_judge(
    model: str | Path = JUDGE,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    with_codec: bool = False,
) -> ReleasedJudge:
    """Load the judge with its text encoder.

    Args:
        model: folder with `config.json`, weights and `tokenizer.json`, or a name in the Hub's
            cache.
        device: where it computes.
        dtype: type of its weights.
        with_codec: whether its codec is loaded too, in float32, for `score_waves`.

    Raises:
        SoundsiftError: if a file is missing or damaged, or weights and configuration disagree.
    """
    folder = find_folder(model, revision=AUTHORS_BRANCH, gated=True)
    config = read_config(folder)
    network_config = config_from(config, folder)
    weights = read_weights(folder, skipped=(CODEC,), dtype=dtype)
    network = build(lambda: Judge(network_config), convert(weights), folder, device)
    text = load_modernbert(
        config.get("text_model") or {},
        select(weights, _TEXT),
        config.get("nth_text_layer", 22),
        folder,
        dtype,
        device,
    )
    # The branch with the weights may lack the tokenizer, which the main branch has.
    has_tokenizer = (folder / TOKENIZER).is_file() or Path(model).expanduser().is_dir()
    words = folder if has_tokenizer else find_folder(model, TOKENIZER, gated=True)
    codec = _load_codec(config, folder, device) if with_codec else None
    return ReleasedJudge(network, PhraseEncoder(read_tokenizer(words), text, device), codec)


def _load_codec(
    config: Mapping[str, Any], folder: Path, device: torch.device | str
) -> TiledEncoder:
    """The encoder and the mean of the bottleneck; of the rest nothing is used."""
    sizes = dac_vae.config_from(config.get("audio_codec") or {})
    weights = dac_vae.convert(select(read_weights(folder, only=(CODEC,)), CODEC))
    used = {name: weights[name] for name in weights if not name.startswith("from_latent.")}
    return TiledEncoder(build(lambda: LatentEncoder(sizes), used, folder, device))


def config_from(config: Mapping[str, Any], source: str | Path) -> JudgeConfig:
    """The network's sizes, from a `config.json`.

    Raises:
        SoundsiftError: if it is not the configuration of a judge.
    """
    try:
        return JudgeConfig(
            audio=pe_audio.config_from(config.get("transformer") or {}),
            fusion=pe_audio.config_from(config.get("finetune_transformer") or {}),
            latent_channels=(config.get("audio_codec") or {}).get("codebook_dim", 128),
            text_dim=modernbert.config_from(config.get("text_model") or {}).hidden_size,
            bottleneck_dim=config.get("bottleneck_dim", 256),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SoundsiftError(
            f"{source}: not the configuration of a SAM Audio Judge: {one_line(error)}."
        ) from error


def convert(state_dict: Mapping[str, Tensor]) -> LazyStateDict:
    """Rename and join released weights for `Judge`.

    Left out are the text encoder's, which is Transformers' own, and the codec's: those are a
    DAC-VAE's, once `CODEC` is taken off their names.

    Args:
        state_dict: weights by their released names.

    Returns:
        Weights for `Judge.load_state_dict`, strict.

    Raises:
        SoundsiftError: if a name is not known.
    """
    return pe_audio.convert(state_dict, RENAMES, (_TEXT, CODEC), "SAM Audio Judge")

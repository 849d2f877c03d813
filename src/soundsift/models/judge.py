"""SAM Audio Judge: rates a separation without a reference (arXiv 2512.18099, section 6).

Latents of the mixture and of the separated sound each go through the same audio transformer; a
small transformer compares the two, knowing the phrase. Codec and text encoder are outside.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from soundsift.config import JudgeConfig
from soundsift.models.pe_audio import AudioTransformer


@dataclass(frozen=True)
class Scores:
    """Predicted ratings of a listener, 1 (bad) to 5 (good); each `(batch,)`, float32.

    Attributes:
        overall: Quality of the separation as a whole.
        recall: Share of the wanted sound that is there.
        precision: Absence of other sounds.
        faithfulness: Similarity to the sound in the mixture.
    """

    overall: Tensor
    recall: Tensor
    precision: Tensor
    faithfulness: Tensor


class Judge(nn.Module):
    """The network of the judge.

    Args:
        config: The sizes.
    """

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        width, fused, narrow = config.audio.dim, config.fusion.dim, config.bottleneck_dim
        self.input = nn.Linear(config.latent_channels, width)
        self.transformer = AudioTransformer(config.audio)
        self.pair_projection = nn.Linear(2 * width, narrow)
        self.text_input = nn.Linear(config.text_dim, width, bias=False)
        self.text_projection = nn.Linear(width, narrow)
        self.text_norm = nn.LayerNorm(narrow)
        self.prompted_projection = nn.Linear(2 * narrow, narrow)
        self.fusion_input = nn.Linear(narrow, fused)
        self.fusion = AudioTransformer(config.fusion)
        self.output = nn.Linear(fused, 4, bias=False)
        self.mean = nn.Parameter(torch.zeros(4))
        self.std = nn.Parameter(torch.ones(4))

    def embed(self, latents: Tensor) -> Tensor:
        """Embed `(batch, frames, latent_channels)`: most of the work, independent of the phrase.

        Returns:
            `(batch, frames, dim)`.
        """
        x: Tensor = self.transformer(self.input(latents))
        return x

    def forward(
        self, mixture: Tensor, separated: Tensor, text: Tensor, mask: Tensor | None = None
    ) -> Scores:
        """Score separations.

        As in the authors' code, the mask acts on the final mean only: attention sees the padding,
        so a clip batched with a longer one gets slightly different scores. Clips of equal length
        are not affected.

        Args:
            mixture: `(batch, frames, latent_channels)`, or a batch of one: a mixture that all of
                `separated` came from, which is then embedded once.
            separated: `(batch, frames, latent_channels)`.
            text: `(batch, text_dim)`, or a batch of one: the text encoder's state of the phrases.
            mask: `(batch, frames)`, bool, True where a frame counts, or None.

        Returns:
            Scores of the batch.

        Raises:
            ValueError: If mixture and separated sound differ in length.
        """
        if mixture.shape[1] != separated.shape[1]:
            raise ValueError(
                f"the mixture has {mixture.shape[1]} frames and the separated sound "
                f"{separated.shape[1]}; they must have the same number"
            )
        batch = len(separated)
        pair = (self.embed(separated), self.embed(mixture).expand(batch, -1, -1))
        audio = self.pair_projection(torch.cat(pair, dim=-1))
        phrase = self.text_norm(self.text_projection(self.text_input(text)))
        prompted = torch.cat((audio, phrase[:, None].expand_as(audio)), dim=-1)
        fused = self.fusion(self.fusion_input(self.prompted_projection(prompted)))
        ratings = self.output(fused).float()
        if mask is None:
            mean = ratings.mean(dim=1)
        else:
            mean = (ratings * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return Scores(*(mean * self.std.float() + self.mean.float()).unbind(-1))

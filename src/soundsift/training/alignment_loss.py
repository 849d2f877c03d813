"""The alignment loss (paper, section 5): a middle block must know what is heard, asked for or not.

The paper pulls a hidden state towards an event detector's embedding of the target. We have no such
detector of free licence, but our scenes are made of sounds that we know: the state of every frame,
through a small network, must tell by its inner product with the captions' embeddings which of all
concepts are heard in it. That is many answers per scene instead of one, so recognition is learnt
sooner than from separation alone.

Shapes: B queries, T latent frames, K concepts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.data.bank import Bank
from soundsift.models.velocity_field import Conditioning, VelocityField

_CAPTIONS_PER_CONCEPT = 4


def concept_indices(bank: Bank) -> dict[str, int]:
    """A number for every concept of a bank, in alphabetical order."""
    return {name: i for i, name in enumerate(sorted({clip.concept for clip in bank.clips}))}


def concept_embeddings(bank: Bank, text: TextEncoder) -> Tensor:
    """Mean of the captions' sentence embeddings, per concept `(K, width)`, of length 1."""
    captions = {clip.concept: clip.captions[:_CAPTIONS_PER_CONCEPT] for clip in bank.clips}
    text.encode_ahead(caption for some in captions.values() for caption in some)
    rows = []
    for name in concept_indices(bank):
        means = torch.stack([text.encode(caption).mean(0) for caption in captions[name]])
        rows.append(functional.normalize(means, dim=-1).mean(0))
    return functional.normalize(torch.stack(rows), dim=-1)


class Tagger(nn.Module):
    """Hidden states to a logit per frame and concept.

    Args:
        dim: width of the hidden states.
        embeddings: of the concepts `(K, width)`.
    """

    def __init__(self, dim: int, embeddings: Tensor) -> None:
        super().__init__()
        self.register_buffer("embeddings", embeddings, persistent=False)
        self.embeddings: Tensor
        width = embeddings.shape[1]
        self.layers = nn.Sequential(
            nn.RMSNorm(dim), nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, width)
        )
        # Rare events: nothing is heard until there is evidence.
        self.bias = nn.Parameter(torch.full((len(embeddings),), -6.0))

    def forward(self, hidden: Tensor) -> Tensor:
        """Map `(B, T, dim)` to logits `(B, T, K)`."""
        logits: Tensor = self.layers(hidden) @ self.embeddings.T
        return logits.float() * 10.0 + self.bias


class TaggedField(nn.Module):
    """A velocity field with a network on one of its blocks, as one module for several processes.

    Args:
        field: the velocity field.
        tagger: a `Tagger`, or another network on the block's state; None for none.
        block: number of the block that it listens to.
    """

    def __init__(self, field: VelocityField, tagger: nn.Module | None, block: int) -> None:
        super().__init__()
        self.field, self.tagger, self.block = field, tagger, block

    def forward(
        self, noisy: Tensor, time: Tensor, conditioning: Conditioning
    ) -> tuple[Tensor, Tensor | None]:
        """The field's output, and the tagger's of `(B, T, dim)` if there is one."""
        taps: list[Tensor] = []
        output = self.field(noisy, time, conditioning, taps)
        return output, None if self.tagger is None else self.tagger(taps[self.block])


def alignment_term(logits: Tensor, heard: Tensor, known: Tensor | None = None) -> Tensor:
    """Cross-entropy in nats per frame, summed over concepts, averaged over queries.

    Args:
        logits: `(B, T, K)`.
        heard: `(B, T, K)`, bool: whether a source of the concept is heard in the frame.
        known: `(B,)`, bool: whether `heard` holds; other queries count as if they had no loss.
    """
    per_concept = functional.binary_cross_entropy_with_logits(
        logits, heard.float(), reduction="none"
    )
    per_query = per_concept.sum(dim=-1).mean(dim=-1)
    return (per_query if known is None else per_query * known).mean()

"""What codec and frame model make of a batch, kept for examples that come again.

Shapes: B examples, T latent frames, C latent channels, D embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from soundsift.training.latents.alignment import FrameModel
from soundsift.training.latents.batches import LatentBatch
from soundsift.training.latents.networks import FrozenCodec


@dataclass(frozen=True)
class Encoded:
    """A batch as the field and its loss see it.

    Attributes:
        targets, residuals: latents `(B, T, C)`.
        context: what the field sees of the mixtures.
        heard: the frame model's embeddings of the targets `(B, T, D)`; None without one.
    """

    targets: Tensor
    residuals: Tensor
    context: Tensor
    heard: Tensor | None


class BatchEncoder:
    """Encodes batches.

    Args:
        codec: of the run.
        frames: the frame model of the alignment loss, if any.
        rate: of the waves, in Hz.
    """

    def __init__(self, codec: FrozenCodec, frames: FrameModel | None, rate: int) -> None:
        self.codec, self.frames, self.rate = codec, frames, rate
        # By number and length of the example; examples without a number come once.
        self.kept: dict[tuple[int, int], tuple[Tensor, ...]] = {}

    def encode(self, batch: LatentBatch) -> Encoded:
        """Encode a batch, or only those of its examples that are new."""
        if batch.numbers is None:
            return _named(self._rows(batch.targets, batch.residuals))
        keys = [(number, batch.targets.shape[1]) for number in batch.numbers]
        # An example may be there twice.
        new = {key: i for i, key in enumerate(keys) if key not in self.kept}
        if new:
            places = list(new.values())
            rows = self._rows(batch.targets[places], batch.residuals[places])
            self.kept |= zip(new, zip(*rows, strict=True), strict=True)
        return _named(
            tuple(torch.stack(p) for p in zip(*(self.kept[key] for key in keys), strict=True))
        )

    def _rows(self, targets: Tensor, residuals: Tensor) -> tuple[Tensor, ...]:
        latents = self.codec.encode(targets)
        rows = (latents, self.codec.encode(residuals), self.codec.context(targets + residuals))
        if self.frames is None:
            return rows
        return (*rows, self.frames.embed(targets, self.rate, latents))


def _named(rows: tuple[Tensor, ...]) -> Encoded:
    targets, residuals, context, *heard = rows
    return Encoded(targets, residuals, context, heard[0] if heard else None)

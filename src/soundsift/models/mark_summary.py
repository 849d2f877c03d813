"""What a mark singles out, as one vector: the marked frames as a whole beside those around them.

An addition of ours that the released models don't have. A small network reads an example badly by
attention alone, as it does a text; so what a middle block holds of the marked frames modulates the
blocks after it in the way that the text as a whole does.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from soundsift.models.conditioning import ANCHOR_MINUS, ANCHOR_NONE, ANCHOR_PLUS
from soundsift.models.layers import SwiGLU


class MarkSummary(nn.Module):
    """Reads the marked and the unmarked frames out of a block's output.

    Args:
        dim: Channels.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.embedding = SwiGLU(2 * dim, dim, dim)

    def reset_parameters(self) -> None:
        """Start with a summary that says nothing."""
        nn.init.zeros_(self.embedding.down.weight)

    def forward(self, x: Tensor, anchors: Tensor) -> Tensor:
        """Summarise.

        Args:
            x: `(batch, frames, dim)`.
            anchors: `(batch, frames)`, int64. Frames of other ids than unmarked, + and - are
                passed over: they may hold the sound, or not.

        Returns:
            `(batch, dim)`, zero for items without a marked frame.
        """
        marked = anchors == ANCHOR_PLUS
        around = (anchors == ANCHOR_NONE) | (anchors == ANCHOR_MINUS)
        both = torch.cat((_mean(x, marked), _mean(x, around)), dim=-1)
        summary: Tensor = self.embedding(both)
        return summary * marked.any(dim=1, keepdim=True)


def _mean(x: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen frames `(batch, dim)`, scaled to a mean square of 1; zero without any."""
    total = torch.einsum("bfd,bf->bd", x.float(), chosen.float())
    mean: Tensor = F.normalize(total, dim=-1) * x.shape[-1] ** 0.5
    return mean

"""The codec interface of the separation, which every codec implements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


def frame_rate(codec: Codec) -> int:
    """Latent frames per second, a whole number in every codec, in which spans are counted."""
    return codec.sample_rate // codec.samples_per_frame


def united(shares: Tensor, sizes: Sequence[int]) -> Tensor:
    """The masks of prompts that have several phrases each.

    Args:
        shares: `(phrases, ...)`, the mask of each phrase, 0 to 1.
        sizes: the number of phrases of each prompt; empty where each has one.

    Returns:
        `(prompts, ...)`: the sum of a prompt's masks, at most 1.
    """
    if not sizes:
        return shares
    parts = torch.split(shares, list(sizes))
    return torch.stack([part.sum(dim=0) for part in parts]).clamp(max=1.0)


class Codec(Protocol):
    """Encodes mixtures for the velocity field, and decodes its latents to waves.

    Shapes: P prompts, R rows per prompt (1 if one estimate serves all channels, else one per
    channel), C channels, N samples, T latent frames, L latent channels.
    """

    @property
    def sample_rate(self) -> int:
        """Samples per second of its waves."""
        ...

    @property
    def samples_per_frame(self) -> int:
        """Samples per latent frame."""
        ...

    @property
    def mixture_consistent(self) -> bool:
        """Whether target and residual are the mixture; then the target alone is decoded."""
        ...

    @property
    def context_margin(self) -> int | None:
        """Frames on both sides that `context` must see beyond those asked for.

        None if the context belongs to a window as a whole and is made for each anew.
        """
        ...

    @property
    def stems_margin(self) -> int:
        """Frames on both sides that `stems` must see beyond those asked for."""
        ...

    def frames(self, samples: int) -> int:
        """Number of latent frames that cover so many samples."""
        ...

    def downmixed(self) -> Codec:
        """The same codec with one estimate for all channels, if it has a choice."""
        ...

    def rows(self, channels: int) -> int:
        """Number of estimates for a mixture of so many channels."""
        ...

    def context(self, wave: Tensor) -> Tensor:
        """Context of a mixture `(1, C, N)` for the velocity field: `(R, T, context_channels)`."""
        ...

    def stems(self, latents: Tensor, mixture: Tensor) -> Tensor:
        """Decode latents to stems.

        Args:
            latents: `(P * R, T, 2 * L)`, target then residual.
            mixture: `(1, C, N)`.

        Returns:
            `(P, stems, C, N)`: the target, and the residual unless `mixture_consistent`.
        """
        ...

    def targets(self, latents: Tensor, mixture: Tensor) -> Tensor:
        """The targets alone, `(P, C, N)`; arguments as for `stems`."""
        ...

"""The hearing network: which described sounds are heard in each frame, for the default model.

It is what PE-A-Frame (arXiv 2512.19687) is for the released models. The mixture's mel energies go
in, as the codec's context has them, and an embedding per latent frame of 40 ms comes out. A phrase
becomes an embedding in the same space. Their product gives the logit that the sound is heard.

The convolutions are those of aiSFX (Ma and Lerch, ISMIR 2022; CC-BY-4.0), trained further; their
batch norms are folded in.

Shapes: B batch, T latent frames (25 Hz), P phrases, D embedding width.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.config import HearingConfig, MelCodecConfig
from soundsift.models.mel_codec import mel, mel_filters

#: Context features to log10 of energy relative to the window's mean cell: one unit is two decades.
_DECADES, _CENTRE_DECADES = 2.0, 2.0
#: Largest value of the features that the convolutions were first trained on.
_LARGEST = 9.457798957824707
_HIGHEST_HERTZ = 22050.0


class HearingNetwork(nn.Module):
    """Embeds frames of a mixture and phrases in one space.

    Args:
        config: the sizes.
    """

    def __init__(self, config: HearingConfig) -> None:
        super().__init__()
        self.config = config
        widths = (1, *config.widths)
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                (
                    nn.Conv2d(before, after, 3, padding=1),
                    nn.Conv2d(after, after, 3, padding=1),
                )
            )
            for before, after in pairwise(widths)
        )
        # Mean and maximum over frequency of every block.
        self.joins = nn.ModuleList(nn.Linear(2 * width, config.dim) for width in config.widths)
        self.fine = nn.Linear(config.subframes * config.bands, config.dim)
        sizes = (config.subframes * config.bands, *(2 * width for width in config.widths))
        self.scales = nn.ModuleList(Standardised(size) for size in sizes)
        self.over_time = nn.ModuleList(
            TimeBlock(config.dim, dilation) for dilation in config.dilations
        )
        self.norm = nn.RMSNorm(config.dim)
        self.to_frame = nn.Linear(config.dim, config.embedding_dim)
        self.to_phrase = nn.Sequential(
            nn.Linear(config.text_dim, config.text_hidden),
            nn.SiLU(),
            nn.Linear(config.text_hidden, config.embedding_dim),
        )
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.bias = nn.Parameter(torch.tensor(-6.0))

    def of_mixture(self) -> tuple[nn.Module, ...]:
        """The parts that may compute in another type; what is measured stays in float32."""
        return self.blocks, self.joins, self.fine, self.over_time, self.norm, self.to_frame

    def features(self, context: Tensor) -> Tensor:
        """Log energies for the convolutions, from the codec's context.

        Args:
            context: `(B, T, context_channels)`; the last `subframes * context_bands` are used.

        Returns:
            `(B, T * subframes, bands)`, about 0 to 1.
        """
        config = self.config
        detail = context[..., -config.subframes * config.context_bands :]
        # The codec folds a frame's moments behind its bands.
        batch, frames, _ = detail.shape
        moments = detail.reshape(batch, frames, config.context_bands, config.subframes)
        moments = moments.transpose(-1, -2).flatten(1, 2).float()
        energy = 10.0 ** (_DECADES * moments - _CENTRE_DECADES) @ _pooling(config).to(detail.device)
        return torch.log10(1.0 + energy * config.gain) / _LARGEST

    def embed_frames(self, context: Tensor) -> Tensor:
        """Embed every frame: `(B, T, context_channels)` to `(B, T, D)`."""
        return self.embed_features(self.features(context))

    def embed_features(self, features: Tensor) -> Tensor:
        """Embed every frame: `(B, T * subframes, bands)` to `(B, T, D)`."""
        return self.embed_pyramid(self.pyramid(features))

    def pyramid(self, features: Tensor) -> list[Tensor]:
        """What is known of the frames before they are joined.

        Args:
            features: `(B, T * subframes, bands)`.

        Returns:
            The features by frame `(B, T, subframes * bands)`; then, of every block, mean and
            maximum over frequency `(B, T', 2 * width)`, at 25 Hz and coarser.
        """
        levels = [features.reshape(features.shape[0], -1, self.fine.in_features)]
        # Frequency, which is pooled, is the last axis; channels lie innermost in memory.
        cells = functional.pad(features, (0, 0, 0, -features.shape[1] % _COARSEST))[:, None]
        cells = cells.to(self.fine.weight.dtype, memory_format=torch.channels_last)
        for number, block in enumerate(self.blocks):
            assert isinstance(block, nn.ModuleList)
            for convolution in block:
                cells = functional.relu(convolution(cells))
            if number < len(self.blocks) - 1:
                cells = functional.max_pool2d(cells, 2)
            over_bands = torch.cat([cells.mean(dim=-1), cells.amax(dim=-1)], dim=1)
            levels.append(over_bands.transpose(1, 2))
        return levels

    def embed_pyramid(self, levels: list[Tensor]) -> Tensor:
        """Embed every frame `(B, T, D)` from what `pyramid` gives."""
        dtype = self.fine.weight.dtype
        fine, *coarse = [
            scale(level).to(dtype) for scale, level in zip(self.scales, levels, strict=True)
        ]
        x = self.fine(fine)
        for number, (level, join) in enumerate(zip(coarse, self.joins, strict=True), 1):
            # The last block is not pooled.
            ratio = max(1, 2 ** min(number, len(coarse) - 1) // self.config.subframes)
            x = x + _stretched(join(level), ratio, fine.shape[1])
        for block in self.over_time:
            x = block(x)
        y: Tensor = self.to_frame(self.norm(x))
        return y

    def embed_phrases(self, states: Tensor, mask: Tensor) -> Tensor:
        """Embed phrases by the mean of their token states.

        Args:
            states: `(P, tokens, text_dim)`.
            mask: `(P, tokens)`, bool, True where a token counts.

        Returns:
            `(P, D)`, of length 1.
        """
        counted = mask.to(states.dtype)[..., None]
        mean = (states * counted).sum(1) / counted.sum(1).clamp(min=1.0)
        return functional.normalize(self.to_phrase(functional.normalize(mean, dim=-1)), dim=-1)

    def logits(self, frames: Tensor, phrases: Tensor) -> Tensor:
        """Logits that the sounds are heard: `(B, T, D)` and `(P, D)` to `(B, T, P)`, float32."""
        width = self.config.embedding_dim**0.5
        product = frames.float() @ phrases.float().T
        y: Tensor = product * (self.scale.float() / width) + self.bias.float()
        return y


class Standardised(nn.Module):
    """Channels with their mean taken out and unit variance, both measured once.

    Outputs of convolutions differ in size a hundredfold: without this, what is rarely active is
    learnt last.

    Args:
        channels: number of channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))

    def measure(self, x: Tensor) -> None:
        """Take mean and deviation from examples `(..., channels)`."""
        rows = x.float().flatten(0, -2)
        self.mean.copy_(rows.mean(dim=0))
        deviation = rows.std(dim=0)
        # What is all but never active must not be blown up.
        least = max(float(deviation.median()) / 10, 1e-4)
        self.deviation.copy_(deviation.clamp(min=least))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(..., channels)` to the same shape."""
        return (x.float() - self.mean) / self.deviation


class TimeBlock(nn.Module):
    """A residual block along time: depthwise convolution, then a gated feed-forward layer.

    Args:
        dim: width.
        dilation: frames between the taps of the convolution.
    """

    def __init__(self, dim: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(dim)
        self.near = nn.Conv1d(dim, dim, 5, padding=2 * dilation, dilation=dilation, groups=dim)
        self.inner = nn.Linear(dim, 4 * dim)
        self.outer = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, T, dim)` to the same shape."""
        y = self.near(self.norm(x).transpose(1, 2)).transpose(1, 2)
        value, gate = self.inner(y).chunk(2, dim=-1)
        z: Tensor = x + self.outer(value * functional.silu(gate))
        return z


#: Frames of the features that the coarsest block pools into one.
_COARSEST = 8


def _stretched(x: Tensor, ratio: int, frames: int) -> Tensor:
    """`(B, T', dim)` interpolated to `ratio` times as many frames, of which the first so many."""
    y = x.transpose(1, 2)
    if ratio > 1:
        y = functional.interpolate(y, scale_factor=ratio, mode="linear")
    return y[..., :frames].transpose(1, 2)


@cache
def _pooling(config: HearingConfig) -> Tensor:
    """Energies of the context's bands to densities in fewer bands `(context_bands, bands)`.

    The convolutions were first trained on bands equally spaced in mel from 0 to 22,050 Hz, each the
    mean over its bins.
    """
    codec = MelCodecConfig()
    lowest, highest = mel(codec.lowest_hertz), mel(codec.sample_rate / 2)
    bins = codec.detail_window // 2 + 1
    filters = mel_filters(config.context_bands, bins, codec.sample_rate, codec.lowest_hertz)
    centres = torch.linspace(0, mel(_HIGHEST_HERTZ), config.bands + 2)[1:-1]
    position = (centres - lowest) / (highest - lowest) * (config.context_bands - 1)
    position = position.clamp(0, config.context_bands - 1)
    shares = (1.0 - (torch.arange(config.context_bands)[:, None] - position).abs()).clamp(min=0.0)
    return shares / filters.sum(dim=1)[:, None]

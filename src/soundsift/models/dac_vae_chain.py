"""The DAC-VAE codec as chains of layers, each of which can be run on an interval of its output.

Encoder and decoder are chains of convolutions. From an interval of the output follows, layer by
layer backwards, which interval of each layer's input is needed, cut off at the ends of the signal,
where the network sees zeros.

Activations are `(batch, positions, channels)` here, the layout in which convolutions on a CPU are
fastest, and which lets a transposed convolution be a plain one: `rate` outputs, side by side as
channels, are `rate` positions.

A `Backend` runs a chain. `PortableBackend` is the reference, in PyTorch;
`soundsift.models.dac_vae_native` computes the same in compiled C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.models.dac_vae import (
    DacVae,
    DecoderBlock,
    EncoderBlock,
    LatentEncoder,
    ResidualUnit,
    Snake,
)

#: Size of the pieces that PyTorch computes at a time on a CPU: a megabyte, but so many positions.
_CACHED_NUMBERS, _SHORTEST_PIECE = 2**18, 1024


class Interval(NamedTuple):
    """Positions `start` to `stop - 1` of some layer's input or output."""

    start: int
    stop: int

    def within(self, length: int) -> Interval:
        """What of it lies in `0..length`."""
        return Interval(max(self.start, 0), min(self.stop, length))


@dataclass(frozen=True)
class Layer:
    """A link of the chain: a convolution, perhaps behind a Snake, or a residual unit.

    Attributes:
        weight: `(out, in, taps)`, of a plain convolution.
        bias: `(out,)`.
        snake: in front of the convolution.
        stride, dilation: of the convolution.
        padding: zeros in front of the signal.
        rate: by how much an upsampling layer multiplies positions, else 1. Its weight has
            `rate * channels` outputs, that is `rate` positions, of which the first `crop` fall off.
        crop: see `rate`.
        second: of a residual unit: Snake and convolution of width 1 that follow, and an identity
            around it all.
        packed: what a backend made of the weights, which are then on the device "meta".
    """

    weight: Tensor
    bias: Tensor
    snake: Snake | None = None
    stride: int = 1
    dilation: int = 1
    padding: int = 0
    rate: int = 1
    crop: int = 0
    second: tuple[Snake, nn.Conv1d] | None = None
    packed: object = None

    @property
    def taps(self) -> int:
        """Width of the convolution."""
        return int(self.weight.shape[2])

    @property
    def channels_in(self) -> int:
        """Channels of the input."""
        return int(self.weight.shape[1])

    @property
    def channels_out(self) -> int:
        """Channels of the output, per position."""
        return int(self.weight.shape[0]) // self.rate

    def length(self, positions: int) -> int:
        """Positions that come out of so many."""
        if self.rate > 1:
            return positions * self.rate
        reach = (self.taps - 1) * self.dilation + 1
        return (positions + 2 * self.padding - reach) // self.stride + 1

    def rows(self, want: Interval) -> Interval:
        """Outputs of the plain convolution that an interval of the layer's output is made of."""
        if self.rate == 1:
            return want
        return Interval(
            (want.start + self.crop) // self.rate, (want.stop - 1 + self.crop) // self.rate + 1
        )

    def needs(self, want: Interval) -> Interval:
        """The interval of the input that an interval of the output depends on, ends not cut off."""
        rows = self.rows(want)
        start = rows.start * self.stride - self.padding
        reach = (self.taps - 1) * self.dilation
        return Interval(start, (rows.stop - 1) * self.stride - self.padding + reach + 1)


def encoder_chain(codec: DacVae | LatentEncoder) -> list[Layer]:
    """The encoder's layers and the bottleneck's mean."""
    encoder = codec.encoder
    layers = [_layer(encoder.first)]
    for block in encoder.blocks:
        assert isinstance(block, EncoderBlock)
        layers += [_unit(unit) for unit in block.units]
        layers.append(_layer(block.down, block.snake))
    layers.append(_layer(encoder.last, encoder.snake))
    mean = slice(codec.config.codebook_dim)
    assert codec.to_gaussian.bias is not None
    layers.append(Layer(codec.to_gaussian.weight[mean], codec.to_gaussian.bias[mean]))
    return layers


def decoder_chain(codec: DacVae) -> list[Layer]:
    """The layers from latents to the wave, but for the final tanh."""
    decoder = codec.decoder
    layers = [_layer(codec.from_latent), _layer(decoder.first)]
    for block in decoder.blocks:
        assert isinstance(block, DecoderBlock)
        layers.append(_upsampling(block.up, block.snake))
        layers += [_unit(unit) for unit in block.units]
    layers.append(_layer(decoder.last, decoder.snake))
    return layers


def _layer(conv: nn.Conv1d, snake: Snake | None = None) -> Layer:
    assert conv.bias is not None
    return Layer(
        conv.weight,
        conv.bias,
        snake,
        stride=conv.stride[0],
        dilation=conv.dilation[0],
        padding=_padding(conv),
    )


def _unit(unit: nn.Module) -> Layer:
    assert isinstance(unit, ResidualUnit)
    return replace(_layer(unit.conv1, unit.snake1), second=(unit.snake2, unit.conv2))


def _upsampling(conv: nn.ConvTranspose1d, snake: Snake) -> Layer:
    """Each input reaches 2 * rate outputs: so each `rate` outputs see two inputs, a plain width."""
    rate = conv.stride[0]
    assert conv.bias is not None
    channels_in, channels_out, _ = conv.weight.shape
    taps = conv.weight.view(channels_in, channels_out, 2, rate).flip(2)  # the earlier comes first
    weight = taps.permute(3, 1, 0, 2).reshape(rate * channels_out, channels_in, 2)
    bias = conv.bias.repeat(rate)
    return Layer(weight, bias, snake, padding=1, rate=rate, crop=_padding(conv))


def _padding(conv: nn.Conv1d | nn.ConvTranspose1d) -> int:
    padding = conv.padding[0]
    assert isinstance(padding, int)  # not the word "same"
    return padding


def trace_back(layers: Sequence[Layer], length: int, wanted: Interval) -> list[Interval]:
    """What an interval of a chain's output depends on.

    Args:
        layers: the chain.
        length: positions of its whole input.
        wanted: the interval of its output.

    Returns:
        Intervals of the chain's input and of each layer's output; the last is `wanted`.
    """
    lengths = [length]
    for layer in layers[:-1]:
        lengths.append(layer.length(lengths[-1]))
    intervals = [wanted]
    for layer, positions in zip(reversed(layers), reversed(lengths), strict=True):
        intervals.append(layer.needs(intervals[-1]).within(positions))
    return intervals[::-1]


class Backend(Protocol):
    """Runs a chain; equal to `PortableBackend` within rounding."""

    def prepare(self, layers: list[Layer]) -> list[Layer]:
        """Rearrange a chain's weights once, for `run`."""

    def run(self, layers: Sequence[Layer], x: Tensor, intervals: Sequence[Interval]) -> Tensor:
        """Run the layers.

        Args:
            layers: the chain.
            x: the interval `intervals[0]` of its input, `(batch, positions, channels)`.
            intervals: of the chain's input and of every layer's output.

        Returns:
            The interval `intervals[-1]` of its output, `(batch, positions, channels)`.
        """


class PortableBackend:
    """Runs a chain in PyTorch's own operations, on any device; the reference for other backends."""

    def prepare(self, layers: list[Layer]) -> list[Layer]:
        """See `Backend.prepare`."""
        return layers

    def run(self, layers: Sequence[Layer], x: Tensor, intervals: Sequence[Interval]) -> Tensor:
        """See `Backend.run`."""
        for layer, have, want in zip(layers, intervals, intervals[1:], strict=False):
            if x.device.type == "cpu":
                x = _run_in_pieces(layer, x, have, want)
            else:
                x = _run_layer(layer, x, have, want)
        return x


def _run_in_pieces(layer: Layer, x: Tensor, have: Interval, want: Interval) -> Tensor:
    """The same as `_run_layer`, in pieces whose intermediate results stay in the cache."""
    batch, channels = x.shape[0], layer.channels_out
    # Not much shorter: oneDNN rearranges the weights at every call.
    size = max(_CACHED_NUMBERS // (batch * channels), _SHORTEST_PIECE)
    y = x.new_empty(batch, want.stop - want.start, channels)
    for start in range(want.start, want.stop, size):
        piece = Interval(start, min(start + size, want.stop))
        needed = layer.needs(piece)
        part = Interval(max(needed.start, have.start), min(needed.stop, have.stop))
        y[:, start - want.start : piece.stop - want.start] = _run_layer(
            layer, x[:, part.start - have.start : part.stop - have.start], part, piece
        )
    return y


def _run_layer(layer: Layer, x: Tensor, have: Interval, want: Interval) -> Tensor:
    needed = layer.needs(want)
    y = x if layer.snake is None else _snake(layer.snake, x)
    y = functional.pad(y, (0, 0, have.start - needed.start, needed.stop - have.stop))
    y = _convolve(y, layer.weight, layer.bias, layer.stride, layer.dilation)
    if layer.second is not None:
        snake, conv = layer.second
        assert conv.bias is not None
        y = _convolve(_snake(snake, y), conv.weight, conv.bias)
        return y.add_(x[:, want.start - have.start : want.stop - have.start])
    if layer.rate > 1:
        y = y.reshape(y.shape[0], -1, layer.channels_out)
        begin = layer.rows(want).start * layer.rate - layer.crop
        y = y[:, want.start - begin : want.stop - begin]
    return y


def _snake(snake: Snake, x: Tensor) -> Tensor:
    wave = (x * snake.alpha).sin_()
    return torch.addcmul(x, wave, wave * snake.inverse())


def _convolve(
    x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1, dilation: int = 1
) -> Tensor:
    """Convolve `(batch, positions, in)` without padding.

    The tensor that oneDNN sees is the same memory as a picture of height 1, channels last.
    """
    picture = x.transpose(1, 2)[:, :, None]
    y = functional.conv2d(
        picture, weight[:, :, None], bias, stride=(1, stride), dilation=(1, dilation)
    )
    return y[:, :, 0].transpose(1, 2)

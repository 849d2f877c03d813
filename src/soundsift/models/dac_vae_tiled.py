"""The DAC-VAE codec in tiles: the result of the whole, in memory that does not grow with length.

Encoder and decoder are chains of convolutions. From a stretch of the output it follows, layer by
layer backwards, which stretch of each layer's input is needed, cut off at the ends of the signal,
where the network sees zeros. Each layer then computes just that: no value differs from the whole
signal's by more than rounding, wherever the tiles are cut.

Activations are `(batch, positions, channels)` here, the layout that convolutions on a CPU are
fastest in, and that lets a transposed convolution be a plain one: `rate` outputs, side by side as
channels, are `rate` positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.models.dac_vae import (
    DacVae,
    DecoderBlock,
    EncoderBlock,
    ResidualUnit,
    Snake,
    pad_to_frames,
)

#: 1.3 seconds: computing the tiles' surroundings twice costs a few percent, and what is in memory
#: at a time grows with them.
TILE_FRAMES = 32

#: Size of the pieces that PyTorch computes at a time on a CPU: a megabyte, but so many positions.
_CACHED_NUMBERS, _SHORTEST_PIECE = 2**18, 1024


class Stretch(NamedTuple):
    """Positions `start` to `stop - 1` of some layer's input or output."""

    start: int
    stop: int

    def within(self, length: int) -> Stretch:
        """What of it lies in `0..length`."""
        return Stretch(max(self.start, 0), min(self.stop, length))


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

    def rows(self, want: Stretch) -> Stretch:
        """Outputs of the plain convolution that a stretch of the layer's output is made of."""
        if self.rate == 1:
            return want
        return Stretch(
            (want.start + self.crop) // self.rate, (want.stop - 1 + self.crop) // self.rate + 1
        )

    def needs(self, want: Stretch) -> Stretch:
        """The stretch of the input that a stretch of the output depends on, ends not cut off."""
        rows = self.rows(want)
        start = rows.start * self.stride - self.padding
        reach = (self.taps - 1) * self.dilation
        return Stretch(start, (rows.stop - 1) * self.stride - self.padding + reach + 1)


class Backend(Protocol):
    """Something that runs a chain."""

    def prepare(self, layers: list[Layer]) -> list[Layer]:
        """Rearrange a chain's weights once, in whatever way suits `run`."""

    def run(self, layers: Sequence[Layer], x: Tensor, stretches: Sequence[Stretch]) -> Tensor:
        """Run the layers.

        Args:
            layers: the chain.
            x: the stretch `stretches[0]` of its input, `(batch, positions, channels)`.
            stretches: of the chain's input and of every layer's output.

        Returns:
            The stretch `stretches[-1]` of its output, `(batch, positions, channels)`.
        """


class PortableBackend:
    """In PyTorch's own operations, on any device."""

    def prepare(self, layers: list[Layer]) -> list[Layer]:
        """See `Backend.prepare`."""
        return layers

    def run(self, layers: Sequence[Layer], x: Tensor, stretches: Sequence[Stretch]) -> Tensor:
        """See `Backend.run`."""
        for layer, have, want in zip(layers, stretches, stretches[1:], strict=False):
            if x.device.type == "cpu":
                x = _run_in_pieces(layer, x, have, want)
            else:
                x = _run_layer(layer, x, have, want)
        return x


def _run_in_pieces(layer: Layer, x: Tensor, have: Stretch, want: Stretch) -> Tensor:
    """The same as `_run_layer`, in pieces whose intermediate results stay in the cache."""
    batch, channels = x.shape[0], layer.channels_out
    # Not much shorter: oneDNN rearranges the weights at every call.
    size = max(_CACHED_NUMBERS // (batch * channels), _SHORTEST_PIECE)
    y = x.new_empty(batch, want.stop - want.start, channels)
    for start in range(want.start, want.stop, size):
        piece = Stretch(start, min(start + size, want.stop))
        needed = layer.needs(piece)
        part = Stretch(max(needed.start, have.start), min(needed.stop, have.stop))
        y[:, start - want.start : piece.stop - want.start] = _run_layer(
            layer, x[:, part.start - have.start : part.stop - have.start], part, piece
        )
    return y


def _run_layer(layer: Layer, x: Tensor, have: Stretch, want: Stretch) -> Tensor:
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


def encoder_chain(codec: DacVae) -> list[Layer]:
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


def trace_back(layers: Sequence[Layer], length: int, wanted: Stretch) -> list[Stretch]:
    """What a stretch of a chain's output depends on.

    Args:
        layers: the chain.
        length: positions of its whole input.
        wanted: the stretch of its output.

    Returns:
        Stretches of the chain's input and of each layer's output; the last is `wanted`.
    """
    lengths = [length]
    for layer in layers[:-1]:
        lengths.append(layer.length(lengths[-1]))
    stretches = [wanted]
    for layer, positions in zip(reversed(layers), reversed(lengths), strict=True):
        stretches.append(layer.needs(stretches[-1]).within(positions))
    return stretches[::-1]


class TiledCodec:
    """A codec prepared for inference; its weights must not change any more.

    Args:
        codec: the codec.
        backend: what computes; PyTorch unless given.
    """

    def __init__(self, codec: DacVae, backend: Backend | None = None) -> None:
        self.backend = backend or PortableBackend()
        self.samples_per_frame = codec.config.samples_per_frame
        with torch.no_grad():
            self._encoder = self.backend.prepare(encoder_chain(codec))
            self._decoder = self.backend.prepare(decoder_chain(codec))

    @property
    def packed(self) -> bool:
        """Whether the backend has copies of all weights."""
        return all(layer.packed is not None for layer in (*self._encoder, *self._decoder))

    def encode(self, wave: Tensor, tile_frames: int = TILE_FRAMES) -> Tensor:
        """Latents `(batch, frames, codebook_dim)` of a wave `(batch, 1, samples)`."""
        padded = pad_to_frames(wave, self.samples_per_frame).transpose(1, 2)
        return torch.cat(list(self._tiles(self._encoder, padded, tile_frames)), dim=1)

    def decode_blocks(self, latents: Tensor, tile_frames: int = TILE_FRAMES) -> Iterator[Tensor]:
        """The wave of latents `(batch, frames, codebook_dim)`, in blocks `(batch, 1, samples)`."""
        tile = tile_frames * self.samples_per_frame
        for block in self._tiles(self._decoder, latents, tile):
            yield block.tanh_().transpose(1, 2)

    def decode(self, latents: Tensor, tile_frames: int = TILE_FRAMES) -> Tensor:
        """The wave `(batch, 1, samples)` of latents `(batch, frames, codebook_dim)`."""
        return torch.cat(list(self.decode_blocks(latents, tile_frames)), dim=-1)

    def _tiles(self, layers: list[Layer], x: Tensor, tile: int) -> Iterator[Tensor]:
        if tile < 1:
            raise ValueError("a tile must have at least one frame")
        length = x.shape[1]
        for layer in layers:
            length = layer.length(length)
        for start in range(0, length, tile):
            wanted = Stretch(start, min(start + tile, length))
            stretches = trace_back(layers, x.shape[1], wanted)
            begin, end = stretches[0]
            with torch.no_grad():
                yield self.backend.run(layers, x[:, begin:end], stretches)


def optimise_for_inference(codec: DacVae, keep_weights: bool = True) -> DacVae:
    """Let a codec's `encode` and `decode` take the fastest way that this machine has on the CPU.

    In tiles; in compiled C if the processor has AVX2 or more and there is a C compiler, otherwise
    in PyTorch. On other devices, and where gradients are wanted, the codec works as before. It must
    not be trained afterwards: rearranged copies of its weights are kept.

    Args:
        codec: changed in place.
        keep_weights: Whether the codec keeps weights of which there are rearranged copies. Without
            them it only works on the CPU, in float32 and without gradients.

    Returns:
        The same codec.
    """
    from soundsift.models.dac_vae_native import NativeBackend  # is made of this module's layers

    codec.fast = fast = TiledCodec(codec, NativeBackend.create())
    if not keep_weights and fast.packed:
        for part in (codec.encoder, codec.to_gaussian, codec.from_latent, codec.decoder):
            for layer in part.modules():
                if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
                    layer.to("meta")
    return codec


def encode_tiled(codec: DacVae, wave: Tensor, tile_frames: int = TILE_FRAMES) -> Tensor:
    """`codec.encode(wave)`, tile by tile, without gradients.

    Args:
        codec: the codec, on the wave's device.
        wave: `(batch, 1, samples)`.
        tile_frames: latent frames at a time.

    Returns:
        `(batch, frames, codebook_dim)`.
    """
    return _prepared(codec, wave).encode(wave, tile_frames)


def decode_tiled(codec: DacVae, latents: Tensor, tile_frames: int = TILE_FRAMES) -> Tensor:
    """`codec.decode(latents)`, tile by tile, without mark and gradients.

    Args:
        codec: the codec, on the latents' device.
        latents: `(batch, frames, codebook_dim)`.
        tile_frames: latent frames at a time.

    Returns:
        `(batch, 1, samples)`.
    """
    return _prepared(codec, latents).decode(latents, tile_frames)


def decode_blocks(
    codec: DacVae, latents: Tensor, tile_frames: int = TILE_FRAMES
) -> Iterator[Tensor]:
    """The same, block after block `(batch, 1, samples)`, for writing while decoding."""
    return _prepared(codec, latents).decode_blocks(latents, tile_frames)


def _prepared(codec: DacVae, x: Tensor) -> TiledCodec:
    fast = codec.fast
    if isinstance(fast, TiledCodec) and x.device.type == "cpu" and x.dtype == torch.float32:
        return fast
    return TiledCodec(codec)

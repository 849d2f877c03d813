"""The DAC-VAE codec in tiles: the result of the whole, in memory that does not grow with length.

Each layer of a chain (`soundsift.models.dac_vae_chain`) computes just the interval that a tile of
the output needs. Wherever the tiles are cut, values differ from the whole signal's by rounding.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from soundsift.models.dac_vae import DacVae, LatentEncoder, pad_to_frames
from soundsift.models.dac_vae_chain import (
    Backend,
    Interval,
    Layer,
    PortableBackend,
    decoder_chain,
    encoder_chain,
    trace_back,
)
from soundsift.models.dac_vae_native import NativeBackend

#: 1.3 seconds: computing the tiles' surroundings twice costs a few percent, and what is in memory
#: at a time grows with them.
TILE_FRAMES = 32


class TiledCodec:
    """A codec prepared for inference; its weights must not change afterwards.

    Args:
        codec: the codec.
        backend: runs the layers; `PortableBackend` unless given.
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
        return torch.cat(list(_tiles(self.backend, self._encoder, padded, tile_frames)), dim=1)

    def decode_blocks(self, latents: Tensor, tile_frames: int = TILE_FRAMES) -> Iterator[Tensor]:
        """The wave of latents `(batch, frames, codebook_dim)`, in blocks `(batch, 1, samples)`."""
        tile = tile_frames * self.samples_per_frame
        for block in _tiles(self.backend, self._decoder, latents, tile):
            yield block.tanh_().transpose(1, 2)

    def decode(self, latents: Tensor, tile_frames: int = TILE_FRAMES) -> Tensor:
        """The wave `(batch, 1, samples)` of latents `(batch, frames, codebook_dim)`."""
        return torch.cat(list(self.decode_blocks(latents, tile_frames)), dim=-1)


class TiledEncoder:
    """The way from waves to latents alone, prepared for inference on the CPU.

    Args:
        codec: its weights must not change afterwards.
        backend: runs the layers; compiled C where possible unless given.
    """

    def __init__(self, codec: LatentEncoder, backend: Backend | None = None) -> None:
        self.sample_rate = codec.config.sample_rate
        self.samples_per_frame = codec.config.samples_per_frame
        self._device = codec.to_gaussian.weight.device
        native = NativeBackend.create() if self._device.type == "cpu" else None
        self._backend = backend or native or PortableBackend()
        with torch.no_grad():
            self._layers = self._backend.prepare(encoder_chain(codec))

    def encode(self, wave: Tensor, tile_frames: int = TILE_FRAMES) -> Tensor:
        """Latents `(batch, frames, codebook_dim)` of a wave `(batch, 1, samples)`."""
        padded = pad_to_frames(wave.to(self._device), self.samples_per_frame).transpose(1, 2)
        return torch.cat(list(_tiles(self._backend, self._layers, padded, tile_frames)), dim=1)


def _tiles(backend: Backend, layers: list[Layer], x: Tensor, tile: int) -> Iterator[Tensor]:
    """The output of a chain for `(batch, positions, channels)`, tile by tile."""
    if tile < 1:
        raise ValueError("a tile must have at least one frame")
    length = x.shape[1]
    for layer in layers:
        length = layer.length(length)
    for start in range(0, length, tile):
        wanted = Interval(start, min(start + tile, length))
        intervals = trace_back(layers, x.shape[1], wanted)
        begin, end = intervals[0]
        with torch.no_grad():
            yield backend.run(layers, x[:, begin:end], intervals)


def optimise_for_inference(codec: DacVae, keep_weights: bool = True) -> DacVae:
    """Speed up a codec's `encode` and `decode` on the CPU.

    They compute in tiles: in compiled C if the processor has AVX2 and there is a C compiler, else
    in PyTorch. On other devices, and with gradients, the codec works as before. It must not be
    trained afterwards: rearranged copies of its weights are kept.

    Args:
        codec: changed in place.
        keep_weights: whether the codec keeps weights of which there are rearranged copies. Without
            them it works only on the CPU, in float32 and without gradients.

    Returns:
        The same codec.
    """
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
    """`codec.decode(latents)`, tile by tile, without watermark and gradients.

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

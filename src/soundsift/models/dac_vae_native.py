"""A backend for the DAC-VAE codec in compiled C (`dac_vae_kernels.c`).

It computes what `soundsift.models.dac_vae_chain.PortableBackend` computes, and is the only module
that calls the C file. PyTorch's convolutions leave a third of the vector units' throughput unused,
and write every Snake, bias and residual sum to memory. On Intel's AMX units, PyTorch offers
bfloat16, whose 8 bits of mantissa are too few for the codec. The C file uses float32 vectors, or
AMX with three products of bfloat16 halves that are added up in float32.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from soundsift.models.dac_vae import Snake
from soundsift.models.dac_vae_chain import Interval, Layer, PortableBackend
from soundsift.native import compile_library

_SOURCE = Path(__file__).with_name("dac_vae_kernels.c")
#: Channels in a block of the C file's weights, and positions in a block of its outputs.
_BLOCK = 32


class _Convolution(ctypes.Structure):
    """`conv_t` of the C file."""

    _fields_ = (
        ("channels_in", ctypes.c_int32),
        ("channels_out", ctypes.c_int32),
        ("taps", ctypes.c_int32),
        ("stride", ctypes.c_int32),
        ("dilation", ctypes.c_int32),
        ("weights", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("alpha", ctypes.c_void_p),
        ("inverse", ctypes.c_void_p),
    )


class _Packed:
    """A convolution as the C file reads it; keeps the memory alive that it points to."""

    def __init__(
        self,
        instructions: Instructions,
        weight: Tensor,
        bias: Tensor,
        snake: Snake | None,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        outputs, inputs, taps = weight.shape
        missing = -outputs % _BLOCK
        if missing:
            weight = nn.functional.pad(weight, (0, 0, 0, 0, 0, missing))
        self.weights = instructions.pack(weight.detach().float())
        self.bias = nn.functional.pad(bias.detach().float(), (0, missing)).contiguous()
        self.alpha = self.inverse = None
        if snake is not None:
            self.alpha = snake.alpha.detach().float().contiguous()
            self.inverse = snake.inverse().detach().float().contiguous()
        self.struct = _Convolution(
            inputs,
            outputs,
            taps,
            stride,
            dilation,
            self.weights.data_ptr(),
            self.bias.data_ptr(),
            None if self.alpha is None else self.alpha.data_ptr(),
            None if self.inverse is None else self.inverse.data_ptr(),
        )


class _Spread:
    """The encoder's first layer, from one channel, as the C file reads it."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weights = weight.detach()[:, 0].t().float().contiguous()
        self.bias = bias.detach().float().contiguous()


@dataclass(frozen=True)
class _Links:
    """The one or two convolutions of a layer, packed."""

    first: _Packed | _Spread
    second: _Packed | None

    @classmethod
    def of(cls, layer: Layer, instructions: Instructions) -> _Links:
        if layer.channels_in == 1:
            return cls(_Spread(layer.weight, layer.bias), None)
        first = _Packed(
            instructions, layer.weight, layer.bias, layer.snake, layer.stride, layer.dilation
        )
        if layer.second is None:
            return cls(first, None)
        snake, conv = layer.second
        assert conv.bias is not None
        return cls(first, _Packed(instructions, conv.weight, conv.bias, snake))


def _tiles(weight: Tensor) -> Tensor:
    """Split `(out, in, taps)` into high and low bfloat16 and lay them out in tiles."""
    outputs, inputs, taps = weight.shape
    #                  block of outputs, tile, output, block of inputs, pair, of the pair, tap
    rows = weight.view(outputs // 32, 2, 16, inputs // 32, 16, 2, taps)
    packed = torch.empty(outputs // 32, taps, inputs // 32, 2, 2, 16, 16, 2, dtype=torch.bfloat16)
    for block, tiles in zip(rows, packed, strict=True):
        high = block.bfloat16()
        for part, values in enumerate((high, block - high.float())):
            tiles[:, :, part] = values.permute(5, 2, 0, 3, 1, 4)
    return packed


def _rows(weight: Tensor) -> Tensor:
    """Lay out `(out, in, taps)` in rows of a block of outputs."""
    outputs, inputs, taps = weight.shape
    blocks = weight.view(outputs // _BLOCK, _BLOCK, inputs, taps)
    return blocks.permute(0, 3, 2, 1).contiguous()


@dataclass(frozen=True)
class Instructions:
    """An instruction set that the C file can be compiled for.

    Attributes:
        flags: compiler flags.
        pack: lays a weight `(out, in, taps)`, in whole blocks of outputs, out as the C file reads.
    """

    flags: tuple[str, ...]
    pack: Callable[[Tensor], Tensor]


#: The fastest first.
INSTRUCTIONS = {
    "amx": Instructions(("-march=x86-64-v4", "-mavx512bf16", "-mamx-tile", "-mamx-bf16"), _tiles),
    "avx512": Instructions(("-mavx512f", "-mfma"), _rows),
    "avx2": Instructions(("-mavx2", "-mfma"), _rows),
}


def supported_instructions() -> list[str]:
    """Which of `INSTRUCTIONS` this processor has."""
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    level = torch.backends.cpu.get_cpu_capability()
    possible = {
        "amx": known.get("amx_bf16", False) and known.get("avx512_bf16", False),
        "avx512": level == "AVX512",
        "avx2": level in ("AVX512", "AVX2"),
    }
    return [name for name in INSTRUCTIONS if possible[name]]


class NativeBackend:
    """Runs chains of layers in the compiled C file; `create` makes one.

    Args:
        library: the C file, compiled.
        instructions: what it was compiled for.
    """

    def __init__(self, library: ctypes.CDLL, instructions: Instructions) -> None:
        self._library, self._instructions = library, instructions
        library.scratch_bytes.restype = ctypes.c_int64
        self._threads = torch.get_num_threads()
        self._pool, self._process = ThreadPoolExecutor(self._threads), os.getpid()
        self._spare: list[tuple[Tensor, Tensor]] = []

    @classmethod
    def create(cls, names: Sequence[str] | None = None) -> NativeBackend | None:
        """A backend for this machine.

        Args:
            names: instruction sets to try in turn; unless given, those that the processor has.

        Returns:
            None without a compiler, or if the processor or the kernel does not allow the units.
        """
        for name in supported_instructions() if names is None else names:
            instructions = INSTRUCTIONS[name]
            library = compile_library(_SOURCE, ("-O3", "-ffp-contract=fast", *instructions.flags))
            if library is not None and library.request_units() == 0:
                return cls(library, instructions)
        return None

    def prepare(self, layers: list[Layer]) -> list[Layer]:
        """See `Backend.prepare`; chains of other sizes than the C file can do stay as they are."""
        if not all(_fits(layer) for layer in layers):
            return layers
        prepared = []
        while layers:  # so that what is packed can be freed
            layer = layers.pop(0)
            weight = layer.weight.to("meta")
            prepared.append(
                replace(layer, weight=weight, packed=_Links.of(layer, self._instructions))
            )
        return prepared

    def run(self, layers: Sequence[Layer], x: Tensor, intervals: Sequence[Interval]) -> Tensor:
        """See `Backend.run`."""
        if layers[0].packed is None:
            return PortableBackend().run(layers, x, intervals)
        room = max(
            (rows.stop - rows.start) * layer.rate * layer.channels_out
            for layer, want in zip(layers, intervals[1:], strict=True)
            for rows in [layer.rows(want)]
        )
        memory = self._take_memory(room, self._scratch_bytes(layers))
        outputs = [self._run(layers, item, intervals, *memory) for item in x]
        self._spare[:] = [memory]
        return torch.stack(outputs)

    def _take_memory(self, numbers: int, scratch_bytes: int) -> tuple[Tensor, Tensor]:
        """Two buffers, of which a layer reads one and writes the other, and a scratch per thread.

        The last tile's, if they are large enough: the kernel zeroes what is new to the process,
        which takes long. Two threads that decode at the same time don't get the same.
        """
        try:
            buffers, scratch = self._spare.pop()
            if buffers.shape[1] >= numbers and scratch.shape[1] >= scratch_bytes:
                return buffers, scratch
        except IndexError:
            pass
        return torch.empty(2, numbers), torch.empty(self._threads, scratch_bytes, dtype=torch.uint8)

    def _run(
        self,
        layers: Sequence[Layer],
        item: Tensor,
        intervals: Sequence[Interval],
        buffers: Tensor,
        scratch: Tensor,
    ) -> Tensor:
        source = item.float().contiguous()
        address, offset = source.data_ptr(), 0
        for i, layer in enumerate(layers):
            have, want = intervals[i], intervals[i + 1]
            rows = layer.rows(want)
            target = buffers[i % 2]
            source_address = address + 4 * offset * layer.channels_in
            self._compute(layer, source_address, have, rows, target, scratch)
            address = target.data_ptr()
            # Positions of an upsampling layer that were computed and are not wanted.
            offset = want.start - (rows.start * layer.rate - layer.crop)
        wanted, channels = intervals[-1], layers[-1].channels_out
        return target[: (wanted.stop - wanted.start) * channels].view(-1, channels).clone()

    def _compute(
        self,
        layer: Layer,
        source: int,
        have: Interval,
        rows: Interval,
        target: Tensor,
        scratch: Tensor,
    ) -> None:
        """Write the convolution's outputs `rows` to the target."""
        count, length = rows.stop - rows.start, have.stop - have.start
        start = rows.start * layer.stride - layer.padding - have.start
        links = _links(layer)
        first, second = links.first, links.second

        def piece(worker: int) -> None:
            # Whole blocks to each worker.
            blocks = -(-count // _BLOCK)
            begin, end = (
                min(count, blocks * w // self._threads * _BLOCK) for w in (worker, worker + 1)
            )
            if begin == end:
                return
            if isinstance(first, _Packed):
                self._library.convolve(
                    ctypes.byref(first.struct),
                    None if second is None else ctypes.byref(second.struct),
                    *_pointers_and_longs(source, length, start),
                    ctypes.c_int64(rows.start - have.start),
                    *_pointers_and_longs(target.data_ptr(), begin, end),
                    ctypes.c_void_p(scratch[worker].data_ptr()),
                )
            else:
                self._library.spread(
                    *_pointers_and_longs(source, length, start),
                    ctypes.c_void_p(first.weights.data_ptr()),
                    ctypes.c_void_p(first.bias.data_ptr()),
                    ctypes.c_int64(layer.taps),
                    ctypes.c_int64(layer.channels_out),
                    *_pointers_and_longs(target.data_ptr(), begin, end),
                )

        if self._process != os.getpid():
            # The pool's threads don't survive a fork.
            self._pool, self._process = ThreadPoolExecutor(self._threads), os.getpid()
        # A call into the library lets go of the interpreter's lock.
        list(self._pool.map(piece, range(self._threads)))

    def _scratch_bytes(self, layers: Sequence[Layer]) -> int:
        most = 0
        for layer in layers:
            links = _links(layer)
            if isinstance(links.first, _Packed):
                inner = None if links.second is None else ctypes.byref(links.second.struct)
                size = self._library.scratch_bytes(ctypes.byref(links.first.struct), inner)
                most = max(most, int(size))
        return most


def _pointers_and_longs(pointer: int, first: int, second: int) -> tuple[object, ...]:
    return ctypes.c_void_p(pointer), ctypes.c_int64(first), ctypes.c_int64(second)


def _links(layer: Layer) -> _Links:
    assert isinstance(layer.packed, _Links)
    return layer.packed


def _fits(layer: Layer) -> bool:
    """Whether the channels come in whole blocks, as in the released sizes."""
    if layer.channels_in == 1:
        return layer.channels_out % 16 == 0 and layer.snake is None
    return layer.channels_in % _BLOCK == 0

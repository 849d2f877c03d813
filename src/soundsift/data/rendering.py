"""Sound of drawn scenes, many at once, on any device.

Every effect is computed for all sources that have it. What is drawn does not depend on the device,
and the sound only by rounding.

Shapes: S scenes, R sources of all scenes in turn, N samples at 48 kHz, F frames of 20 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from soundsift.config import SAMPLE_RATE
from soundsift.data import effects
from soundsift.data.bank import Bank, Clip
from soundsift.data.drawn import DrawnScene, DrawnSource, Edge, Piece, Stretch
from soundsift.data.spans import FRAME_SECONDS

_FULL_SCALE = 32768.0
#: Samples beside a stretch that interpolation takes: one before and two after.
_BEFORE, _AFTER = 1, 2


class ClipSamples(Protocol):
    """Where clips' samples are."""

    device: torch.device

    def stretches(self, stretches: Sequence[Stretch]) -> tuple[Tensor, list[int]]:
        """16-bit samples of parts of clips, and where in them each begins.

        Beside each stretch lies what the clip has there, or silence.
        """
        ...


class BankSamples:
    """Clips read from a bank when they are needed.

    Args:
        bank: the bank.
        device: where their samples go.
    """

    def __init__(self, bank: Bank, device: torch.device | str = "cpu") -> None:
        self.bank, self.device = bank, torch.device(device)

    def stretches(self, stretches: Sequence[Stretch]) -> tuple[Tensor, list[int]]:
        """See `ClipSamples`."""
        parts, begins, at = [], [], 0
        for stretch in stretches:
            first = max(0, stretch.start - _BEFORE)
            last = min(stretch.clip.samples, stretch.start + stretch.length + _AFTER)
            part = self.bank.pcm(stretch.clip, first, last)
            before = _BEFORE - (stretch.start - first)
            part = np.pad(part, (before, _BEFORE + _AFTER + stretch.length - before - len(part)))
            parts.append(part)
            begins.append(at + _BEFORE)
            at += len(part)
        return torch.from_numpy(np.concatenate(parts)).to(self.device), begins


class ResidentSamples:
    """All clips of a bank on the device, decoded once.

    An hour takes 350 MB.

    Args:
        bank: the bank.
        device: where the samples lie.
        threads: how many decode.
    """

    def __init__(self, bank: Bank, device: torch.device | str, threads: int = 8) -> None:
        self.device = torch.device(device)
        self._begins: dict[tuple[str, int], int] = {}
        at = 0
        for clip in bank.clips:
            self._begins[clip.shard, clip.offset] = at + _BEFORE
            at += clip.samples + _BEFORE + _AFTER
        self._samples = torch.zeros(at, dtype=torch.int16, device=self.device)

        def decode(clip: Clip) -> tuple[Clip, NDArray[np.int16]]:
            return clip, np.array(bank.pcm(clip, 0, clip.samples, keep=False))

        with ThreadPoolExecutor(threads) as pool:
            for clip, wave in pool.map(decode, bank.clips):
                begin = self._begins[clip.shard, clip.offset]
                self._samples[begin : begin + len(wave)] = torch.from_numpy(wave)

    def stretches(self, stretches: Sequence[Stretch]) -> tuple[Tensor, list[int]]:
        """See `ClipSamples`."""
        begins = [self._begins[s.clip.shard, s.clip.offset] + s.start for s in stretches]
        return self._samples, begins


def render(scenes: Sequence[DrawnScene], clips: ClipSamples) -> Tensor:
    """Sound of scenes of one length.

    Args:
        scenes: the scenes.
        clips: samples of their clips.

    Returns:
        Waves of the sources of all scenes in turn `(R, N)`, float32.
    """
    return _render(
        [source for scene in scenes for source in scene.sources],
        [scene.microphone for scene in scenes for _ in scene.sources],
        scenes[0].samples,
        clips,
    )


def render_source(source: DrawnSource, samples: int, clips: ClipSamples) -> Tensor:
    """Sound of one source `(N,)`."""
    return _render([source], [None], samples, clips)[0]


def _render(
    sources: Sequence[DrawnSource],
    microphones: Sequence[effects.Filters | None],
    samples: int,
    clips: ClipSamples,
) -> Tensor:
    waves = _lay_out([source.pieces for source in sources], samples, clips)
    noises = {i: source.noise for i, source in enumerate(sources) if source.noise}
    if noises:
        made = effects.make_noise(list(noises.values()), samples, clips.device)
        waves[_index(noises, waves)] = made
    _scale_edges(waves, [source.edge for source in sources])
    effects.apply_filters(waves, [source.filters for source in sources])
    effects.damage(waves, [source.damage for source in sources])
    curves = {i: source.slow_gain for i, source in enumerate(sources) if source.slow_gain}
    if curves:
        gains = effects.slow_gains(list(curves.values()), samples, clips.device)
        waves[_index(curves, waves)] *= gains
    wanted = torch.tensor([source.level_db for source in sources], device=clips.device)
    gain_db = wanted - effects.active_level_db(waves)
    waves *= (10 ** (gain_db / 20))[:, None]
    effects.apply_filters(waves, microphones)
    _scale_edges(waves, [source.transient for source in sources])
    return waves


def frame_powers(waves: Tensor, counts: Sequence[int]) -> list[NDArray[np.float32]]:
    """Mean products of every two sources of a scene in frames of 20 ms.

    The power of any sum of sources follows from them.

    Args:
        waves: `(R, N)`.
        counts: how many sources each scene has.

    Returns:
        `(F, sources, sources)` of each scene.
    """
    frame = round(FRAME_SECONDS * SAMPLE_RATE)
    frames = functional.pad(waves, (0, -waves.shape[1] % frame)).reshape(len(waves), -1, frame)
    products = []
    for rows in torch.split(frames, list(counts)):
        by_frame = rows.transpose(0, 1)
        products.append((by_frame @ by_frame.transpose(1, 2)) / frame)
    # One copy from the device for all scenes.
    flat = torch.cat([product.flatten() for product in products]).cpu()
    found = torch.split(flat, [product.numel() for product in products])
    return [part.view(p.shape).numpy() for part, p in zip(found, products, strict=True)]


def _lay_out(sources: Sequence[Sequence[Piece]], samples: int, clips: ClipSamples) -> Tensor:
    """Clips in time `(R, N)`."""
    waves = torch.zeros(len(sources), samples, device=clips.device)
    stretches = {id(p.stretch): p.stretch for pieces in sources for p in pieces}
    if not stretches:
        return waves
    pcm, begins = clips.stretches(list(stretches.values()))
    begin = dict(zip(stretches, begins, strict=True))
    out = waves.view(-1)
    played: list[tuple[int, int, int, int, float]] = []
    for row, pieces in enumerate(sources):
        for piece in pieces:
            first, to = begin[id(piece.stretch)], row * samples + piece.at
            if piece.stretch.speed == 1.0:
                first += piece.skip
                out[to : to + piece.samples] = pcm[first : first + piece.samples]
            else:
                played.append((first, to, piece.skip, piece.samples, piece.stretch.speed))
    if played:
        _interpolate(pcm, out, played)
    return waves.mul_(1 / _FULL_SCALE)


def _interpolate(
    pcm: Tensor, out: Tensor, played: Sequence[tuple[int, int, int, int, float]]
) -> None:
    """Write pieces at their speeds, by the cubic through four neighbouring samples.

    Args:
        pcm: samples of clips.
        out: where the pieces go.
        played: of each piece, where its stretch begins in `pcm`, where the piece goes in `out`, how
            many samples of the stretch as played it skips and how many it takes, and its speed.
    """
    device = pcm.device
    first, to, skip, lengths = torch.tensor([p[:4] for p in played], device=device).T
    speeds = torch.tensor([p[4] for p in played], dtype=torch.float64, device=device)
    total = sum(p[3] for p in played)
    begin = lengths.cumsum(0) - lengths

    def spread(values: Tensor) -> Tensor:
        return values.repeat_interleave(lengths, output_size=total)

    number = torch.arange(total, device=device)
    position = (number + spread(skip - begin)) * spread(speeds)
    whole = position.floor()
    x = (position - whole).float()
    at = whole.long() + spread(first)
    before, here, after, later = (
        pcm.index_select(0, at + k).float() for k in range(-_BEFORE, _AFTER + 1)
    )
    # Coefficients of the cubic at -1, 0, 1 and 2.
    square = (after + before) / 2 - here
    cube = (later - after + before - here - 4 * square) / 6
    line = after - here - cube - square
    values = ((cube * x + square) * x + line) * x + here
    out.index_copy_(0, number + spread(to - begin), values)


def _scale_edges(waves: Tensor, edges: Sequence[Edge | None]) -> None:
    chosen = {i: edge for i, edge in enumerate(edges) if edge}
    if not chosen:
        return
    values = [(edge.at, edge.samples, edge.rises) for edge in chosen.values()]
    at, samples, rises = torch.tensor(values, dtype=torch.float32, device=waves.device).T[..., None]
    time = torch.arange(waves.shape[1], dtype=torch.float32, device=waves.device)
    rise = ((time - at) / samples).clamp(0, 1)
    waves[_index(chosen, waves)] *= torch.where(rises > 0, rise, 1 - rise)


def _index(rows: Mapping[int, object], waves: Tensor) -> Tensor:
    return torch.tensor(list(rows), device=waves.device)

"""Simulated faults of separators, made from the true stems of a scene."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from soundsift.models.mel_codec import MelCodec

Rng = np.random.Generator


def draw_fault(codec: MelCodec, target: Tensor, others: Tensor, rng: Rng) -> tuple[str, Tensor]:
    """A bad estimate of a target, and the fault's name.

    Args:
        codec: gives masks.
        target: `(samples,)`.
        others: `(sources, samples)`, everything else in the mixture.
        rng: draws the fault and how bad it is.
    """
    name = str(rng.choice(list(_FAULTS)))
    return name, _FAULTS[name](codec, target, others, rng)


def _missing(codec: MelCodec, target: Tensor, others: Tensor, rng: Rng) -> Tensor:  # noqa: ARG001
    """Parts of the target are missing, in time or altogether."""
    if rng.random() < 0.3:
        return target * float(10 ** (-rng.uniform(3, 40) / 20))
    gains = np.ones(len(target), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        start = int(rng.integers(len(gains)))
        gains[start : start + int(rng.uniform(0.1, 0.6) * len(gains))] = rng.uniform(0, 0.2)
    leak = others.sum(dim=0) * float(10 ** (-rng.uniform(10, 40) / 20))
    return target * torch.from_numpy(gains) + leak


def _leaked(codec: MelCodec, target: Tensor, others: Tensor, rng: Rng) -> Tensor:  # noqa: ARG001
    """The rest leaks into the target."""
    return target + others.sum(dim=0) * float(10 ** (-rng.uniform(0, 30) / 20))


def _wrong(codec: MelCodec, target: Tensor, others: Tensor, rng: Rng) -> Tensor:  # noqa: ARG001
    """Another source instead of the target, or most of it."""
    other = others[int(rng.integers(len(others)))]
    return other + target * float(10 ** (-rng.uniform(5, 40) / 20))


def _smeared(codec: MelCodec, target: Tensor, others: Tensor, rng: Rng) -> Tensor:
    """The mask is too coarse in time and frequency."""
    size = [2 * int(rng.integers(0, most)) + 1 for most in (8, 12)]
    mask = _mask(codec, target, others)[None]
    padding = [size[0] // 2, size[1] // 2]
    blurred = functional.avg_pool2d(mask, size, 1, padding, count_include_pad=False)
    return _masked(codec, blurred[0], target + others.sum(dim=0))


def _clipped(codec: MelCodec, target: Tensor, others: Tensor, rng: Rng) -> Tensor:  # noqa: ARG001
    """The target is clipped."""
    limit = float(target.abs().amax()) * float(rng.uniform(0.05, 0.6))
    leak = others.sum(dim=0) * float(10 ** (-rng.uniform(15, 40) / 20))
    return target.clamp(-limit, limit) + leak


def _musical(codec: MelCodec, target: Tensor, others: Tensor, rng: Rng) -> Tensor:
    """Single cells of the mask flicker."""
    mask = _mask(codec, target, others)
    flip = torch.from_numpy(rng.random(mask.shape) < rng.uniform(0.02, 0.4))
    noise = torch.from_numpy(rng.random(mask.shape).astype(np.float32))
    return _masked(codec, torch.where(flip, noise, mask), target + others.sum(dim=0))


def _nothing(codec: MelCodec, target: Tensor, others: Tensor, rng: Rng) -> Tensor:  # noqa: ARG001
    """The mixture itself, somewhat lower."""
    return (target + others.sum(dim=0)) * float(10 ** (-rng.uniform(0, 20) / 20))


def _good(codec: MelCodec, target: Tensor, others: Tensor, rng: Rng) -> Tensor:
    """No fault but that of a mask: some results must be good."""
    power = float(rng.uniform(0.7, 1.5))
    return _masked(codec, _mask(codec, target, others) ** power, target + others.sum(dim=0))


def _mask(codec: MelCodec, target: Tensor, others: Tensor) -> Tensor:
    """The ideal mask of cells, `(bands, columns)`."""
    spectra = codec.spectrum(target), codec.spectrum(others.sum(dim=0))
    wanted, rest = (codec.cross_energy(part, part) for part in spectra)
    return (wanted / (wanted + rest).clamp(min=1e-12)).sqrt().clamp(0, 1)


def _masked(codec: MelCodec, mask: Tensor, mixture: Tensor) -> Tensor:
    return codec.apply_mask(mask[None], mixture[None, None])[0, 0]


_FAULTS: dict[str, Callable[[MelCodec, Tensor, Tensor, Rng], Tensor]] = {
    "missing": _missing,
    "leaked": _leaked,
    "wrong": _wrong,
    "smeared": _smeared,
    "clipped": _clipped,
    "musical": _musical,
    "nothing": _nothing,
    "good": _good,
}

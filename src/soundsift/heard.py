"""How a masked mixture sounds, known from the energies of its cells.

A mask m that is constant over a cell leaves an error of energy `m^2 A - 2 m C + E` there, with A
the mixture's energy, C the real cross energy of mixture and target and E the target's energy. So
the signal-to-noise ratio of the decoded wave is known from the cells alone, and no wave has to be
made to learn from it.

Shapes: B queries, S spectrum columns.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

#: A sound this far below the mixture of what is asked about is not there, for all anyone can tell.
HEARD = 1e-3

#: Errors this far below the mixture no longer count: they would drown the examples that still sound
#: wrong.
_FLOOR = 10.0**-2.5
_ABSENT_FLOOR = 10.0**-2


class Energies(Protocol):
    """What is known of queries and their right answers, on a scale where a mixture's total is 1."""

    @property
    def mixture_energy(self) -> Tensor:
        """`(B, bands, S)`: |X|^2 pooled into cells."""

    @property
    def cross_energy(self) -> Tensor:
        """`(B, bands, S)`: Re(X* S), S the target."""

    @property
    def target_energy(self) -> Tensor:
        """`(B,)`: the target's total."""

    @property
    def present(self) -> Tensor:
        """`(B,)`, bool: whether the sound asked for is there."""

    @property
    def example_energy(self) -> Tensor:
        """`(B,)`: the target's in an example that goes along, where it counts as answered rightly.

        0 without.
        """


def heard_term(mask: Tensor, energies: Energies) -> Tensor:
    """How badly the masked mixture sounds, in bels, averaged over queries; lower is better.

    Where the target is present: half its ratio to the error, half the same up to a gain. The first
    alone teaches a model that is not sure to fall silent, and a silent mask hardly learns. Where it
    is absent: the output's level, down to -20 dB, at half the weight, for the same reason.

    Args:
        mask: `(B, bands, S)` in 0..1.
        energies: of queries and targets.
    """
    present = (heard_ratio_db(mask, energies) + scale_invariant_ratio_db(mask, energies)) / 2
    level = (mask.square() * energies.mixture_energy).sum(dim=(1, 2))
    absent = -5.0 * torch.log10(level + _ABSENT_FLOOR)
    return -torch.where(energies.present, present, absent).mean() / 10.0


def scale_invariant_ratio_db(mask: Tensor, energies: Energies) -> Tensor:
    """SI-SDR of the masked mixture in dB `(B,)`, within the limits that `_FLOOR` sets.

    Args:
        mask: `(B, bands, S)` in 0..1.
        energies: of queries and targets.
    """
    shown = energies.example_energy  # answered rightly
    heard = (mask.square() * energies.mixture_energy).sum(dim=(1, 2)) + shown
    energy = heard * (energies.target_energy + shown)
    product = (mask * energies.cross_energy).sum(dim=(1, 2)).clamp(min=0.0) + shown
    correlation = (product.square() / energy.clamp(min=1e-12)).clamp(max=1.0)
    return 10 * torch.log10((correlation + _FLOOR) / (1 - correlation + _FLOOR))


def heard_ratio_db(mask: Tensor, energies: Energies) -> Tensor:
    """How close the masked mixture comes to the target, in dB `(B,)`.

    With the target present: the ratio of the target's energy to the error's, as SDR. Absent: how
    far the output lies below the mixture.

    Args:
        mask: `(B, bands, S)` in 0..1.
        energies: of queries and targets.
    """
    spent = mask.square() * energies.mixture_energy - 2 * mask * energies.cross_energy
    error = (spent.sum(dim=(1, 2)) + energies.target_energy).clamp(min=0.0)
    scale = torch.where(energies.present, energies.target_energy + energies.example_energy, 1.0)
    return 10 * torch.log10((scale + _FLOOR) / (error + _FLOOR))

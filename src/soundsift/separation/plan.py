"""How a recording is worked through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from soundsift.presets import Preset
from soundsift.separation.windows import Layout
from soundsift.solvers import Evaluation, schedule


@dataclass(frozen=True)
class Plan:
    """How a recording is worked through.

    Attributes:
        evaluations: the solver's.
        layout: how it is cut into windows.
        temperature: scale of the starting noise.
        seed: of the starting noise.
        at_a_time: windows that go through the network together, at most; None: as many as bounded
            memory allows.
        apart: whether windows are separated each on its own (`soundsift.separation.chunks`).
        practice: steps of training on a marked moment (`soundsift.separation.adaptation`).
    """

    evaluations: Sequence[Evaluation]
    layout: Layout
    temperature: float
    seed: int
    at_a_time: int | None = None
    apart: bool = False
    practice: int = 0


def make_plan(preset: Preset, seed: int, layout: Layout) -> Plan:
    """A preset's way through windows."""
    evaluations = schedule(preset.steps, preset.solver)
    return Plan(evaluations, layout, preset.temperature, seed, practice=preset.practice)

"""How much work to spend on a separation."""

from __future__ import annotations

from dataclasses import dataclass

from soundsift.errors import SoundsiftError
from soundsift.solvers import Solver, evaluations


@dataclass(frozen=True)
class Preset:
    """Settings of the sampler.

    Attributes:
        description: for `--help`.
        solver: how the flow is followed.
        steps: its number of steps.
        temperature: scale of the starting noise. At 0 the flow starts from its mean, and one
            evaluation gives the mean of all answers, which is what wins in signal-to-distortion
            ratio; at 1 it draws one of the answers.
    """

    description: str
    solver: Solver
    steps: int
    temperature: float

    @property
    def evaluations(self) -> int:
        """Evaluations of the network per window."""
        return evaluations(self.solver, self.steps)


PRESETS: dict[str, Preset] = {
    "draft": Preset("one evaluation: the mean answer, at once", "euler", 1, 0.0),
    "standard": Preset("the mean answer", "euler", 1, 0.0),
    "best": Preset("the mean answer", "euler", 1, 0.0),
}


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        SoundsiftError: if there is none.
    """
    if name not in PRESETS:
        raise SoundsiftError(f"preset {name!r} is unknown; expected one of {', '.join(PRESETS)}.")
    return PRESETS[name]

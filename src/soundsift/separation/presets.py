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


#: For the default model all three are the same: more evaluations and other placements of the frames
#: were measured, and gave less or nothing (docs/experiments.md).
PRESETS: dict[str, Preset] = {
    "draft": Preset("the mean answer, in one evaluation", "euler", 1, 0.0),
    "standard": Preset("as draft: more evaluations don't help this model yet", "euler", 1, 0.0),
    "best": Preset("as draft: more evaluations don't help this model yet", "euler", 1, 0.0),
}


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        SoundsiftError: if there is none.
    """
    if name not in PRESETS:
        raise SoundsiftError(f"preset {name!r} is unknown; expected one of {', '.join(PRESETS)}.")
    return PRESETS[name]

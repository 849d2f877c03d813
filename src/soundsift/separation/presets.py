"""How much work to spend on a separation."""

from __future__ import annotations

from dataclasses import dataclass

from soundsift.errors import SoundsiftError
from soundsift.flow import Prediction
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
        practice: steps of training on what is marked and has no name, before windows without a mark
            are asked for it (`soundsift.separation.adaptation`); 0 for none.
    """

    description: str
    solver: Solver
    steps: int
    temperature: float
    practice: int = 0

    @property
    def evaluations(self) -> int:
        """Evaluations of the network per window."""
        return evaluations(self.solver, self.steps)


#: For models that predict data, as the default one. More evaluations and other placements of the
#: frames were measured, and gave less or nothing (docs/experiments.md).
PRESETS: dict[str, Preset] = {
    "draft": Preset("the mean answer, in one evaluation", "euler", 1, 0.0),
    "standard": Preset("as draft, after practice on marks without a name", "euler", 1, 0.0, 40),
    "best": Preset("as standard: more evaluations don't help this model", "euler", 1, 0.0, 40),
}

#: For models that predict the velocity, as the released ones, which answer with samples.
GENERATIVE_PRESETS: dict[str, Preset] = {
    "draft": Preset("4 midpoint steps, 8 evaluations", "midpoint", 4, 1.0),
    "standard": Preset("the authors' 16 midpoint steps, 32 evaluations", "midpoint", 16, 1.0),
    "best": Preset("as standard: the paper found no more to gain", "midpoint", 16, 1.0),
}


def find_preset(name: str, prediction: Prediction = "data") -> Preset:
    """The preset of that name.

    Args:
        name: draft, standard or best.
        prediction: what the model's network predicts.

    Raises:
        SoundsiftError: if there is none.
    """
    presets = PRESETS if prediction == "data" else GENERATIVE_PRESETS
    if name not in presets:
        raise SoundsiftError(f"preset {name!r} is unknown; expected one of {', '.join(presets)}.")
    return presets[name]

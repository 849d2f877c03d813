"""Presets of the sampler, the same for the command line, Python, job lists and the studio.

Imports no PyTorch, so that `soundsift --help` and the studio's server can read the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from soundsift.errors import SoundsiftError

if TYPE_CHECKING:
    from soundsift.sampling.flow import Prediction
    from soundsift.sampling.solvers import Solver

PresetName = Literal["draft", "standard", "best"]
PRESET_NAMES: tuple[PresetName, ...] = get_args(PresetName)


@dataclass(frozen=True)
class Preset:
    """Settings of the sampler.

    Attributes:
        description: what the preset does, for `soundsift info` and the studio.
        solver: method that integrates the flow.
        steps: number of its steps.
        temperature: scale of the starting noise. At 0 the flow starts from its mean, and one
            evaluation gives the mean of all answers, which maximises the signal-to-distortion
            ratio; at 1 it draws one of the answers.
    """

    description: str
    solver: Solver
    steps: int
    temperature: float


#: For models that predict clean latents, as the default one. More evaluations and other time grids
#: were measured, and gave less or nothing (docs/research/sampling.md).
DATA_PRESETS: dict[PresetName, Preset] = {
    "draft": Preset("the mean answer, in one evaluation", "euler", 1, 0.0),
    "standard": Preset("as draft: more steps don't help this model", "euler", 1, 0.0),
    "best": Preset("as draft: more steps don't help this model", "euler", 1, 0.0),
}

#: For models that predict the velocity, as the released ones, which draw samples.
VELOCITY_PRESETS: dict[PresetName, Preset] = {
    "draft": Preset("4 midpoint steps, 8 evaluations", "midpoint", 4, 1.0),
    "standard": Preset("the authors' 16 midpoint steps, 32 evaluations", "midpoint", 16, 1.0),
    "best": Preset("as standard: more steps don't help", "midpoint", 16, 1.0),
}


def describe_preset(name: PresetName) -> str:
    """What a preset does with the default model and with the released ones, on one line."""
    default, released = DATA_PRESETS[name].description, VELOCITY_PRESETS[name].description
    return f"{default}; released models: {released}"


def find_preset(name: str, prediction: Prediction = "data") -> Preset:
    """The preset of that name.

    Args:
        name: draft, standard or best.
        prediction: what the model's network predicts.

    Raises:
        SoundsiftError: there is no such preset.
    """
    presets = DATA_PRESETS if prediction == "data" else VELOCITY_PRESETS
    for known, preset in presets.items():
        if known == name:
            return preset
    raise SoundsiftError(f"preset {name!r} is unknown; expected one of {', '.join(PRESET_NAMES)}.")

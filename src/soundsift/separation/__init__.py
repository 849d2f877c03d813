"""From a recording and a prompt to target and residual."""

from soundsift.separation.presets import PRESETS, Preset
from soundsift.separation.result import Separation, output_paths
from soundsift.separation.separator import Separator

__all__ = ["PRESETS", "Preset", "Separation", "Separator", "output_paths"]

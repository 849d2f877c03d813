"""Lift any sound out of any recording: name it, or mark when it is heard.

import soundsift

separator = soundsift.load()
result = separator.separate("street.wav", text="dog barking", spans=[(1.2, 2.5)])
result.save("stems", "street")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from soundsift.errors import SoundsiftError
from soundsift.version import __version__

if TYPE_CHECKING:
    from soundsift.separation.separator import Separator

__all__ = ["SoundsiftError", "__version__", "load"]


def load(model: str | Path = "default", device: str | None = None) -> Separator:
    """Load a model.

    Args:
        model: `default`, which comes with the package, or a model folder.
        device: cuda, mps or cpu; the best that is there unless given.

    Raises:
        SoundsiftError: if the model or the device is not there, or the model is damaged.
    """
    # Imported here, so that `import soundsift` and `soundsift --help` don't wait for PyTorch.
    from soundsift.allocator import keep_memory
    from soundsift.checkpoints.find import find_model
    from soundsift.checkpoints.folder import load_field
    from soundsift.devices import pick_device
    from soundsift.separation.separator import Separator

    keep_memory()
    config, field = load_field(find_model(model))
    return Separator(config, field, pick_device(device))

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


def load(
    model: str | Path = "default",
    device: str | None = None,
    precision: str = "auto",
    watermark_seed: int | None = None,
) -> Separator:
    """Load a model.

    Args:
        model: `default`, which comes with the package; a model's folder; or the name of a released
            model in the Hub's cache, such as `facebook/sam-audio-small`.
        device: cuda, mps or cpu; the best that is there unless given.
        precision: of the network's products: float32, bfloat16 or auto, which is bfloat16 where
            the hardware multiplies it.
        watermark_seed: hide inaudible watermarks in the stems, drawn from this seed, as the decoder
            of the released models was published to do; None, the default, hides none.

    Raises:
        SoundsiftError: if the model, the device or the precision is not there, or the model is
            damaged.
    """
    # Imported here, so that `import soundsift` and `soundsift --help` don't wait for PyTorch.
    from soundsift.allocator import keep_memory
    from soundsift.checkpoints.load import build_components
    from soundsift.checkpoints.store import find_model
    from soundsift.devices import pick_device, pick_dtype
    from soundsift.separation.separator import Separator

    keep_memory()
    where = pick_device(device)
    dtype = pick_dtype(where, precision)
    return Separator(*build_components(find_model(model), where, dtype, watermark_seed))

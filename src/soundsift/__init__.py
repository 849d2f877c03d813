"""Lift any sound out of any recording: name it, or mark when it is heard.

import soundsift

separator = soundsift.load()
result = separator.separate("street.wav", text="dog barking", spans=[(1.2, 2.5)])
result.save("stems", "street")
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundsift.errors import SoundsiftError
from soundsift.version import __version__

if TYPE_CHECKING:
    from soundsift.audio.formats import Output
    from soundsift.listening import HeardSound, SoundDetector, listen
    from soundsift.prompts import Prompt
    from soundsift.separation.result import Separation
    from soundsift.separation.separator import Separator
    from soundsift.spans import Span
    from soundsift.video.boxes import Box
    from soundsift.video.points import Point
    from soundsift.video.prompt import VisualPrompt

__all__ = [
    "Box",
    "HeardSound",
    "Output",
    "Point",
    "Prompt",
    "Separation",
    "Separator",
    "SoundDetector",
    "SoundsiftError",
    "Span",
    "VisualPrompt",
    "__version__",
    "listen",
    "load",
]

#: Imported when first used, so that `import soundsift` does not wait for PyTorch.
_MODULES = {
    "Box": "soundsift.video.boxes",
    "HeardSound": "soundsift.listening",
    "Output": "soundsift.audio.formats",
    "Point": "soundsift.video.points",
    "Prompt": "soundsift.prompts",
    "Separation": "soundsift.separation.result",
    "Separator": "soundsift.separation.separator",
    "SoundDetector": "soundsift.listening",
    "Span": "soundsift.spans",
    "VisualPrompt": "soundsift.video.prompt",
    "listen": "soundsift.listening",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load(
    model: str | Path = "default",
    device: str | None = None,
    precision: str = "auto",
    watermark_seed: int | None = None,
    adapter: str | Path | None = None,
) -> Separator:
    """Load a model.

    Args:
        model: `default`, which comes with the package; a model's folder; or the name of a released
            model in the Hub's cache, such as `facebook/sam-audio-small`.
        device: cuda, mps or cpu; the fastest available unless given.
        precision: of matrix products: float32, bfloat16 or auto, which is bfloat16 where the
            hardware supports it.
        watermark_seed: hide inaudible watermarks in the stems, drawn from this seed, as the decoder
            of the released models was published to do; None, the default, hides none.
        adapter: a file that `soundsift tune` wrote, or a folder with LoRA weights as PEFT writes
            it: changes of the model's weights for one sound.

    Raises:
        SoundsiftError: the model, the device or the precision is not available, the model is
            damaged, or the adapter was made for another model.
    """
    # Imported here for the same reason as above.
    from soundsift.allocator import keep_memory
    from soundsift.checkpoints.load import build_components
    from soundsift.checkpoints.store import find_model
    from soundsift.devices import pick_device, pick_dtype
    from soundsift.host_state import prepare_for_forks, torch_defaults
    from soundsift.separation.separator import Separator

    keep_memory()
    prepare_for_forks()
    where = pick_device(device)
    dtype = pick_dtype(where, precision)
    with torch_defaults():
        folder = find_model(model)
        changes = None if adapter is None else Path(adapter).expanduser().resolve()
        origin = (
            str(folder.resolve()),
            str(where),
            precision,
            watermark_seed,
            None if changes is None else str(changes),
        )
        parts = build_components(folder, where, dtype, watermark_seed, changes)
        return Separator(*parts, origin=origin)

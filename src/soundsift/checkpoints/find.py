"""Where models are: in the package, or in a folder of the user's."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from soundsift.errors import SoundsiftError

DEFAULT = "default"


def find_model(model: str | Path) -> Path:
    """The folder of a model.

    Args:
        model: `default`, which comes with the package, or a folder with `config.yaml` and
            `model.safetensors`.

    Raises:
        SoundsiftError: if there is no such model.
    """
    if str(model) == DEFAULT:
        return Path(str(resources.files("soundsift") / "weights" / DEFAULT))
    folder = Path(model)
    if not folder.is_dir():
        raise SoundsiftError(
            f"model {str(model)!r} is neither {DEFAULT!r} nor a folder; expected one of the two."
        )
    return folder

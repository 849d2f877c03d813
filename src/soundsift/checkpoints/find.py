"""Where models are: in the package, in a folder of the user's, or in the Hub's cache."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from soundsift.checkpoints.hub import find_folder
from soundsift.errors import SoundsiftError

DEFAULT = "default"


def find_model(model: str | Path) -> Path:
    """The folder of a model.

    Args:
        model: `default`, which comes with the package; a folder; or the name of a released model,
            such as `facebook/sam-audio-small`, that is in the Hub's cache.

    Raises:
        SoundsiftError: if there is no such model.
    """
    if str(model) == DEFAULT:
        return Path(str(resources.files("soundsift") / "weights" / DEFAULT))
    if Path(model).expanduser().is_dir():
        return Path(model).expanduser()
    if isinstance(model, str) and model.count("/") == 1 and not model.startswith((".", "/", "~")):
        return find_folder(model, gated=model.startswith("facebook/sam-audio"))
    raise SoundsiftError(
        f"model {str(model)!r} is neither {DEFAULT!r} nor a folder nor a name on the Hub such as "
        "facebook/sam-audio-small; expected one of the three."
    )

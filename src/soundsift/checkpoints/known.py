"""The models that soundsift knows by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from soundsift.checkpoints.find import DEFAULT, find_model
from soundsift.checkpoints.hub import find_folder
from soundsift.errors import SoundsiftError


@dataclass(frozen=True)
class KnownModel:
    """A model that can be asked for by name.

    Attributes:
        name: what to ask for.
        task: what it does.
        parameters: how many, in millions.
        licence: of its weights.
        gated: whether its authors give access on request only.
        aliases: other names under which the Hub has it.
    """

    name: str
    task: str
    parameters: int
    licence: str
    gated: bool = True
    aliases: tuple[str, ...] = ()

    def folder(self) -> Path | None:
        """Where it is on this machine; None if it is not."""
        try:
            if self.name == DEFAULT:
                return find_model(DEFAULT)
            return find_folder(self.name, gated=self.gated, other_names=self.aliases)
        except SoundsiftError:
            return None


_SAM = "SAM License"

#: Whole checkpoints, image tower and its unused text tower included.
KNOWN: tuple[KnownModel, ...] = (
    KnownModel(DEFAULT, "separates; comes with the package", 16, "Apache-2.0", gated=False),
    KnownModel("facebook/sam-audio-small", "separates", 1275, _SAM),
    KnownModel("facebook/sam-audio-base", "separates", 1932, _SAM),
    KnownModel("facebook/sam-audio-large", "separates", 3715, _SAM),
    KnownModel("facebook/sam-audio-small-tv", "separates; better by video", 1275, _SAM),
    KnownModel("facebook/sam-audio-base-tv", "separates; better by video", 1932, _SAM),
    KnownModel("facebook/sam-audio-large-tv", "separates; better by video", 3715, _SAM),
    KnownModel(
        "t5-base",
        "text encoder of sam-audio",
        110,
        "Apache-2.0",
        gated=False,
        aliases=("google-t5/t5-base",),
    ),
)

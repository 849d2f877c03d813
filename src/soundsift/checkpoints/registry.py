"""The models that can be named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from soundsift.checkpoints.clap import CLAP
from soundsift.checkpoints.hub import find_folder
from soundsift.checkpoints.judge import AUTHORS_BRANCH as JUDGE_BRANCH
from soundsift.checkpoints.judge import JUDGE
from soundsift.checkpoints.pe_a_frame import AUTHORS_BRANCH as FRAME_BRANCH
from soundsift.checkpoints.store import DEFAULT, find_model
from soundsift.errors import SoundsiftError
from soundsift.optional import library


@dataclass(frozen=True)
class RegisteredModel:
    """A model that can be named.

    Attributes:
        name: its name here and on the Hub.
        task: what it does.
        parameters: their number in millions.
        licence: licence of its weights.
        gated: whether its authors give access on request only.
        aliases: other names under which the Hub has it.
        revisions: its usable branches on the Hub, the best first.
    """

    name: str
    task: str
    parameters: int
    licence: str
    gated: bool = True
    aliases: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ("main",)

    def folder(self) -> Path | None:
        """Its folder on this machine; None if it is not there."""
        if self.name == DEFAULT:
            return find_model(DEFAULT)
        for revision in self.revisions:
            try:
                return find_folder(self.name, revision=revision, other_names=self.aliases)
            except SoundsiftError:
                continue
        return None


def cache_is_readable() -> bool:
    """Whether the library that finds models in the Hub's cache is installed."""
    try:
        library("huggingface_hub")
    except SoundsiftError:
        return False
    return True


_SAM = "SAM License"

#: Parameters are those of whole checkpoints, parts that are not used included.
MODELS: tuple[RegisteredModel, ...] = (
    RegisteredModel(DEFAULT, "separates; comes with the package", 25, "Apache-2.0", gated=False),
    RegisteredModel("facebook/sam-audio-small", "separates", 1275, _SAM),
    RegisteredModel("facebook/sam-audio-base", "separates", 1932, _SAM),
    RegisteredModel("facebook/sam-audio-large", "separates", 3715, _SAM),
    RegisteredModel("facebook/sam-audio-small-tv", "separates; better by video", 1275, _SAM),
    RegisteredModel("facebook/sam-audio-base-tv", "separates; better by video", 1932, _SAM),
    RegisteredModel("facebook/sam-audio-large-tv", "separates; better by video", 3715, _SAM),
    RegisteredModel(
        "t5-base",
        "text encoder of sam-audio",
        110,
        "Apache-2.0",
        gated=False,
        aliases=("google-t5/t5-base",),
    ),
    RegisteredModel(
        JUDGE,
        f"judges separations; --revision {JUDGE_BRANCH}",
        1534,
        _SAM,
        revisions=(JUDGE_BRANCH,),
    ),
    RegisteredModel(
        CLAP,
        "ranks candidates by text",
        153,
        "Apache-2.0",
        gated=False,
    ),
    *(
        RegisteredModel(
            f"facebook/pe-a-frame-{size}",
            "predicts spans from text",
            parameters,
            "Apache-2.0",
            gated=False,
            revisions=(FRAME_BRANCH, "main"),
        )
        for size, parameters in (("small", 513), ("base", 634), ("large", 1530))
    ),
)

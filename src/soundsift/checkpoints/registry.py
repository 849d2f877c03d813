"""The models that soundsift knows by name."""

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
class KnownModel:
    """A model that can be asked for by name.

    Attributes:
        name: what to ask for.
        task: what it does.
        parameters: how many, in millions.
        licence: of its weights.
        gated: whether its authors give access on request only.
        aliases: other names under which the Hub has it.
        revisions: its branches on the Hub that can be used, the best first.
    """

    name: str
    task: str
    parameters: int
    licence: str
    gated: bool = True
    aliases: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ("main",)

    def folder(self) -> Path | None:
        """Where it is on this machine; None if it is not."""
        if self.name == DEFAULT:
            return find_model(DEFAULT)
        for revision in self.revisions:
            try:
                return find_folder(self.name, revision=revision, other_names=self.aliases)
            except SoundsiftError:
                continue
        return None


def cache_is_readable() -> bool:
    """Whether the library is there that finds models in the Hub's cache."""
    try:
        library("huggingface_hub")
    except SoundsiftError:
        return False
    return True


_SAM = "SAM License"

#: Whole checkpoints, with the parts that are not used: a text encoder, the codecs of the last ones.
KNOWN: tuple[KnownModel, ...] = (
    KnownModel(DEFAULT, "separates; comes with the package", 25, "Apache-2.0", gated=False),
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
    KnownModel(
        JUDGE,
        f"judges separations; --revision {JUDGE_BRANCH}",
        1534,
        _SAM,
        revisions=(JUDGE_BRANCH,),
    ),
    KnownModel(
        CLAP,
        "ranks candidates by text",
        153,
        "Apache-2.0",
        gated=False,
    ),
    *(
        KnownModel(
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

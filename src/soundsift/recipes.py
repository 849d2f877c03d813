"""Ready jobs: prompts and stems for what people often want, as data.

A recipe is shorthand for options that could be typed. Imports no PyTorch. What each is worth beside
specialists is measured in docs/recipes.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from soundsift.errors import SoundsiftError

RecipeName = Literal["voice", "instrumental", "denoise", "band"]
RECIPE_NAMES: tuple[RecipeName, ...] = get_args(RecipeName)

#: The stem that is what the others leave.
OTHER = "other"


@dataclass(frozen=True)
class Part:
    """One file of a recipe.

    Attributes:
        name: follows the recording's name in the file's.
        text: the prompt; None for what the other parts leave.
        stem: which stem of the prompt is written.
    """

    name: str
    text: str | None
    stem: Literal["target", "residual"] = "target"


@dataclass(frozen=True)
class Recipe:
    """A ready job.

    Attributes:
        description: what it does, for the help.
        parts: the files that it writes; several share the recording.
    """

    description: str
    parts: tuple[Part, ...]


RECIPES: dict[RecipeName, Recipe] = {
    "voice": Recipe("keep speech", (Part("voice", "speech"),)),
    "instrumental": Recipe(
        "a song without its vocals", (Part("instrumental", "vocals", "residual"),)
    ),
    "denoise": Recipe(
        "take background noise out", (Part("denoised", "background noise", "residual"),)
    ),
    "band": Recipe(
        "a song as vocals, drums, bass and the rest",
        (Part("vocals", "vocals"), Part("drums", "drums"), Part("bass", "bass"), Part(OTHER, None)),
    ),
}


def stem_parts(names: str) -> tuple[Part, ...]:
    """The parts of a list such as "vocals,drums,bass,other".

    Args:
        names: phrases with commas between; "other" is what the rest of them leave.

    Raises:
        SoundsiftError: no phrase, "other" alone, or a phrase twice.
    """
    phrases = [name.strip().lower() for name in names.split(",") if name.strip()]
    if not [phrase for phrase in phrases if phrase != OTHER]:
        raise SoundsiftError(
            f"Invalid stems {names!r}: name sounds with commas between, such as vocals,drums,other."
        )
    if repeated := next((p for p in phrases if phrases.count(p) > 1), None):
        raise SoundsiftError(f"The stem {repeated!r} is there twice in {names!r}. Name it once.")
    # The rest is known when all others are.
    ordered = sorted(phrases, key=lambda phrase: phrase == OTHER)
    return tuple(Part(name, None if name == OTHER else name) for name in ordered)

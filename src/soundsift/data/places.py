"""Which sounds are heard at the same place: a table of places in `places.yaml`."""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict

from soundsift.data.bank import Clip


class Place(BaseModel):
    """What is heard at a place.

    Attributes:
        kinds: kinds of sound.
        groups: names of groups of sounds.
        words: whole words of concept names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def hears(self, clip: Clip) -> bool:
        """Whether the sound of a clip is heard here."""
        return (
            clip.kind in self.kinds
            or not self.groups.isdisjoint(clip.groups)
            or not self.words.isdisjoint(clip.concept.split())
        )


@cache
def places() -> dict[str, Place]:
    """Every place by its name.

    Raises:
        ValueError: if an entry of the table has an unknown key.
    """
    text = (resources.files("soundsift.data") / "places.yaml").read_text()
    return {name: Place.model_validate(entry) for name, entry in yaml.safe_load(text).items()}

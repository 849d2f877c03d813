"""How prompts in other languages were read, on standard error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from soundsift.cli.console import warn

if TYPE_CHECKING:
    from soundsift.prompts import Prompt


def tell_translations(prompts: Iterable[Prompt]) -> None:
    """Say once for each text what it was read as."""
    read = [prompt.translation for prompt in prompts if prompt.translation is not None]
    for translation in dict.fromkeys(read):
        warn(str(translation))

"""`soundsift languages`: the languages of prompts, and the sounds that a lexicon has."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from soundsift.cli.console import say
from soundsift.cli.options import Json
from soundsift.languages.codes import LANGUAGES, LanguageCode

EXAMPLES = """Examples:

\b
soundsift languages
soundsift languages de
"""


def languages(
    code: Annotated[
        LanguageCode | None,
        typer.Argument(metavar="CODE", help="A language, to list its sounds.", show_default="all"),
    ] = None,
    json_line: Json = False,
) -> None:
    """List the languages of prompts, or the sounds that one of them has.

    Prompts in these languages are read as English ones; --language says which it is.
    """
    # Imported here because it takes time.
    from soundsift.languages.lexicon import load_lexicon

    if code is None:
        counts = {one: len(load_lexicon(one).file.sounds) for one in LANGUAGES}
        if json_line:
            say(json.dumps({one: [LANGUAGES[one], count] for one, count in counts.items()}))
            return
        for one, count in counts.items():
            say(f"{one}  {LANGUAGES[one]:10}  {count} sounds")
        return
    sounds = {} if code == "en" else load_lexicon(code).file.sounds
    if json_line:
        say(json.dumps(sounds, ensure_ascii=False))
        return
    for english, phrases in sounds.items():
        say(f"{english}: {', '.join(phrases)}")

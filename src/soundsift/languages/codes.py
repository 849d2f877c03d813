"""The languages of prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from soundsift.errors import SoundsiftError

LanguageCode = Literal[
    "en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr", "id", "ru", "uk", "ar", "hi", "zh",
    "ja", "ko",
]  # fmt: skip
#: Codes and English names of the languages with a lexicon. Where two fit a prompt equally well, the
#: earlier one counts.
LANGUAGES: Mapping[str, str] = {
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "pl": "Polish",
    "sv": "Swedish",
    "tr": "Turkish",
    "id": "Indonesian",
    "ru": "Russian",
    "uk": "Ukrainian",
    "ar": "Arabic",
    "hi": "Hindi",
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
}


def check_language(code: str | None) -> None:
    """Refuse a language that is not known.

    Args:
        code: a key of `LANGUAGES`, "en", or None for any of them.

    Raises:
        SoundsiftError: it is another.
    """
    codes = get_args(LanguageCode)
    if code is not None and code not in codes:
        raise SoundsiftError(f"Unknown language {code!r}. Use one of {', '.join(codes)}.")

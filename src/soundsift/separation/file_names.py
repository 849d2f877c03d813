"""Names of the files of a separation."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path

#: Field of a name that becomes the stem, "settings" or "picture".
KIND = "{kind}"
#: Stand for the phrase of a prompt without text: of marked times, and of an object in the picture.
UNNAMED, SEEN = "span", "object"

# Longest file name in bytes that common file systems take.
_MOST_BYTES = 255
_LONGEST_TEXT = 60


def default_name(recording: Path, text: str | None, *, seen: bool = False) -> str:
    """First part of the file names of a sound: "street.dog-barking".

    Args:
        recording: the file that it is separated from.
        text: the prompt's phrase.
        seen: whether the prompt says where an object is in the picture.
    """
    return f"{recording.stem}.{slug(text or '') or (SEEN if seen else UNNAMED)}"


def slug(text: str) -> str:
    """Letters and digits of any script in lower case, joined by hyphens."""
    low = unicodedata.normalize("NFC", text.lower())
    words = "".join(c if c.isalnum() or unicodedata.combining(c) else " " for c in low).split()
    return "-".join(words)[:_LONGEST_TEXT].strip("-")


def output_paths(
    folder: Path,
    name: str,
    stems: Sequence[str],
    suffix: str = ".wav",
    *,
    picture: bool = False,
    bare: bool = False,
) -> dict[str, Path]:
    """Paths of the files of a separation.

    Args:
        folder: Folder of all files.
        name: First part of their names; `{kind}` in it becomes the stem.
        stems: The stems.
        suffix: Suffix of the stems.
        picture: Whether spectrograms are drawn.
        bare: Whether the only stem has no more than the name, unless `{kind}` is in it.
    """
    if bare and KIND not in name:
        (stem,) = stems
        paths = {stem: folder / f"{name}{suffix}"}
        drawn, settings = folder / f"{name}.png", folder / f"{name}.json"
    elif KIND in name:
        paths = {stem: folder / (name.replace(KIND, stem) + suffix) for stem in stems}
        kind = "settings" if "target" in stems else stems[0]
        drawn = folder / (name.replace(KIND, "picture" if "target" in stems else kind) + ".png")
        settings = folder / (name.replace(KIND, kind) + ".json")
    else:
        paths = {stem: folder / f"{name}.{stem}{suffix}" for stem in stems}
        first = name if "target" in stems else f"{name}.{stems[0]}"
        drawn, settings = folder / f"{first}.png", folder / f"{first}.json"
    return paths | ({"picture": drawn} if picture else {}) | {"settings": settings}


def fitting_name(name: str, longest: int) -> str:
    """A name whose files have at most 255 bytes, the most that common file systems take.

    A name that is too long loses characters before its end or before `{kind}`. Eight digits of its
    SHA-256 take their destination, so that names which begin alike stay different.

    Args:
        name: first part of the files' names; may hold `{kind}`.
        longest: bytes of the longest of these names.
    """
    excess = longest - _MOST_BYTES
    if excess <= 0:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    parts = name.split(KIND)
    index = max(range(len(parts)), key=lambda part: name_size(parts[part]))
    room = name_size(parts[index]) - excess - len(digest) - 1
    kept = ""
    for character in parts[index]:
        room -= name_size(character)
        if room < 0:
            break
        kept += character
    parts[index] = f"{kept}~{digest}"
    return KIND.join(parts)


def name_size(name: str) -> int:
    """Bytes of a file name; marks of templates (`soundsift.batch.templates`) count as none."""
    return len(name.replace("\ud800", "").encode("utf-8", "surrogateescape"))

"""Train, validation or test: decided once and for all by where a clip comes from.

A hash of package and path decides, except that what belongs together (a speaker, an instrument
patch, a song) is never torn apart, and that some packages are for testing alone.
"""

from __future__ import annotations

import hashlib
import re

#: Never trained on: one package of speech, and two soundfonts' worth of instrument patches.
TEST_PACKAGES = frozenset({"fillets-ng-data-nl", "freepats", "musescore-general-soundfont"})

#: Never validated or tested on: procedural sound.
TRAIN_PACKAGES = frozenset({"procedural"})

_TEST_PERCENT, _VALIDATION_PERCENT = 14, 6

#: What of a path names the voice, patch or song, for packages where it can be told.
_SPEAKERS = {
    "asterisk": re.compile(r"sounds/[a-z]+_[A-Z]+_[fm]_(\w+)/"),
    "tuxpaint-stamps-default": re.compile(r"_desc_(\w+?)\.|_([a-z]{2}(?:_[A-Z]{2})?)\.\w+$"),
    "ktuberling-data": re.compile(r"sounds/([^/]+)/"),
    "hedgewars-data": re.compile(r"voices/([^/]+)/"),
    "megaglest-data": re.compile(r"(?:factions|units)/([^/]+/[^/]+)/"),
    "0ad-data": re.compile(r"audio/voice/(\w+)/(?:\w+)/\w*?((?:fe)?male)"),
    "fillets-ng-data-cs": re.compile(r"-([mvk])-"),
    "fillets-ng-data-nl": re.compile(r"-([mvk])-"),
    "fretsonfire-songs-sectoid": re.compile(r"songs/([^/]+)/"),
    "hydrogen-drumkits": re.compile(r"drumkits/([^/]+)/"),
    "fluid-soundfont-gm": re.compile(r"^(program \d+|drums)"),
    "freepats": re.compile(r"^(program \d+|drums)"),
    "musescore-general-soundfont": re.compile(r"^(program \d+|drums)"),
}
#: The only patches and the main actors that training has: kept from the test, and divided by file
#: for validation.
_NEVER_TEST = frozenset({"fillets-ng-data-cs", "fluid-soundfont-gm"})


def split_of(package: str, path: str, kind: str) -> tuple[str, str]:
    """Split and speaker of a clip.

    Args:
        package: Debian package.
        path: path within it.
        kind: kind of sound; files of speech without a known speaker are strung together by folder.

    Returns:
        `train`, `validation` or `test`, and the key of the voice, patch or song.
    """
    # The telephone prompts of several languages were spoken by the same person.
    family = "asterisk" if package.startswith("asterisk-") else package
    found = _SPEAKERS[family].search(path) if family in _SPEAKERS else None
    if found:
        speaker = f"{family}:{'/'.join(g for g in found.groups() if g)}"
    elif kind == "speech":
        speaker = f"{package}:{path.rpartition('/')[0]}"
    else:
        speaker = f"{package}:{path}"
    if package in TEST_PACKAGES:
        return "test", speaker
    if package in TRAIN_PACKAGES:
        return "train", speaker
    # Speech by nobody in particular goes by its folder: most likely that is one voice.
    whole = (found is not None or kind == "speech") and package not in _NEVER_TEST
    key = speaker if whole else f"{package}/{path}"
    draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % 100
    if draw < _TEST_PERCENT:
        return ("train" if package in _NEVER_TEST else "test"), speaker
    if draw < _TEST_PERCENT + _VALIDATION_PERCENT:
        return "validation", speaker
    return "train", speaker

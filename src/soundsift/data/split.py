"""Train, validation or test: decided once and for all by where a clip comes from.

Whole sources are kept for strangers (sources.yaml). Of the sources of the first bank, a hash of
package and path decides, except that what belongs together (a speaker, an instrument patch, a song)
is never torn apart, and that some packages are for testing alone. All other sources are for
training.
"""

from __future__ import annotations

import hashlib
import re

from soundsift.data.sources import git_files, sources

SPLITS = ("train", "validation", "test", "stranger-validation", "stranger-test")

#: Never trained on: one package of speech, and two soundfonts' worth of instrument patches.
TEST_PACKAGES = frozenset({"fillets-ng-data-nl", "freepats", "musescore-general-soundfont"})

#: Never validated or tested on: procedural sound.
TRAIN_PACKAGES = frozenset({"procedural"})

#: Added after the first bank: a source of these is for training or for strangers as a whole, so
#: that the familiar test stays what it was.
LATER_PACKAGES = frozenset({
    "avldrums.lv2-soundfont", "beneath-a-steel-sky", "boswars-data", "bucklespring-data",
    "festvox-ru", "flare-game", "grandorgue-demo", "hydrogen-drumkits-effects", "klettres-data",
    "linphone-common", "lugaru-data", "nexuiz-data", "openclonk-data", "searchandrescue-data",
})  # fmt: skip

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
    "timgm6mb-soundfont": re.compile(r"^(program \d+|drums)"),
    "avldrums.lv2-soundfont": re.compile(r"^(\w+ kit)"),
    "nexuiz-data": re.compile(r"sound/(player/[^/]+|announcer/[^/]+|tutorial|weapons/tuba)"),
    "openclonk-data": re.compile(r"(Skin\.ocg/\w+)\.ocg/"),
    "klettres-data": re.compile(r"klettres/([^/]+/\w+)/"),
    "beneath-a-steel-sky": re.compile(r"!(\d+)\.wav"),  # the speakers are not named
    "festvox-ru": re.compile(r"voices/russian/(\w+)/"),
    "flare-game": re.compile(r"npcs/((?:fe)?male)"),
    "hydrogen-drumkits-effects": re.compile(r"drumkits/([^/]+)/"),
    "grandorgue-demo": re.compile(r"!(\w+)/"),
    "bucklespring-data": re.compile(r"buckle/(wav)/"),
    "Jakobovski/free-spoken-digit-dataset": re.compile(r"\d_([a-z]+)_\d"),
    "CorentinJ/Real-Time-Voice-Cloning": re.compile(r"(\w+)_\d+\.\w+$|(\d+)_\w+\.\w+$"),
}
#: The only patches and the main actors that training has: kept from the test, and divided by file
#: for validation.
_NEVER_TEST = frozenset({"fillets-ng-data-cs", "fluid-soundfont-gm"})


def is_of_first_bank(source: str) -> bool:
    """Whether a source is divided by file, as all were at first."""
    known = sources().get(source)
    new = known is not None and (known.origin != "debian" or bool(known.stranger))
    return not (new or source in LATER_PACKAGES or source in TRAIN_PACKAGES)


def split_of(source: str, path: str, kind: str) -> tuple[str, str]:
    """Split and speaker of a clip.

    Args:
        source: package or repository.
        path: path within it.
        kind: kind of sound; files of speech without a known speaker are strung together by folder.

    Returns:
        One of `SPLITS`, and the key of the voice, patch or song.
    """
    # The telephone prompts of several languages were spoken by the same person.
    family = "asterisk" if source.startswith("asterisk-") else source
    found = _SPEAKERS[family].search(path) if family in _SPEAKERS else None
    if found:
        speaker = f"{family}:{'/'.join(g for g in found.groups() if g)}"
    elif kind == "speech":
        speaker = f"{source}:{path.rpartition('/')[0]}"
    elif source in git_files() and kind in ("instrument", "singing"):
        # Single notes of one instrument, by one maker.
        speaker = f"{source}:{path.rpartition('/')[0]}:{git_files()[source][path].caption}"
    else:
        speaker = f"{source}:{path}"
    known = sources().get(source)
    if known is not None and known.stranger:
        return f"stranger-{known.stranger}", speaker
    if not is_of_first_bank(source):
        return "train", speaker
    if source in TEST_PACKAGES:
        return "test", speaker
    # Speech by nobody in particular goes by its folder: most likely that is one voice.
    whole = (found is not None or kind == "speech") and source not in _NEVER_TEST
    key = speaker if whole else f"{source}/{path}"
    draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % 100
    if draw < _TEST_PERCENT:
        return ("train" if source in _NEVER_TEST else "test"), speaker
    if draw < _TEST_PERCENT + _VALIDATION_PERCENT:
        return "validation", speaker
    return "train", speaker

"""What people type, as the noun and verb phrases that text encoders were trained on.

"Please remove the dog!" names a dog, "dog, drums" two sounds, and "everything but the voice" all
but one. The models know none of these forms: they were trained on lower-case phrases such as "dog
barking" (the released ones: arXiv 2512.18099, section 3), and read a negation as the sound that it
names. So requests are taken apart here, before a text encoder sees them. Training is not concerned:
it never asks in sentences.

A rule applies only if a word is left afterwards, and what it makes of a phrase, it leaves as it is
the next time. A negation that no rule understands is refused, since the answer would be the
opposite of what was asked for.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from soundsift.errors import SoundsiftError

#: Sounds in one prompt, at most.
MOST_SOUNDS = 8

_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "–": "-", "—": ",", "…": "."})
# A slash parts words ("piano/keys") but belongs to abbreviations ("a/c").
_LIST = re.compile(r"[,;|+\n]|(?<=\w\w\w)/(?=\w\w\w)| / ")
_LOOSE = re.compile(r"(?<!\w)['-]+|['-]+(?!\w)")
_WHOLE = (
    r"(?:everything|anything|all|every sound|all (?:the |other )?sounds?"
    r"|(?:the )?(?:whole )?(?:recording|audio|song|track|mix|clip|video|sound|rest))"
)

# --- what goes from the beginning and the end -----------------------------------------------------

_POLITE = (
    r"please|kindly|hi|hello|hey|thanks|ok|okay|can you|could you|would you|will you|i want you to"
    r"|i want to|i would like to|i'd like to|i need to|i want|i would like|i'd like|i need|i'm"
    r" looking for|help me|try to|let's|let me hear|to"
)
# Verbs that ask for the sound, or ask it away. The second kind are words that name sounds, too:
# "cut" counts only before an article.
_KEEPING = r"isolate|extract|keep(?= |$)|separate|(?:give|show|get|find) me|solo|listen to|hear"
_KEEPING_LOOSELY = r"lift|pull|take|pick|find|get|leave|split|filter"
_REMOVING = (
    r"remove|delete|eliminate|erase|get rid of|suppress|take away|take out|cut out|filter out"
    r"|edit out|strip out|clean up|drop out"
)
_REMOVING_LOOSELY = r"cut|mute|silence|kill|strip|reduce|lower|drop"
_ARTICLE = r"the|a|an|some|any|all (?:of )?(?:the|my|these|those)|this|that|these|those|my|our|your"
_HEARD = (
    r"(?:what )?(?:i|you|we|one) (?:can |could )?hear|there (?:is|are|was|were)|there's|it is|it's"
    r"|this is|that is|here is"
)
_SOUND_OF = r"(?:sounds?|noises?|audio|recordings?) of"
_ONLY = r"just|only|nothing but|none but|nothing except|nothing other than"
_BEFORE = re.compile(
    rf"(?:(?P<keep>(?:{_KEEPING})(?: out)?|(?:{_KEEPING_LOOSELY})(?: out)?"
    rf"(?= (?:{_ARTICLE}|only|just)(?: |$))|lift out|pull out|pick out)"
    rf"|(?P<remove>{_REMOVING}|(?:{_REMOVING_LOOSELY})(?= (?:{_ARTICLE}) ))"
    rf"|(?P<only>{_ONLY})|{_POLITE}|{_HEARD}|{_SOUND_OF}|(?P<article>{_ARTICLE}))(?: |$)"
)
_PURELY_POLITE = re.compile(r"please|kindly|hi|hello|hey|thanks|thank you|ok|okay")
_AFTER = re.compile(
    r" (?:please|thanks|thank you|for me|only|alone|(?:that )?(?:i|you|we) (?:can )?hear"
    r"|(?:that )?(?:is|are|was|were|can be|could be) (?:heard|audible)"
    r"|(?:from|in|of|out of) (?:the|this|that|my) (?:whole )?(?:recording|audio|song|track|mix|clip"
    r"|video|file|sound|podcast|episode|interview|scene))$"
)
# "dog that is barking", "birds are singing".
_IS = re.compile(r"(?<=\w) (?:(?:that|which|who) )?(?:is|are|was|were|'s|'re) (?=\w+ing\b)")

_AND = re.compile(r" (?:and|or|nor|as well as|plus) ")
#: One sound, though "and" is in its name.
_ONE_SOUND = re.compile(
    r"\b(?:rock (?:and|n) roll|drums? and bass|rhythm and blues|mortar and pestles?|pots? and pans?"
    r"|hook and loop|flint and steel|bow and arrow|knife and fork|pen and paper|hammer and anvil"
    r"|dots and dashes|call and response|in and out|up and down|back and forth|on and off"
    r"|over and over|again and again|more and more|louder and louder|thunder and lightning"
    r"|lightning and thunder|fish and chips|bed and breakfast|salt and pepper|stop and go)\b"
)

#: A voice when it has an article; without one the model takes it for no sound in particular.
_WITH_ARTICLE = {"man": "the man", "woman": "the woman"}

# --- negations ------------------------------------------------------------------------------------

_BUT = r"(?:but|except(?: for)?|excepting|besides|other than|apart from|aside from|excluding|minus)"
_ALL_BUT = re.compile(
    rf"(?:{_WHOLE} (?:{_BUT}|that (?:is|are|isn't|aren't) not)|not) (?P<sound>.+)"
)
_NONE_OF = re.compile(
    rf"(?:(?:{_WHOLE} )?(?:without|with no|w/o|minus|less)|no(?: more)?|(?:i )?(?:do not|don't)"
    rf" (?:want|keep|need)|exclude|excluding) (?P<sound>.+)"
)
_NEGATIVE = re.compile(
    r"\b(?:not|no(?= )|without|w/o|except|excluding|never|cannot|nothing|none|neither|nor|minus"
    r"|but|non(?=[ -]))\b|n't\b"
)


@dataclass(frozen=True)
class Phrases:
    """What a text prompt asks for.

    Attributes:
        sounds: the phrases, each a sound; together they are the target.
        inverted: whether the target is everything but these sounds.
        meant: "keep" or "remove" if the words say what is to become of the sounds; "without" if
            they say that the result has none of them; None if they only name them.
    """

    sounds: tuple[str, ...]
    inverted: bool = False
    meant: Literal["keep", "remove", "without"] | None = None

    def __str__(self) -> str:
        listed = ", ".join(self.sounds)
        return f"everything but {listed}" if self.inverted else listed


def read_phrases(text: str) -> Phrases:
    """Take a text prompt apart.

    Args:
        text: in lower case, with single spaces and at least one letter or digit.

    Raises:
        SoundsiftError: a negation that is not understood, or more than 8 sounds.
    """
    parts = [_words(part) for part in _LIST.split(text.translate(_QUOTES))]
    parts = [part for part in parts if part and not _PURELY_POLITE.fullmatch(part)] or parts[:1]
    # "a dog, a cat, and rain" as well as "a dog, a cat and rain".
    ends = len(parts) > 1 and bool(re.search(r"(?:^| )(?:and|or) ", parts[-1]))
    parts[-1] = re.sub(r"^(?:and|or) ", "", parts[-1])
    first, *others = (_read_one(part, text) for part in parts)
    sounds, inverted, meant = list(first.sounds), first.inverted, first.meant
    for one in others:
        # "no music, voice" may ask for the voice.
        unclear = meant == "without" and not one.inverted and not ends
        if unclear or (one.inverted and not inverted):
            raise _refused(text)
        sounds += one.sounds
    unique = tuple(dict.fromkeys(sounds))
    if len(unique) > MOST_SOUNDS:
        raise SoundsiftError(
            f"The text prompt names {len(unique)} sounds. Name at most {MOST_SOUNDS} in one prompt."
        )
    return Phrases(unique, inverted, meant)


def refuse_removal(text: str) -> None:
    """Refuse to remove a sound that the words ask to keep, or that they ask to be without.

    Args:
        text: as for `read_phrases`.

    Raises:
        SoundsiftError: as said, and as for `read_phrases`.
    """
    phrases = read_phrases(text)
    if phrases.meant in (None, "remove"):
        return
    sounds = ", ".join(phrases.sounds)
    raise SoundsiftError(
        f"Removing {text!r} can be read in two ways. To remove the sound, name it: {sounds!r}. To "
        "keep nothing else, separate it instead of removing."
    )


def _read_one(part: str, text: str) -> Phrases:
    """One phrase without commas."""
    part, meant = _stripped(part)
    inverted = False
    if found := _ALL_BUT.fullmatch(part):
        inverted = True
    elif found := _NONE_OF.fullmatch(part):
        inverted, meant = True, "without"
    if found:
        part = _stripped(found["sound"])[0]
    parts = [part] if _ONE_SOUND.search(part) else _AND.split(part)
    if inverted:
        parts = [re.sub(r"^(?:no|not|without) ", "", one) for one in parts]
    sounds = tuple(_WITH_ARTICLE.get(one, one) for one in (_stripped(one)[0] for one in parts))
    if any(_NEGATIVE.search(sound) for sound in sounds):
        raise _refused(text)
    return Phrases(sounds, inverted, meant)


def _stripped(part: str) -> tuple[str, Literal["keep", "remove", "without"] | None]:
    """A phrase without politeness, verbs of asking and articles, and what the verbs mean."""
    meant: Literal["keep", "remove", "without"] | None = None
    while True:
        before = part
        if (found := _BEFORE.match(part)) and found.end() < len(part):
            part = part[found.end() :]
            if meant is None and (found["keep"] or found["only"]):
                meant = "keep"
            elif meant is None and found["remove"]:
                meant = "remove"
        if (found := _AFTER.search(part)) and found.start():
            part = part[: found.start()]
        part = _IS.sub(" ", part)
        if part == before:
            return part, meant


def _words(part: str) -> str:
    """A part of a request without punctuation; apostrophes and hyphens within words stay."""
    kept = (
        c if c in "'-/" or unicodedata.category(c)[0] not in "PS" else " "
        for c in part.replace("&", " and ")
    )
    return " ".join(_LOOSE.sub(" ", "".join(kept)).split())


def _refused(text: str) -> SoundsiftError:
    return SoundsiftError(
        f"The text prompt {text!r} has a negation that is not understood. Name the sound itself, "
        "or write 'everything but ...' in front of it."
    )

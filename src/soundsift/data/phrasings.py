"""More ways to say what a concept is: grammatical variants of its name, by rule.

Rules make what is regular ("dog barking": "a dog barks", "a barking dog", "the sound of a dog
barking"); what needs knowledge of the world is written out in `rules/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: British and American words for one thing; each is replaced by the others.
_SAME = (
    ("lorry", "truck"),
    ("tyre", "tire"),
    ("tyres", "tires"),
    ("aeroplane", "airplane", "plane"),
    ("motorbike", "motorcycle"),
    ("aluminium", "aluminum"),
    ("mobile phone", "cell phone"),
    ("telephone", "phone"),
    ("rubbish bin", "trash can", "garbage can", "dustbin"),
    ("shopping trolley", "shopping cart"),
    ("harbour", "harbor"),
    ("lift", "elevator"),
    ("hoover", "vacuum cleaner"),
    ("cockerel", "rooster"),
    ("till", "cash register"),
    ("railway", "railroad"),
    ("underground train", "subway train", "metro train"),
    ("car boot", "car trunk"),
    ("spanner", "wrench"),
)
_TERMS = tuple(term for terms in _SAME for term in terms)
#: Nouns that take no article.
_MASS = frozenset({
    "applause", "cloth", "debris", "fabric", "fire", "food", "glass", "hail", "ice", "laughter",
    "lava", "leaves", "metal", "music", "paper", "rain", "snow", "speech", "static", "steam",
    "thunder", "traffic", "velcro", "water", "wind", "wood",
})  # fmt: skip
_PLURALS = frozenset({"children", "people", "men", "women", "bees", "leaves", "geese", "mice"})
_NO_PLURALS = frozenset({"bus", "glass", "octopus", "bagpipes"})
#: Verbs that end in a silent e, as their stem before -ing.
_SILENT_E = frozenset({
    "bit", "blar", "bounc", "brak", "breath", "brows", "chim", "clos", "collaps", "com", "danc",
    "driv", "escap", "explod", "fil", "fir", "graz", "hik", "id", "inflat", "mak", "mov",
    "pric", "puls", "releas", "rid", "ris", "scrap", "shak", "slic", "slid", "sneez", "snor",
    "spik", "squeez", "stapl", "strik", "trembl", "tun", "typ", "wav", "wheez", "whin", "wip",
})  # fmt: skip
#: Not actions, whatever their endings say.
_NOUNS = frozenset({
    "swing", "bouncing ball", "rolling ball", "falling whistle", "rising whistle", "ticking bomb",
    "landing thud", "drowning gurgle", "humming drone", "spinning coin", "dropping coin",
    "washing machine", "warning horn", "sliding door", "chanting crowd", "ringing metal ping",
})  # fmt: skip
_PREPOSITIONS = re.compile(r" (?:on|in|of|at|to|from|with|by|over|through) ")
_DOUBLED = frozenset({"purr", "whirr"})
_LONGEST = 60


def variants(name: str, kind: str) -> list[str]:
    """Regular phrasings of a concept.

    Args:
        name: its canonical caption, such as "dog barking", "sawing wood", "violin".
        kind: one of `captions.KINDS`.
    """
    words = name.split()
    if kind == "instrument":
        found = _instrument(name)
    elif kind == "music":
        found = _music(name)
    elif words[0].endswith("ing") and name not in _NOUNS:
        found = _action(name)
    elif words[-1].endswith("ing") and words[-1] not in _NOUNS:
        found = _event(" ".join(words[:-1]), words[-1])
    else:
        found = _thing(name)
    return [phrase for phrase in found if len(phrase) <= _LONGEST]


def with_same_words(phrases: Iterable[str]) -> list[str]:
    """The phrases, and each with British words for American ones and the other way round."""
    found = list(phrases)
    for phrase in tuple(found):
        for words in _SAME:
            for word in words:
                # Most phrases have none of the words: that is told sooner than by a pattern.
                if word not in phrase or not re.search(rf"\b{word}\b", phrase):
                    continue
                # A "mobile phone" is no "mobile telephone".
                if any(word != term and word in term and term in phrase for term in _TERMS):
                    continue
                for other in words:
                    if other != word:
                        found.append(_mended(re.sub(rf"\b{word}\b", other, phrase)))
    return [phrase for phrase in dict.fromkeys(found) if len(phrase) <= _LONGEST]


def _mended(phrase: str) -> str:
    """The indefinite article as the word after it demands."""
    phrase = re.sub(r"\ba (?=[aeiou])", "an ", phrase)
    phrase = re.sub(r"\ban (?=[^aeiou\W])", "a ", phrase)
    return re.sub(r"\ba (?=hour|honest)", "an ", phrase)


def with_article(noun: str) -> str:
    """The noun with "a" or "an", unless it is plural or has none."""
    if _head(noun) in _MASS or is_plural(noun):
        return noun
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def _head(noun: str) -> str:
    """The word that decides: "footsteps" of "footsteps on stone"."""
    return _PREPOSITIONS.split(noun)[0].split()[-1]


def is_plural(noun: str) -> bool:
    """Whether a noun is a plural, as far as its form says."""
    last = _head(noun)
    if last in _PLURALS:
        return True
    return last.endswith("s") and not last.endswith(("ss", "us")) and last not in _NO_PLURALS


def present(gerund: str) -> str:
    """Third person singular of a verb given as its -ing form: "barking" gives "barks"."""
    base = infinitive(gerund)
    if base.endswith(("s", "x", "z", "ch", "sh")):
        return base + "es"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ies"
    return base + "s"


def infinitive(gerund: str) -> str:
    """A verb without -ing: "running" gives "run", "closing" gives "close"."""
    stem = gerund.removesuffix("ing")
    if stem in _SILENT_E:
        return stem + "e"
    if re.search(r"[bcdfgkptz]l$", stem):
        return stem + "e"  # crackle, rustle, gargle
    if re.search(r"([bdgmnprt])\1$", stem) and stem not in _DOUBLED:
        return stem[:-1]  # humm, runn, dripp
    return stem


def _event(subject: str, gerund: str) -> list[str]:
    one, verb = with_article(subject), present(gerund)
    if is_plural(subject):
        verb = infinitive(gerund)
    be = "are" if is_plural(subject) else "is"
    found = [
        f"{one} {verb}",
        f"{one} {gerund}",
        f"{gerund} {subject}",
        f"sound of {one} {gerund}",
        f"the sound of {one} {gerund}",
        f"{one} {be} {gerund}",
        f"the {subject} {be} {gerund}",
        f"{subject} {gerund} sound",
        f"{subject} {gerund} in the background",
        f"{one} can be heard {gerund}",
        f"you can hear {one} {gerund}",
        f"the {subject} {gerund}",
        f"the {gerund} of {one}",
        f"the noise of {one} {gerund}",
        f"only the {subject} {gerund}",
    ]
    if one.startswith(("a ", "an ")):
        found.insert(3, f"{with_article(gerund)} {subject}".replace("  ", " "))
    return found


def _action(name: str) -> list[str]:
    return [
        f"someone {name}",
        f"someone is {name}",
        f"a person {name}",
        f"the sound of {name}",
        f"sound of someone {name}",
        f"somebody {name}",
        f"{name} sound",
        f"{name} in the background",
        f"you can hear someone {name}",
        f"a person is {name}",
        f"noise of {name}",
        f"the {name}",
        f"the noise of someone {name}",
        f"there is someone {name}",
        f"only the {name}",
    ]


def _thing(name: str) -> list[str]:
    one = with_article(name)
    many = is_plural(name)
    be = "are" if many else "is"
    found = [
        one,
        f"the {name}",
        f"{name} sound",
        f"sound of {one}",
        f"the sound of {one}",
        f"{one} {be} heard",
        f"{one} can be heard",
        f"{name} in the background",
        f"you can hear {one}",
        f"{name} noise",
        f"there {be} {one}",
        f"the {name} in the background",
        f"only the {name}",
        f"noise of {one}",
        f"the noise of {one}",
    ]
    ending = ("s", "x", "ch", "sh", "y", "ing", "ambience")
    if (
        one.startswith(("a ", "an "))
        and not name.endswith(ending)
        and name.split()[-1] == _head(name)
    ):
        found.append(name + "s")
    return found


def _instrument(name: str) -> list[str]:
    one = with_article(name)
    be = "are" if is_plural(name) else "is"
    verb = "play" if is_plural(name) else "plays"
    return [
        one,
        f"{name} playing",
        f"{one} {verb}",
        f"someone playing the {name}",
        f"the {name}",
        f"sound of {one}",
        f"the sound of {one}",
        f"{name} sound",
        f"{one} {be} played",
        f"the {name} part",
        f"{name} in the background",
        f"solo {name}",
        f"a musician plays the {name}",
        f"{one} can be heard",
        f"the {name} track",
        f"only the {name}",
        f"recording of {one}",
        f"{name} notes",
    ]


def _music(name: str) -> list[str]:
    one = name if name.endswith("music") or is_plural(name) else with_article(name)
    return [
        f"the {name}",
        f"{name} playing",
        f"{one} is playing",
        f"{name} in the background",
        f"{name} plays",
        f"some {name}" if one == name else one,
        f"sound of {one}",
        f"the sound of {one}",
        f"a recording of {one}",
        f"a piece of {name}" if one == name else f"a short {name}",
        f"{one} can be heard",
        f"you can hear {one}",
        f"{name} track",
        f"someone is playing {one}",
        f"{name} from a speaker",
        f"only the {name}",
    ]

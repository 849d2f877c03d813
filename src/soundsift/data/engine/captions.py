"""What is heard in an excerpt, as noun phrases: by the hearing network, or by any captioner."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soundsift.data.engine.program import LineProgram
from soundsift.errors import SoundsiftError
from soundsift.listening import SoundDetector
from soundsift.phrases import read_phrases
from soundsift.prompts import Prompt

Samples = NDArray[np.float32]

#: Longer pieces of a caption are no name of a sound.
_MOST_WORDS = 6
#: Where a caption goes on to another sound or to what is no sound.
_BREAKS = re.compile(
    r"[.,;:!?\n]|\b(?:and then|followed by|along with|together with|accompanied by|as well as|while"
    r"|whilst|and|with|as|then|before|after|over|amid|among|against)\b"
)
_PLACE = re.compile(
    r"\b(?:in|at|on|from|near|inside|outside|behind|around|through|into|by|throughout) (?:the|a|an"
    r"|his|her|their|its)?\s*.*$|\b(?:nearby|loudly|softly|quietly|faintly|outdoors|indoors"
    r"|repeatedly|continuously|several times|in the distance)\b.*$"
)
_BEGINNING = re.compile(
    r"^(?:there (?:is|are)|we hear|you can hear|one hears|the sounds? of|sounds? of|a sound of"
    r"|(?:a|the) recording of|(?:a|an|the|some|several|many|two|three|multiple|someone's)) "
)
_VERBS = re.compile(r"\b(?:is|are|was|were|can be heard|being) ")


@dataclass(frozen=True)
class NamedSound:
    """A sound that may be in an excerpt.

    Attributes:
        phrase: a noun phrase.
        confidence: of the captioner that it is there, 0 to 1; None if it does not say.
        caption: what the captioner said.
    """

    phrase: str
    confidence: float | None
    caption: str


class Captioner(Protocol):
    """Names the sounds of an excerpt."""

    def name(self, samples: Samples, sample_rate: int, file: Path) -> list[NamedSound]:
        """The sounds of an excerpt, the surest first.

        Args:
            samples: `(channels, samples)`.
            sample_rate: in Hz.
            file: the same as a file.

        Raises:
            SoundsiftError: nothing can be said about it.
        """
        ...


@dataclass(frozen=True)
class HearingCaptioner:
    """The hearing network's own list of sounds.

    Attributes:
        detector: the network.
        limit: sounds, at most.
        least_confidence: for a sound to be named.
    """

    detector: SoundDetector
    limit: int
    least_confidence: float

    def name(self, samples: Samples, sample_rate: int, file: Path) -> list[NamedSound]:
        """See `Captioner`."""
        del file
        heard = self.detector.listen(samples, sample_rate=sample_rate, limit=self.limit)
        return [
            NamedSound(sound.text, round(sound.confidence, 4), sound.text)
            for sound in heard
            if sound.confidence >= self.least_confidence
        ]


@dataclass(frozen=True)
class ProgramCaptioner:
    """A program that captions: `{"audio": FILE}` in, `{"caption": TEXT}` out.

    Instead of `caption`, the answer may have `sounds`: a list of phrases, or of objects with
    `text` and `confidence`.

    Attributes:
        program: the program.
        limit: sounds, at most.
    """

    program: LineProgram
    limit: int

    def name(self, samples: Samples, sample_rate: int, file: Path) -> list[NamedSound]:
        """See `Captioner`."""
        del samples, sample_rate
        answer = self.program.ask({"audio": str(file)})
        sounds, caption = answer.get("sounds"), answer.get("caption")
        if isinstance(sounds, list):
            return [_named(one, self.program) for one in sounds][: self.limit]
        if isinstance(caption, str):
            found = [NamedSound(phrase, None, caption) for phrase in noun_phrases(caption)]
            return found[: self.limit]
        raise SoundsiftError(
            f"The captioner {' '.join(self.program.command)} answered without caption and sounds."
        )


def noun_phrases(caption: str) -> list[str]:
    """The sounds that a caption names, each as a short phrase.

    "A man is speaking while a dog barks in the background" names "man speaking" and "dog barks".
    The rules cut a caption at its conjunctions, and drop articles, auxiliary verbs and places.

    Args:
        caption: a sentence or several.
    """
    found: dict[str, None] = {}
    for piece in _BREAKS.split(caption.lower()):
        phrase = _PLACE.sub("", piece.strip()).strip()
        while (shorter := _BEGINNING.sub("", phrase)) != phrase:
            phrase = shorter
        phrase = " ".join(_VERBS.sub("", phrase).split())
        if not re.search(r"[^\W\d_]{2}", phrase) or len(phrase.split()) > _MOST_WORDS:
            continue
        try:
            sounds = read_phrases(phrase)
        except SoundsiftError:  # a negation
            continue
        if not sounds.inverted:
            found |= dict.fromkeys(sounds.sounds)
    return list(found)


def _named(one: object, program: LineProgram) -> NamedSound:
    if isinstance(one, str) and one.strip():
        return NamedSound(one.strip().lower(), None, one)
    if isinstance(one, dict) and isinstance(one.get("text"), str) and one["text"].strip():
        sure = one.get("confidence")
        number = float(sure) if isinstance(sure, int | float) else None
        return NamedSound(one["text"].strip().lower(), number, one["text"])
    raise SoundsiftError(
        f"The captioner {' '.join(program.command)} answered the sound {one!r}; expected a phrase, "
        "or an object with text and confidence."
    )


def usable(sounds: Sequence[NamedSound]) -> list[NamedSound]:
    """The sounds that can be asked for, each once, in order: one sound each, and no negation."""
    found: dict[str, NamedSound] = {}
    for sound in sounds:
        try:
            prompt = Prompt(sound.phrase)
        except SoundsiftError:
            continue
        if prompt.text is not None and not prompt.inverted and len(prompt.parts()) == 1:
            found.setdefault(prompt.text, replace(sound, phrase=prompt.text))
    return list(found.values())

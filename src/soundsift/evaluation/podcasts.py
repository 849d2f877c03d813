"""Ten-minute podcasts: a man and a woman take turns over music, with rare, soft sounds.

Voices, music and sounds are clips of sources that nothing was trained on. What is asked: the
speech, each voice apart, the music, and two kinds of sounds that lie 15 to 20 dB below the voices.

Shapes: N samples at 48 kHz.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip, Samples
from soundsift.errors import SoundsiftError
from soundsift.evaluation.laying import endless, lay_recurring, levelled
from soundsift.evaluation.scenes import confusable

PODCASTS = 12
SECONDS = 600.0
VOICES = ("man speaking", "woman speaking")
#: How far music and events lie below the voices, in dB, each while it is heard.
MUSIC_DB, EVENTS_DB = (10.0, 18.0), (15.0, 20.0)

_SEED = 20261218
_ATTEMPTS = 200
_VOICE_DB = -23.0
_TURN, _PAUSE = (3.0, 9.0), (0.2, 1.0)
_FADE = round(0.02 * SAMPLE_RATE)
_SHORTEST, _LONGEST = 0.4, 6.0
_OCCURRENCES = (8, 16)


@dataclass(frozen=True)
class Event:
    """A rare sound.

    Attributes:
        text: its canonical caption.
        wave: all its occurrences `(N,)`.
        times: (start, end) in seconds of each.
    """

    text: str
    wave: Samples
    times: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Podcast:
    """A long recording whose parts are known.

    Attributes:
        voices: the man's and the woman's turns, each `(N,)`.
        music: the bed under everything `(N,)`.
        events: two kinds of sounds.
    """

    voices: tuple[Samples, Samples]
    music: Samples
    events: tuple[Event, Event]

    @property
    def mixture(self) -> Samples:
        """All parts together `(1, N)`."""
        first, second = self.events
        mixed: Samples = sum(self.voices) + self.music + first.wave + second.wave
        return mixed[None]


class Podcasts:
    """Draws podcasts from a bank; number i is always the same.

    Args:
        folder: the sound bank.
        split: which of its clips.

    Raises:
        SoundsiftError: the bank is not there, or lacks what a podcast is made of.
    """

    def __init__(self, folder: Path, split: str = "stranger-test") -> None:
        self._bank = Bank(folder, (split,))
        clips = self._bank.clips
        self._voices = [_by(clips, "speaker", concept=voice) for voice in VOICES]
        self._music = [c for c in clips if c.kind == "music" and c.seconds >= 4.0]
        effects = [c for c in clips if c.kind == "effect" and c.seconds >= _SHORTEST]
        self._effects = _by(effects, "concept")
        if not all(self._voices) or not self._music or len(self._effects) < 2:
            raise SoundsiftError(
                f"{folder}: too few {split} clips for podcasts. Build the whole bank with "
                "`soundsift data build`."
            )

    def podcast(self, number: int, seconds: float = SECONDS) -> Podcast:
        """Podcast `number`.

        Raises:
            SoundsiftError: no sounds of the bank can be told apart by their names.
        """
        rng = np.random.default_rng((_SEED, number))
        samples = round(seconds * SAMPLE_RATE)
        speakers = [_pick(voices, rng) for voices in self._voices]
        music = self._music[int(rng.integers(len(self._music)))]
        taken = [clips[0] for clips in speakers] + [music]
        kinds: list[list[Clip]] = []
        for _ in range(_ATTEMPTS):
            clips = _pick(self._effects, rng)
            if not any(confusable(clips[0], other) for other in taken):
                kinds.append(clips)
                taken.append(clips[0])
            if len(kinds) == 2:
                break
        else:
            raise SoundsiftError(
                f"{self._bank.folder}: no podcast {number} can be drawn. Use a bank with more "
                "kinds of sound."
            )
        first, second = (self._event(clips, samples, rng) for clips in kinds)
        return Podcast(
            voices=self._turns(speakers, samples, rng),
            music=levelled(
                endless(self._bank, music, samples, rng), _VOICE_DB - rng.uniform(*MUSIC_DB)
            ),
            events=(first, second),
        )

    def _event(self, clips: Sequence[Clip], samples: int, rng: np.random.Generator) -> Event:
        wave = np.zeros(samples, np.float32)
        count = int(rng.integers(*_OCCURRENCES))
        times = lay_recurring(wave, self._bank, clips, count, _LONGEST, rng)
        level = _VOICE_DB - rng.uniform(*EVENTS_DB)
        return Event(clips[0].captions[0], levelled(wave, level), tuple(times))

    def _turns(
        self, speakers: Sequence[Sequence[Clip]], samples: int, rng: np.random.Generator
    ) -> tuple[Samples, Samples]:
        """Two voices, one after the other, with pauses."""
        waves = [np.zeros(samples, np.float32) for _ in speakers]
        at, turn = 0, int(rng.integers(2))
        while at < samples:
            clips = speakers[turn]
            said = self._bank.audio(clips[int(rng.integers(len(clips)))])
            length = min(round(rng.uniform(*_TURN) * SAMPLE_RATE), len(said))
            start = int(rng.integers(len(said) - length + 1))
            piece = said[start : start + length].copy()
            fade = min(_FADE, length // 2)
            piece[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
            piece[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
            waves[turn][at : at + length] = piece[: samples - at]
            at += length + round(rng.uniform(*_PAUSE) * SAMPLE_RATE)
            turn = 1 - turn
        first, second = (levelled(wave, _VOICE_DB + rng.uniform(-2.0, 2.0)) for wave in waves)
        return first, second


def _by(clips: Sequence[Clip], key: str, concept: str | None = None) -> dict[str, list[Clip]]:
    """Clips by one of their attributes, of one concept or all."""
    found: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if concept is None or clip.concept == concept:
            found[getattr(clip, key)].append(clip)
    return dict(found)


def _pick(groups: dict[str, list[Clip]], rng: np.random.Generator) -> list[Clip]:
    return groups[sorted(groups)[int(rng.integers(len(groups)))]]

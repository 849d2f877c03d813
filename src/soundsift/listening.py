"""Sound event detection: what is heard in a recording, when, and how surely."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soundsift.audio import Recording, RecordingFile, examine
from soundsift.checkpoints.hearing import (
    Hearing,
    KnownSound,
    default_folder,
    load_hearing,
    load_vocabulary,
)
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.store import WEIGHTS
from soundsift.config import HearingCalibration, MelCodecConfig
from soundsift.devices import pick_device, pick_dtype
from soundsift.errors import SoundsiftError
from soundsift.host_state import torch_defaults
from soundsift.models.mel_codec import MelCodec
from soundsift.prompts import Prompt
from soundsift.sampling.windows import Window
from soundsift.separation.codec_input import waves_at
from soundsift.separation.listener import Listener
from soundsift.separation.occurrences import Finding, Occurrence, Presence, find_occurrences
from soundsift.separation.source import Source, as_recording
from soundsift.separation.span_prediction import joined, window_probabilities

#: Samples by which a resampled recording may be longer than its duration.
_MARGIN = 4800
#: Names of one event: they are heard at the same time, and their embeddings are this close.
_SAME_SOUND, _SAME_TIME = 0.8, 0.5


@dataclass(frozen=True)
class HeardSound:
    """A sound, and what was heard of it in a recording.

    Attributes:
        text: the phrase, or the name of a known sound.
        confidence: the probability that it is in the recording at all, 0 to 1.
        presence: the same in a word: sure, unsure or absent.
        spans: when it is heard, in order of time.
        kind: of a known sound: speech, singing, music, instrument, effect, ambience or group; None
            for a phrase.
    """

    text: str
    confidence: float
    presence: Presence
    spans: tuple[Occurrence, ...]
    kind: str | None = None


class SoundDetector:
    """A loaded hearing network, for many recordings.

    Args:
        hearing: the network with its text encoder.
        folder: the network's folder, for the names of known sounds.
        device: the network's.
    """

    def __init__(self, hearing: Hearing, folder: Path, device: torch.device) -> None:
        self.hearing, self.folder, self.device = hearing, folder, device
        self.codec = MelCodec(MelCodecConfig()).to(device)

    @classmethod
    def load(
        cls, device: str | None = None, folder: Path | None = None, text: Any = None
    ) -> SoundDetector:
        """Load the network that comes with the package.

        Args:
            device: cuda, mps or cpu; the fastest available unless given.
            folder: of another network.
            text: a text encoder that is loaded already.

        Raises:
            SoundsiftError: there is no network, it is damaged, or the device is not available.
        """
        place, where = folder or default_folder(), pick_device(device)
        if not (place / WEIGHTS).is_file():
            raise SoundsiftError(
                f"This installation cannot listen: {place} has no network. Install a release of "
                "soundsift, or copy a trained network there."
            )
        with torch_defaults():
            hearing = Hearing(
                load_hearing(place, where), text or TextEncoder(where), pick_dtype(where)
            )
            return cls(hearing, place, where)

    @torch_defaults()
    def listen(
        self,
        source: Source | RecordingFile,
        phrases: Sequence[str | Prompt] | None = None,
        *,
        sample_rate: int | None = None,
        limit: int = 10,
        longest: float | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> list[HeardSound]:
        """See `soundsift.listen`; `longest` are the seconds from the beginning that are heard."""
        prompts = None if phrases is None else _checked(phrases)
        if limit < 1:
            raise SoundsiftError(f"Invalid limit {limit}: expected 1 or more.")
        recording = _opened(source, sample_rate)
        waves = waves_at(recording, self.codec.sample_rate, self.device)
        seconds = recording.duration if longest is None else min(longest, recording.duration)
        waves = _beginning(waves, round(seconds * self.codec.sample_rate), progress)
        if prompts is not None:
            return self._for_phrases(waves, prompts)
        return self._for_known(waves, limit)

    def _for_phrases(self, waves: Iterator[Tensor], prompts: list[Prompt]) -> list[HeardSound]:
        phrases = [[p.text for p in prompt.parts() if p.text] for prompt in prompts]
        listener = Listener(self.hearing, self.codec, phrases)
        listener.listen(waves)
        found = zip(prompts, listener.findings(), strict=True)
        return [_heard(p.text, None, finding) for p, finding in found if finding and p.text]

    @torch.inference_mode()
    def _for_known(self, waves: Iterator[Tensor], limit: int) -> list[HeardSound]:
        known = load_vocabulary(self.folder, self.hearing)
        names = [sound.name for sound in known]
        # Most sounds are absent from most windows: only what may count is kept.
        calibration = self.hearing.calibration.for_listing()
        floor = _least_probability(calibration)
        kept: dict[int, list[tuple[Window, Tensor]]] = defaultdict(list)
        frames = 0
        for window, probabilities in window_probabilities(self.hearing, self.codec, waves, names):
            frames = window.end
            for number in (probabilities.amax(dim=1) >= floor).nonzero().flatten().tolist():
                kept[number].append((window, probabilities[number, None].half()))
        heard = []
        for number, windows in kept.items():
            row = joined(windows, frames)[0].numpy()
            finding = find_occurrences(row, calibration)
            if finding.presence != "absent":
                heard.append((known[number], finding))
        return self._without_duplicates(heard)[:limit]

    def _without_duplicates(self, heard: list[tuple[KnownSound, Finding]]) -> list[HeardSound]:
        """One name per event, the surest; best first.

        A group goes where one of its sounds is surely heard at the same time; what is unsure goes
        where its group stays.
        """
        if not heard:
            return []
        heard = sorted(heard, key=lambda one: -one[1].confidence)
        sure = [one for one in heard if one[1].presence == "sure" and one[0].kind != "group"]
        embedded = self.hearing.phrases([sound.name for sound, _ in heard])
        alike = (embedded @ embedded.T >= _SAME_SOUND).tolist()
        kept: list[int] = []
        for number, (sound, finding) in enumerate(heard):
            if sound.kind == "group" and any(
                sound.name in member.groups and _together(finding, other) for member, other in sure
            ):
                continue
            if not any(
                (alike[number][other] or _related(sound, heard[other][0]))
                and _together(finding, heard[other][1])
                for other in kept
            ):
                kept.append(number)
        return [_heard(heard[n][0].name, heard[n][0].kind, heard[n][1]) for n in kept]


def listen(
    source: Source | RecordingFile,
    phrases: Sequence[str] | str | None = None,
    *,
    sample_rate: int | None = None,
    limit: int = 10,
    device: str | None = None,
    progress: Callable[[float], None] | None = None,
    language: str | None = None,
) -> list[HeardSound]:
    """What is heard in a recording of any length, when, and how surely.

    `SoundDetector.load` keeps the network for several recordings.

    Args:
        source: a file that FFmpeg reads, a `Recording`, or samples `(channels, samples)` or
            `(samples,)`.
        phrases: the sounds to listen for; None for all sounds that the network knows by name.
        sample_rate: in Hz, of samples given as an array.
        limit: without phrases, the most sounds to return.
        device: cuda, mps or cpu; the fastest available unless given.
        progress: called with the fraction done, 0 to 1; an exception that it raises stops the work.
        language: of the phrases: "de", "fr" and so on; None to find out, "en" for as typed.

    Returns:
        With phrases: each of them, in order. Without: the sounds that are probably there, best
        first, one name per event.

    Raises:
        SoundsiftError: a recording that cannot be used, an invalid phrase, or no network.
    """
    given = [phrases] if isinstance(phrases, str) else phrases
    asked = None if given is None else [Prompt(phrase, language=language) for phrase in given]
    return SoundDetector.load(device).listen(
        source, asked, sample_rate=sample_rate, limit=limit, progress=progress
    )


def _opened(source: Source | RecordingFile, sample_rate: int | None) -> Recording | RecordingFile:
    if isinstance(source, RecordingFile):
        return source
    if isinstance(source, str | Path):
        return examine(source)
    return as_recording(source, sample_rate)


def _checked(phrases: Sequence[str | Prompt]) -> list[Prompt]:
    prompts = [one if isinstance(one, Prompt) else Prompt(one) for one in phrases]
    if not prompts or any(prompt.text is None for prompt in prompts):
        raise SoundsiftError("There is no phrase. Give a sound such as 'dog barking'.")
    return prompts


def _beginning(
    waves: Iterator[Tensor], samples: int, progress: Callable[[float], None] | None
) -> Iterator[Tensor]:
    """Pieces of the first so many samples, and the last piece in full."""
    read = 0
    for piece in waves:
        yield piece
        read += piece.shape[-1]
        if progress is not None:
            progress(min(1.0, read / max(1, samples)))
        # The resampler may give some samples more than the recording has.
        if read >= samples + _MARGIN:
            return


def _heard(text: str, kind: str | None, finding: Finding) -> HeardSound:
    return HeardSound(text, finding.confidence, finding.presence, finding.found, kind)


def _least_probability(calibration: HearingCalibration) -> float:
    """The probability that some frame of every sound that is not absent reaches."""
    least = np.clip(calibration.absent_below - 1e-3, 1e-6, 1 - 1e-6)
    logit = np.log(least / (1 - least)) - calibration.presence_offset
    return float(1 / (1 + np.exp(-logit / calibration.presence_scale)))


def _related(one: KnownSound, other: KnownSound) -> bool:
    """Whether two names may mean one event.

    So do a sound and its group, sounds that sound alike, whole pieces of music, and a group and the
    sounds of groups that share some with it.
    """
    if one.kind == other.kind == "music":
        return True
    return any(
        first.name in (*second.groups, *second.like)
        or (first.kind == "group" and not {*first.like}.isdisjoint(second.groups))
        for first, second in ((one, other), (other, one))
    )


def _together(one: Finding, other: Finding) -> bool:
    """Whether two sounds are heard at the same time for at least half of the shorter one."""
    shared = sum(
        max(0.0, min(a.end, b.end) - max(a.start, b.start)) for a in one.found for b in other.found
    )
    shorter = min(sum(s.end - s.start for s in finding.found) for finding in (one, other))
    return shared >= _SAME_TIME * shorter

"""The recordings of a sound that a model is tuned on."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundsift.audio import read, resample
from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Clip, Samples, active_level_db
from soundsift.data.decoding import condition
from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt

#: Suffixes of files beside the recordings that are passed over.
_OTHER_FILES = frozenset({".csv", ".jsonl", ".json", ".md", ".txt", ".png", ".jpg"})
#: Fewer cannot be divided into those for training and those for the check.
LEAST = 4
_COLUMNS = ("file", "caption")


@dataclass(frozen=True)
class TunedClip:
    """A recording of the sound.

    Attributes:
        caption: the phrase for it, as it was given.
        clip: what is known of it; its concept is the caption as a prompt would read it.
        wave: mono, 48 kHz, `(samples,)`, without silent ends, of 45 s at most.
    """

    caption: str
    clip: Clip
    wave: Samples


def read_recordings(
    folder: Path, caption: str | None, captions: Path | None = None
) -> list[TunedClip]:
    """Read the recordings of a sound, each once.

    Args:
        folder: with audio or video files, searched with its subfolders.
        caption: the phrase for all of them; None if `captions` has one for each.
        captions: a CSV or JSONL file with the columns `file`, relative to the folder, and
            `caption`; only the files that it names are read.

    Raises:
        SoundsiftError: a file is missing or is not a recording, or there are too few.
    """
    named = _named(folder, caption, captions)
    found: list[TunedClip] = []
    seen: set[bytes] = set()
    for path, phrase in named:
        wave = read_mono(path)
        if wave is None:
            raise SoundsiftError(f"{path}: the recording is silent. Leave it out.")
        data = np.round(wave * 32767.0).astype(np.int16).tobytes()
        if data not in seen:  # the same recording twice would be in training and in the check
            seen.add(data)
            clip = clip_in_memory(str(path), spoken(phrase), "effect", wave)
            found.append(TunedClip(phrase, clip, wave))
    if len(found) < LEAST:
        raise SoundsiftError(
            f"{folder}: {len(found)} different recordings, expected {LEAST} or more; 20 are good. "
            "Add recordings of the sound."
        )
    return found


def read_mono(path: Path) -> Samples | None:
    """A recording as mono at 48 kHz `(samples,)`, silent ends removed; None if it is silent.

    Raises:
        SoundsiftError: it cannot be read.
    """
    recording = read(path, allow_silence=True)
    mono = recording.samples.mean(axis=0, keepdims=True)
    wave = resample(mono, recording.sample_rate, SAMPLE_RATE)
    return condition(wave[0])


def sound_files(place: Path) -> list[Path]:
    """A file, or all files of a folder and its subfolders that may hold sound, sorted."""
    if not place.is_dir():
        return [place]
    return [
        path
        for path in sorted(place.rglob("*"))
        if path.is_file()
        and path.suffix.lower() not in _OTHER_FILES
        and not any(part.startswith(".") for part in path.relative_to(place).parts)
    ]


def spoken(caption: str) -> str:
    """A caption as a text prompt reads it: "my dog" asks for "dog".

    Raises:
        SoundsiftError: it names several sounds, or everything but one.
    """
    prompt = Prompt(caption)
    if prompt.text is None or prompt.inverted or len(prompt.parts()) != 1:
        raise SoundsiftError(
            f"The caption {caption!r} does not name one sound. Use a phrase such as 'my dog'."
        )
    return prompt.text


def hold_out(
    clips: Sequence[TunedClip], share: float, seed: int
) -> tuple[list[TunedClip], list[TunedClip]]:
    """Divide recordings into those to train on and those for the check.

    Of every caption with two recordings or more, at least one is on each side.

    Args:
        clips: the recordings.
        share: of each caption's recordings that is held out.
        seed: decides which.
    """
    rng = np.random.default_rng((seed, 2))
    training: list[TunedClip] = []
    held: list[TunedClip] = []
    for caption in dict.fromkeys(one.clip.concept for one in clips):
        own = [one for one in clips if one.clip.concept == caption]
        own = [own[i] for i in rng.permutation(len(own))]
        count = min(max(1, round(share * len(own))), len(own) - 1)
        held += own[:count]
        training += own[count:]
    return training, held


def _named(folder: Path, caption: str | None, captions: Path | None) -> list[tuple[Path, str]]:
    if not folder.is_dir():
        raise SoundsiftError(f"{folder}: not a folder. Give a folder of recordings of the sound.")
    if captions is not None:
        return [(folder / file, phrase) for file, phrase in _read_captions(captions)]
    assert caption is not None
    return [(path, caption) for path in sound_files(folder)]


def _read_captions(file: Path) -> list[tuple[str, str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SoundsiftError(
            f"{file}: can't be read ({error}). Use a CSV or JSONL file with the columns file and "
            "caption."
        ) from error
    rows: list[dict[str, object]] = []
    try:
        if file.suffix.lower() == ".jsonl":
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            rows = list(csv.DictReader(text.splitlines()))
    except (ValueError, csv.Error) as error:
        raise SoundsiftError(f"{file}: not CSV or JSONL: {error}.") from error
    found = []
    for number, row in enumerate(rows, start=1):
        values = [row.get(name) for name in _COLUMNS] if isinstance(row, dict) else [None]
        if not all(isinstance(value, str) and value.strip() for value in values):
            raise SoundsiftError(
                f"{file}, row {number}: no file and caption. Every row needs both columns."
            )
        found.append((str(values[0]).strip(), str(values[1]).strip()))
    return found


def clip_in_memory(
    path: str, concept: str, kind: str, wave: Samples, *, source: str = "own", licence: str = ""
) -> Clip:
    """What is known of a recording that is in no bank.

    Args:
        path: its name, unique in its source.
        concept: what is heard, which is also its one caption and its speaker.
        kind: one of `soundsift.data.captions.KINDS`.
        wave: mono, 48 kHz, `(samples,)`.
        source: where it comes from.
        licence: of the recording.
    """
    return Clip(
        source=source,
        path=path,
        licence=licence,
        concept=concept,
        kind=kind,
        groups=(),
        captions=(concept,),
        split="train",
        speaker=concept,
        shard=f"{source}/{path}",
        offset=0,
        samples=len(wave),
        seconds=len(wave) / SAMPLE_RATE,
        level_db=active_level_db(wave),
    )

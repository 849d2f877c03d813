"""The sound bank: its clips, with their samples mapped from disk or decoded from shards.

`soundsift.data.decoding` makes the samples and `soundsift.data.manifest` says what they are. This
module needs NumPy and soundfile only, so that a packed bank can be used anywhere.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundsift.config import SAMPLE_RATE
from soundsift.errors import SoundsiftError

_ACTIVE_DB = 30.0
#: What decoded clips of a packed bank may take in memory, per process.
_DECODED_BYTES = 2 << 30

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """A sound of the bank: a line of the manifest, with what concepts.json says of its concept.

    Attributes:
        source: the package or repository it comes from.
        path: file in the source, `container!member` for a file in a container.
        licence, author: of this file, as far as the source says.
        concept: canonical caption.
        kind: one of `captions.KINDS`.
        groups: wider prompts that include it.
        captions: every phrasing, the canonical one first.
        confusable: concepts that sound alike but are not the same: hard negatives.
        split: `train`, `validation` or `test`; or `stranger-validation` or `stranger-test` where
            the whole source is kept out of training.
        speaker: what must not be torn apart by the split and is strung together in a scene (a
            voice, a patch, a song).
        shard: file that holds it among others.
        offset, samples: where its 16-bit mono samples lie in it; in a packed bank the offset is in
            bytes.
        seconds: duration.
        level_db: RMS of its active part in dB full scale.
        size: bytes of its Ogg Opus file in a packed bank; 0 where the samples lie as they are.
    """

    source: str
    path: str
    licence: str
    concept: str
    kind: str
    groups: tuple[str, ...]
    captions: tuple[str, ...]
    split: str
    speaker: str
    shard: str
    offset: int
    samples: int
    seconds: float
    level_db: float
    author: str = ""
    confusable: tuple[str, ...] = ()
    size: int = 0


class Bank:
    """The clips of some splits, with their samples mapped from disk.

    Raises:
        SoundsiftError: if the folder holds no manifest.
    """

    def __init__(self, folder: Path, splits: Iterable[str] = ("train",)) -> None:
        manifest = folder / "manifest.jsonl"
        if not manifest.exists():
            raise SoundsiftError(
                f"{manifest}: no such file; run `soundsift data fetch` and `soundsift data build` "
                "first."
            )
        shared = folder / "concepts.json"
        concepts = json.loads(shared.read_text()) if shared.exists() else {}
        wanted = set(splits)
        self.folder = folder
        self.clips: list[Clip] = []
        with manifest.open() as lines:
            for line in lines:
                entry = json.loads(line)
                if entry["split"] in wanted:
                    self.clips.append(_clip(entry, concepts.get(entry["concept"], {})))
        self._shards: dict[str, NDArray[np.int16]] = {}
        self._decoded: dict[tuple[str, int], NDArray[np.int16]] = {}
        self._decoded_bytes = 0

    def audio(self, clip: Clip, start: int = 0, most: int | None = None) -> Samples:
        """The clip's samples from `start` on, at most so many: mono, 48 kHz, `(samples,)`."""
        last = clip.samples if most is None else min(clip.samples, start + most)
        return self.pcm(clip, start, last).astype(np.float32) / 32768.0

    def pcm(self, clip: Clip, start: int, end: int, keep: bool = True) -> NDArray[np.int16]:
        """The clip's samples from `start` to `end`, in 16 bits.

        Args:
            clip: the clip.
            start: the first sample.
            end: one behind the last, within the clip.
            keep: whether to keep a packed clip's decoded samples for the next time.
        """
        if clip.size:
            return (self._unpacked(clip) if keep else self._decode(clip))[start:end]
        if clip.shard not in self._shards:
            file = self.folder / "clips" / clip.shard
            self._shards[clip.shard] = np.memmap(file, dtype=np.int16, mode="r")
        return self._shards[clip.shard][clip.offset + start : clip.offset + end]

    def _unpacked(self, clip: Clip) -> NDArray[np.int16]:
        """A packed clip's samples, decoded when first asked for and kept while there is space."""
        key = (clip.shard, clip.offset)
        if key in self._decoded:
            return self._decoded[key]
        wave = self._decode(clip)
        self._decoded[key] = wave
        self._decoded_bytes += wave.nbytes
        while self._decoded_bytes > _DECODED_BYTES:  # the oldest go first
            oldest = next(iter(self._decoded))
            self._decoded_bytes -= self._decoded.pop(oldest).nbytes
        return wave

    def _decode(self, clip: Clip) -> NDArray[np.int16]:
        with (self.folder / "clips" / clip.shard).open("rb") as shard:
            shard.seek(clip.offset)
            packet = shard.read(clip.size)
        wave: NDArray[np.int16] = soundfile.read(io.BytesIO(packet), dtype="int16")[0]
        return wave


_CLIP_FIELDS = frozenset(field.name for field in fields(Clip))
_TUPLES = ("groups", "captions", "confusable")


def _clip(entry: dict[str, Any], concept: dict[str, Any]) -> Clip:
    """A line of the manifest, completed by what is true of its concept."""
    known = {**concept, **entry}
    for name in _TUPLES:
        known[name] = tuple(known.get(name, ()))
    own = known.get("caption")
    if own and own not in known["captions"]:
        known["captions"] = (known["captions"][0], own, *known["captions"][1:])
    return Clip(**{name: value for name, value in known.items() if name in _CLIP_FIELDS})


def active_level_db(wave: Samples) -> float:
    """RMS in dB full scale of the 20 ms frames within 30 dB of the loudest one."""
    frame = SAMPLE_RATE // 50
    padded = np.pad(wave, (0, -len(wave) % frame)).reshape(-1, frame)
    power = np.square(padded, dtype=np.float64).mean(axis=1)
    active = power[power >= power.max() * 10 ** (-_ACTIVE_DB / 10)]
    return float(10 * np.log10(active.mean() + 1e-12))

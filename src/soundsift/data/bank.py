"""The sound bank: every source file decoded once, and a manifest that says what each clip is.

Decoding (slow, once) is kept apart from captioning (seconds, again whenever a rule changes):
`decode_source` writes one file of 16-bit samples and an index per source, `write_manifest` applies
the caption rules and the split to the indexes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray
from tqdm import tqdm

from soundsift.config import SAMPLE_RATE
from soundsift.data.sources import SourceFile, source_files, sources
from soundsift.errors import SoundsiftError

#: Longer files (music, mostly) keep this much, from 10 % into them on.
LONGEST_SECONDS = 45.0
_SHORTEST_SECONDS = 0.05
_TRIM_DB = 60.0
_ACTIVE_DB = 30.0
#: What decoded clips of a packed bank may take in memory, per process.
_DECODED_BYTES = 2 << 30

#: What reading or decoding a damaged file raises; a container without sound is an IndexError.
_UNREADABLE = (
    av.FFmpegError,
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    StopIteration,
    EOFError,
)

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
        if clip.size:
            return self._unpacked(clip)[start:last].astype(np.float32) / 32768.0
        if clip.shard not in self._shards:
            file = self.folder / "clips" / clip.shard
            self._shards[clip.shard] = np.memmap(file, dtype=np.int16, mode="r")
        raw = self._shards[clip.shard][clip.offset + start : clip.offset + last]
        return raw.astype(np.float32) / 32768.0

    def _unpacked(self, clip: Clip) -> NDArray[np.int16]:
        """A packed clip's samples, decoded when first asked for and kept while there is space."""
        key = (clip.shard, clip.offset)
        if key in self._decoded:
            return self._decoded[key]
        with (self.folder / "clips" / clip.shard).open("rb") as shard:
            shard.seek(clip.offset)
            packet = shard.read(clip.size)
        wave: NDArray[np.int16] = soundfile.read(io.BytesIO(packet), dtype="int16")[0]
        self._decoded[key] = wave
        self._decoded_bytes += wave.nbytes
        while self._decoded_bytes > _DECODED_BYTES:  # the oldest go first
            oldest = next(iter(self._decoded))
            self._decoded_bytes -= self._decoded.pop(oldest).nbytes
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


def decode_all(bank: Path, workers: int = 2) -> None:
    """Decode every fetched source that is not decoded yet."""
    (bank / "clips").mkdir(parents=True, exist_ok=True)
    todo = [
        source.name
        for source in sources().values()
        if source.folder(bank).exists() and not index_file(bank, source.name).exists()
    ]
    with ProcessPoolExecutor(max_workers=workers) as pool:
        jobs = pool.map(decode_source, [bank] * len(todo), todo)
        for _ in tqdm(jobs, total=len(todo), desc="decoding", unit="source"):
            pass


def index_file(bank: Path, source: str) -> Path:
    """The index of a source's decoded clips."""
    return bank / "clips" / f"{source.replace('/', '+')}.json"


def decode_source(bank: Path, source: str) -> int:
    """Decode a source into `clips/SOURCE.i16` and `clips/SOURCE.json`.

    Files that do not decode are left out.

    Returns:
        The number of clips written.
    """
    index = index_file(bank, source)
    shard = index.stem + ".i16"
    entries = []
    offset = 0
    partial = bank / "clips" / (shard + ".partial")
    with partial.open("wb") as out:
        for file in source_files(bank, source):
            try:
                wave = decode(file)
            except _UNREADABLE:
                continue
            if wave is None:
                continue
            data = np.round(wave * 32767.0).astype(np.int16)
            out.write(data.tobytes())
            entries.append(index_entry(file.path, shard, offset, wave, data))
            offset += len(data)
    partial.rename(bank / "clips" / shard)
    write_index(index, entries)
    return len(entries)


def write_index(file: Path, entries: list[dict[str, object]]) -> None:
    """Write an index atomically: once it is there, its source counts as decoded."""
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(entries))
    partial.replace(file)


def index_entry(
    path: str, shard: str, offset: int, wave: Samples, data: NDArray[np.int16]
) -> dict[str, object]:
    """What the index keeps of a decoded clip; the digest finds the same sound in two sources."""
    return {
        "path": path,
        "shard": shard,
        "offset": offset,
        "samples": len(data),
        "seconds": round(len(data) / SAMPLE_RATE, 3),
        "level_db": round(active_level_db(wave), 2),
        "digest": hashlib.md5(data[: 10 * SAMPLE_RATE].tobytes()).hexdigest(),
    }


def decode(source: SourceFile) -> Samples | None:
    """Decode to mono 48 kHz, trim silent ends, bound the length; None if nothing is left.

    Raises:
        av.FFmpegError: if FFmpeg does not know the file.
    """
    form = "g722" if source.path.endswith(".g722") else None
    blocks = []
    wanted = int((LONGEST_SECONDS * 4) * SAMPLE_RATE)
    with av.open(io.BytesIO(source.read()), format=form, metadata_errors="ignore") as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        count = 0
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                blocks.append(part.to_ndarray()[0])
                count += blocks[-1].size
            if count >= wanted:
                break
        blocks.extend(part.to_ndarray()[0] for part in resampler.resample(None))
    if not blocks:
        return None
    wave = np.concatenate(blocks).astype(np.float32)
    return condition(wave)


def condition(wave: Samples) -> Samples | None:
    """Trim silent ends (60 dB below the peak), bound length and peak; None if nothing is left."""
    peak = float(np.abs(wave).max(initial=0.0))
    if not np.isfinite(peak) or peak < 1e-3:
        return None
    loud = np.flatnonzero(np.abs(wave) > peak * 10 ** (-_TRIM_DB / 20))
    wave = wave[loud[0] : loud[-1] + 1]
    longest = int(LONGEST_SECONDS * SAMPLE_RATE)
    if len(wave) > longest:
        start = min(len(wave) // 10, len(wave) - longest)
        wave = wave[start : start + longest]
    if len(wave) < _SHORTEST_SECONDS * SAMPLE_RATE:
        return None
    return wave / max(1.0, peak)


def active_level_db(wave: Samples) -> float:
    """RMS in dB full scale of the 20 ms frames within 30 dB of the loudest one."""
    frame = SAMPLE_RATE // 50
    padded = np.pad(wave, (0, -len(wave) % frame)).reshape(-1, frame)
    power = np.square(padded, dtype=np.float64).mean(axis=1)
    active = power[power >= power.max() * 10 ** (-_ACTIVE_DB / 10)]
    return float(10 * np.log10(active.mean() + 1e-12))

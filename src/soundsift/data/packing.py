"""The bank in a few files to carry elsewhere: clips as Ogg Opus in shards, and their manifest.

A shard is the clips' Ogg files one after the other; the manifest says where each begins. `Bank`
opens a folder of shards like any other bank.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from tqdm import tqdm

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip
from soundsift.errors import SoundsiftError

PACKED_SPLITS = ("train", "validation", "stranger-validation")
SHARD_ENDING = ".opus-shard"
#: Longer clips are cut to this: most music is, so that more pieces of it fit.
LONGEST_SECONDS = 20.0
KILOBITS = 64.0
#: libsndfile's scale of compression runs from this many kbit/s (0) to the other (1).
_MOST_KILOBITS, _LEAST_KILOBITS = 256.0, 6.0
#: Of an Ogg Opus file without sound, and per second and kbit/s, about.
_HEADER_BYTES, _BYTES_PER_KILOBIT = 400, 131


def pack(
    folder: Path,
    out: Path,
    megabytes: float = 500.0,
    shard_megabytes: float = 50.0,
    splits: Iterable[str] = PACKED_SPLITS,
    workers: int = 2,
    *,
    longest_seconds: float = LONGEST_SECONDS,
    kilobits: float = KILOBITS,
    held_out: int | None = None,
    without: Collection[str] = (),
) -> tuple[int, int]:
    """Write as much of a bank as fits, with something of every concept.

    Args:
        folder: the bank.
        out: folder for `manifest.jsonl`, `concepts.json` and `clips/NUMBER.opus-shard`.
        megabytes: what all shards together may take, about.
        shard_megabytes: the most that one shard takes.
        splits: which clips; those for validation come first.
        workers: processes that encode.
        longest_seconds: longer clips are cut.
        kilobits: per second of sound, about.
        held_out: clips per concept of splits other than `train`, at most; all if None.
        without: sources that are left out.

    Returns:
        The numbers of clips and of shards.

    Raises:
        SoundsiftError: if there is no bank, or if a clip of every concept takes more space.
    """
    clips = [
        replace(clip, samples=min(clip.samples, int(longest_seconds * SAMPLE_RATE)))
        for clip in Bank(folder, splits).clips
        if clip.source not in without
    ]
    chosen = _choose(clips, megabytes * 1e6, kilobits, held_out)
    (out / "clips").mkdir(parents=True, exist_ok=True)
    captions = _own_captions(folder)
    shard, number, size = None, -1, 0
    partial_manifest = out / "manifest.jsonl.partial"
    with (
        ProcessPoolExecutor(max_workers=workers) as pool,
        partial_manifest.open("w") as manifest,
    ):
        packets = pool.map(partial(_encode, folder, kilobits), chosen, chunksize=16)
        progress = tqdm(zip(chosen, packets, strict=True), total=len(chosen), desc="packing")
        for clip, packet in progress:
            if shard is None or size + len(packet) > shard_megabytes * 1e6:
                if shard is not None:
                    shard.close()
                number, size = number + 1, 0
                shard = (out / "clips" / f"{number:03d}{SHARD_ENDING}").open("wb")
            shard.write(packet)
            line = _line(clip, f"{number:03d}{SHARD_ENDING}", size, len(packet))
            if caption := captions.get((clip.source, clip.path)):
                line["caption"] = caption
            manifest.write(json.dumps(line) + "\n")
            size += len(packet)
        if shard is not None:
            shard.close()
    shutil.copyfile(folder / "concepts.json", out / "concepts.json")
    partial_manifest.rename(out / "manifest.jsonl")
    return len(chosen), number + 1


def _choose(clips: list[Clip], budget: float, kilobits: float, held_out: int | None) -> list[Clip]:
    """Validation's clips, then one more of each concept in turn while there is space."""
    queues: dict[str, list[Clip]] = defaultdict(list)
    others: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in sorted(clips, key=_draw):
        if clip.split == "train":
            queues[clip.concept].append(clip)
        else:
            others[clip.split, clip.concept].append(clip)
    kept = {id(clip) for same in others.values() for clip in same[:held_out]}
    chosen = [clip for clip in clips if id(clip) in kept]
    estimate = partial(_estimate, kilobits)
    left = budget - sum(estimate(clip) for clip in chosen)
    needed = sum(estimate(queue[0]) for queue in queues.values())
    if needed > left:
        raise SoundsiftError(
            f"{budget / 1e6:.0f} MB cannot hold a clip of each of {len(queues)} concepts. Allow at "
            f"least {(budget - left + needed) / 1e6:.0f} MB."
        )
    turn = 0
    while left > 0 and any(len(queue) > turn for queue in queues.values()):
        for queue in queues.values():
            if len(queue) > turn and left > 0:
                chosen.append(queue[turn])
                left -= estimate(queue[turn])
        turn += 1
    return chosen


def _draw(clip: Clip) -> bytes:
    """An order that mixes sources and does not depend on what else is in the bank."""
    return hashlib.sha256(f"{clip.source}/{clip.path}".encode()).digest()


def _estimate(kilobits: float, clip: Clip) -> float:
    return _HEADER_BYTES + _BYTES_PER_KILOBIT * kilobits * clip.samples / SAMPLE_RATE


_banks: dict[Path, Bank] = {}


def _encode(folder: Path, kilobits: float, clip: Clip) -> bytes:
    if folder not in _banks:  # once per process
        _banks[folder] = Bank(folder, ())
    return encode(_banks[folder].audio(clip), kilobits)


def encode(wave: np.ndarray[Any, np.dtype[np.float32]], kilobits: float = KILOBITS) -> bytes:
    """Mono samples `(samples,)` at 48 kHz as an Ogg Opus file."""
    buffer = io.BytesIO()
    level = (_MOST_KILOBITS - kilobits) / (_MOST_KILOBITS - _LEAST_KILOBITS)
    soundfile.write(
        buffer, wave, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=level
    )
    return buffer.getvalue()


def _line(clip: Clip, shard: str, offset: int, size: int) -> dict[str, Any]:
    return {
        "source": clip.source,
        "path": clip.path,
        "licence": clip.licence,
        "author": clip.author,
        "concept": clip.concept,
        "split": clip.split,
        "speaker": clip.speaker,
        "shard": shard,
        "offset": offset,
        "size": size,
        "samples": clip.samples,
        "seconds": round(clip.samples / SAMPLE_RATE, 3),
        "level_db": clip.level_db,
    }


def _own_captions(folder: Path) -> dict[tuple[str, str], str]:
    """The captions that single clips have besides their concept's."""
    return {
        (entry["source"], entry["path"]): entry["caption"]
        for entry in _lines(folder / "manifest.jsonl")
        if "caption" in entry
    }


def _lines(manifest: Path) -> Iterator[dict[str, Any]]:
    with manifest.open() as lines:
        yield from map(json.loads, lines)

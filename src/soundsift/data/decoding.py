"""Decode every source file once: one file of 16-bit samples and an index per source.

Decoding (slow, once) is kept apart from captioning (seconds, again whenever a rule changes), which
`soundsift.data.manifest` does from the indexes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Samples, active_level_db
from soundsift.data.sources import SourceFile, source_files, sources

#: Longer files (music, mostly) keep this much, from 10 % into them on.
LONGEST_SECONDS = 45.0
_SHORTEST_SECONDS = 0.05
_TRIM_DB = 60.0

#: What reading or decoding a damaged file raises beside FFmpeg's own error; a container without
#: sound is an IndexError.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    StopIteration,
    EOFError,
)


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
    import av  # procedural sound is put into a bank without it

    index = index_file(bank, source)
    shard = index.stem + ".i16"
    entries = []
    offset = 0
    partial = bank / "clips" / (shard + ".partial")
    with partial.open("wb") as out:
        for file in source_files(bank, source):
            try:
                wave = decode(file)
            except (av.FFmpegError, *_UNREADABLE):
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
    import av

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

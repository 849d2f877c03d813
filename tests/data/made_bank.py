"""A small sound bank of tones, written as `soundsift data build` writes one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from soundsift.config import SAMPLE_RATE


def write_bank(folder: Path, seconds: Mapping[str, float], splits: Sequence[str]) -> Path:
    """A bank with a clip per concept and entry of `splits`, as long as `seconds` says."""
    (folder / "clips").mkdir(parents=True)
    lines, offset = [], 0
    with (folder / "clips" / "made.i16").open("wb") as shard:
        for concept, duration in seconds.items():
            for number, split in enumerate(splits):
                time = np.arange(round(duration * SAMPLE_RATE)) / SAMPLE_RATE
                pitch = 200 + 50 * len(lines)
                data = np.round(8000 * np.sin(2 * np.pi * pitch * time)).astype(np.int16)
                shard.write(data.tobytes())
                lines.append({
                    "source": "made", "path": f"{concept}/{number}.wav", "licence": "CC0-1.0",
                    "author": "", "concept": concept, "split": split,
                    "speaker": f"made:{concept}/{number}", "shard": "made.i16", "offset": offset,
                    "samples": len(data), "seconds": duration, "level_db": -15.3,
                })  # fmt: skip
                offset += len(data)
    lines[0]["caption"] = "a caption of its own"
    concepts = {
        concept: {"kind": "effect", "groups": [], "captions": [concept, f"a {concept}"],
                  "confusable": []}
        for concept in seconds
    }  # fmt: skip
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "concepts.json").write_text(json.dumps(concepts))
    return folder

"""Serve an adapter: requests as JSON lines on stdin, stems as WAV files, replies on stdout.

This file runs as a program, in the environment of the adapter: `python serve.py ADAPTER.py
SETTINGS`. It needs NumPy, soundfile and soxr, and nothing of this package.

A request is one line: `{"id", "mixture", "text", "spans", "video", "masks", "output"}`. `output` is
a folder; every stem becomes `NAME.wav` in it, the answer to a prompt `target.wav`. The reply is one
line, `{"id"}`, with `error` if it failed, and `ranked_by` if a metric chose among candidates. What
the adapter's libraries print goes to stderr.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import soundfile
import soxr


def main(adapter: Path, settings: dict[str, Any]) -> None:
    """Load the adapter once, then answer requests until stdin ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Libraries print; only replies may reach the reader.
    os.dup2(2, 1)
    module = _load(adapter)
    separate = module.open_system(settings)
    ranked_by = module.ranked_by(settings) if hasattr(module, "ranked_by") else []
    for line in sys.stdin:
        request = json.loads(line)
        reply: dict[str, Any] = {"id": request["id"]}
        try:
            _answer(module, separate, request)
            if ranked_by:
                reply["ranked_by"] = ranked_by
        except Exception as error:
            traceback.print_exc()
            reply["error"] = f"{type(error).__name__}: {error}"
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _answer(module: ModuleType, separate: Any, request: dict[str, Any]) -> None:
    samples, rate = soundfile.read(request["mixture"], dtype="float32", always_2d=True)
    mixture = samples.T
    own_rate = module.SAMPLE_RATE or rate
    given = _convert(mixture, rate, own_rate)
    if module.CHANNELS == 2 and given.shape[0] == 1:
        given = np.repeat(given, 2, axis=0)
    # A mono system hears each channel by itself.
    parts = [given[n : n + 1] for n in range(len(given))] if module.CHANNELS == 1 else [given]
    outputs = [separate(part, own_rate, request) for part in parts]
    for name in outputs[0]:
        stem = np.concatenate([np.atleast_2d(output[name]) for output in outputs])
        if module.CHANNELS == 2 and mixture.shape[0] == 1:
            stem = stem.mean(axis=0, keepdims=True)
        stem = _convert(stem, own_rate, rate, mixture.shape[1])
        path = Path(request["output"]) / f"{name}.wav"
        soundfile.write(path, stem.T, rate, subtype="FLOAT")


def _convert(wave: Any, old: int, new: int, length: int | None = None) -> Any:
    """Resample `(C, N)`; then cut, or fill up with silence, to a length."""
    made = np.asarray(wave, dtype=np.float32)
    if old != new:
        made = soxr.resample(np.ascontiguousarray(made.T), old, new, quality="HQ").T
    if length is not None:
        made = made[:, :length]
        made = np.pad(made, ((0, 0), (0, length - made.shape[1])))
    return made


def _load(path: Path) -> ModuleType:
    """A module from its file; its name must not hide the package that it is for."""
    spec = importlib.util.spec_from_file_location(f"adapter_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))

"""Two clips of different classes at 0 dB, as AudioSep's ESC-50 test mixes them.

The protocol of "Separate Anything You Describe" (arXiv 2308.05037, section 4) for any folder of
classes: `FOLDER/CLASS NAME/*.wav`. The prompt is the class's name. Figures of different separators
can be compared if they are from the same folder, number of pairs and seed.

Shapes: N samples at 48 kHz.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from soundsift.audio import read, resample
from soundsift.config import SAMPLE_RATE
from soundsift.errors import SoundsiftError
from soundsift.evaluation import metrics
from soundsift.evaluation.baselines import Query, Samples, Separate, open_model
from soundsift.evaluation.bench import LEVEL_DB

SECONDS = 5.0
PAIRS = 500
_SEED = 230805037
_ATTEMPTS = 100
_ENDINGS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aif", ".aiff"})


def run_pairs(
    folder: Path,
    model: str | Path = "default",
    preset: str = "standard",
    pairs: int = PAIRS,
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, Any]:
    """Separate both clips of every pair by the names of their classes.

    Args:
        folder: classes as subfolders; the name of a subfolder is the prompt, with blanks for
            underscores.
        model: as for `soundsift.load`.
        preset: draft, standard or best.
        pairs: how many.
        progress: called with the present step and the fraction of it that is done.

    Returns:
        `pairs`, `classes`; `si_sdr` and `sdr`, improvements in dB, and `near`, the share of outputs
        within 3 dB of the target's level, each as a mean with its 95 % interval; `per_class`, the
        mean SI-SDR improvement of every class.

    Raises:
        SoundsiftError: if there are not two classes with audio files, or the model or the preset
            cannot be used.
    """
    classes = find_classes(folder)
    ours, _ = open_model(model, preset)
    tell = progress or (lambda _what, _fraction: None)
    rows: list[dict[str, Any]] = []
    for number in range(pairs):
        tell("pairs", number / pairs)
        waves, names = draw_pair(classes, number)
        rows += _score(ours, waves, names)
    tell("pairs", 1.0)
    summary = {
        key: asdict(metrics.bootstrap_mean([row[key] for row in rows]))
        for key in ("si_sdr", "sdr", "near")
    }
    per_class = {
        name: round(float(np.mean([r["si_sdr"] for r in rows if r["class"] == name])), 2)
        for name in classes
        if any(r["class"] == name for r in rows)
    }
    return {
        "folder": str(folder),
        "model": str(model),
        "preset": preset,
        "pairs": pairs,
        "classes": len(classes),
        **summary,
        "per_class": per_class,
    }


def find_classes(folder: Path) -> dict[str, list[Path]]:
    """Audio files of every subfolder, by its name as a phrase.

    Raises:
        SoundsiftError: if there are fewer than two.
    """
    if not folder.is_dir():
        raise SoundsiftError(f"{folder}: no such folder. Give a folder with one subfolder a class.")
    classes = {}
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(path for path in inner.rglob("*") if path.suffix.lower() in _ENDINGS)
        if files:
            classes[inner.name.replace("_", " ").strip().lower()] = files
    if len(classes) < 2:
        raise SoundsiftError(
            f"{folder}: {len(classes)} subfolders with audio files, expected at least 2. "
            "Put the clips of every class into a subfolder with the name of the class."
        )
    return classes


def draw_pair(classes: dict[str, list[Path]], number: int) -> tuple[Samples, tuple[str, str]]:
    """Pair `number`: two clips `(2, N)` of equal energy, and the names of their classes.

    Raises:
        SoundsiftError: if clips cannot be read, or are silent in all attempts.
    """
    names = list(classes)
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng((_SEED, number, attempt))
        first, second = (int(i) for i in rng.permutation(len(names))[:2])
        chosen = (names[first], names[second])
        waves = [_clip(classes[name], rng) for name in chosen]
        energies = [float(np.square(wave, dtype=np.float64).sum()) for wave in waves]
        if min(energies) > 1e-6:
            levelled = [
                wave * np.float32((10.0 / e) ** 0.5)
                for wave, e in zip(waves, energies, strict=True)
            ]
            return np.stack(levelled), chosen
    raise SoundsiftError("Only silent clips were drawn. Check the audio files of the folder.")


def _clip(files: list[Path], rng: np.random.Generator) -> Samples:
    """The first seconds of a random file, mono at 48 kHz, silence after its end: `(N,)`."""
    audio = read(files[int(rng.integers(len(files)))], allow_silence=True)
    wave = np.zeros(round(SECONDS * SAMPLE_RATE), np.float32)
    excerpt = audio.samples[:, : round(SECONDS * audio.sample_rate)].mean(axis=0, keepdims=True)
    mono = resample(excerpt, audio.sample_rate, SAMPLE_RATE)[0, : len(wave)]
    wave[: len(mono)] = mono
    return wave


def _score(ours: Separate, waves: Samples, names: tuple[str, str]) -> list[dict[str, Any]]:
    mixture = waves.sum(axis=0, keepdims=True)
    rows = []
    for wave, name in zip(waves, names, strict=True):
        output = ours(mixture, Query(name))[0]
        level = metrics.attenuation_db(wave, output)
        rows.append(
            {
                "class": name,
                "si_sdr": metrics.si_sdr_improvement(output, wave, mixture[0]),
                "sdr": metrics.sdr_improvement(output, wave, mixture[0]),
                "near": float(abs(level) <= LEVEL_DB),
            }
        )
    return rows

"""Two clips of different classes at 0 dB, as AudioSep's ESC-50 test mixes them.

The protocol of "Separate Anything You Describe" (arXiv 2308.05037, section 4) for any folder of
classes: `FOLDER/CLASS NAME/*.wav`. The prompt is the class's name. Figures of different separators
can be compared if they are from the same folder and number of pairs.

Shapes: N samples at 48 kHz.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from soundsift.audio import read, resample
from soundsift.config import SAMPLE_RATE
from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Samples

SECONDS = 5.0
PAIRS = 500
_SEED = 230805037
_ATTEMPTS = 100
_ENDINGS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aif", ".aiff"})


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

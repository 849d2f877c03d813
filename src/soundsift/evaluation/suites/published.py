"""SDR and SI-SDR as published harnesses compute them, and sound files as they load them.

Shapes: N samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from soundsift.audio import read, resample
from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Samples

_POWER_FLOOR = 1e-10
_FLOAT32_EPSILON = float(np.finfo(np.float32).eps)


def audiosep_sdr(reference: Samples, estimate: Samples) -> float:
    """SDR of AudioSep's and DCASE 2024 task 9's code: powers below 1e-10 count as 1e-10.

    Args:
        reference: `(N,)`.
        estimate: `(N,)`.
    """
    wanted, found = (np.asarray(wave, np.float64) for wave in (reference, estimate))
    power, noise = (
        max(float(np.mean(np.square(wave))), _POWER_FLOOR) for wave in (wanted, found - wanted)
    )
    return 10 * float(np.log10(power / noise))


def audiosep_si_sdr(reference: Samples, estimate: Samples) -> float:
    """SI-SDR of the same code, absolute, with float32's epsilon added to every sum.

    The mean is not taken out.

    Args:
        reference: `(N,)`.
        estimate: `(N,)`.
    """
    wanted, found = (np.asarray(wave, np.float64) for wave in (reference, estimate))
    gain = (_FLOAT32_EPSILON + wanted @ found) / (wanted @ wanted + _FLOAT32_EPSILON)
    target = gain * wanted
    rest = found - target
    return 10 * float(
        np.log10((_FLOAT32_EPSILON + target @ target) / (_FLOAT32_EPSILON + rest @ rest))
    )


def load_mono(path: Path, sample_rate: int) -> Samples:
    """A file as `librosa.load(path, sr=sample_rate, mono=True)` gives it: `(N,)`.

    Channels are averaged, then resampled by soxr's HQ filter.

    Raises:
        SoundsiftError: the file can't be read.
    """
    recording = read(path, allow_silence=True)
    mono = recording.samples.mean(axis=0, keepdims=True)
    wave: Samples = resample(mono, recording.sample_rate, sample_rate)[0]
    return wave


def need_files(paths: Iterable[Path], suite: str, source: str) -> None:
    """Refuse a suite whose data is not complete.

    Args:
        paths: the files that it needs.
        suite: its name, for the error.
        source: where to get them.

    Raises:
        SoundsiftError: some are missing; the error names the first ones.
    """
    missing = [path for path in paths if not path.is_file()]
    if missing:
        shown = ", ".join(str(path) for path in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise SoundsiftError(f"{suite}: missing {shown}{more}. Get the data from {source}.")


def need_folder(folder: Path | None, suite: str, source: str) -> Path:
    """The user's folder of a suite.

    Raises:
        SoundsiftError: none was given, or it doesn't exist.
    """
    if folder is None:
        raise SoundsiftError(f"{suite} needs the folder of its data. Get the data from {source}.")
    if not folder.is_dir():
        raise SoundsiftError(f"{folder}: no such folder. Get the data of {suite} from {source}.")
    return folder


def pick_subset(subset: str | None, known: Sequence[str], suite: str) -> str | None:
    """A subset's name, checked.

    Raises:
        SoundsiftError: there is no such subset.
    """
    if subset is not None and subset not in known:
        raise SoundsiftError(
            f"{suite} has no subset {subset!r}. Use one of {', '.join(known) or 'none'}."
        )
    return subset

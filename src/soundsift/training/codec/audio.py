"""Crops of sound for the codec: from the sound bank, from folders of files, from the toy world.

Crop number i of a run is always the same, however many processes share the work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from soundsift.audio.resampling import resample
from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank
from soundsift.data.toy_world import SOUNDS, toy_sound
from soundsift.errors import SoundsiftError
from soundsift.training.codec.config import AudioSourceConfig, CodecTrainingConfig

Samples = NDArray[np.float32]

_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff"})
#: One file in so many is held out for validation.
_HELD_OUT = 20
#: Crops that are nearly silent are drawn again, so often.
_TRIES = 10
_SILENT = 1e-3


class CropSource(Protocol):
    """Draws crops of mono sound."""

    def crop(self, rng: np.random.Generator, samples: int, rate: int) -> Samples:
        """A crop `(samples,)` at a rate in Hz."""
        ...


class BankCrops:
    """Crops of a bank's clips; short clips are followed by others.

    Args:
        folder: the bank's.
        held_out: whether to use the split `validation` instead of `train`.
    """

    def __init__(self, folder: Path, held_out: bool) -> None:
        self.bank = Bank(folder, ("validation" if held_out else "train",))
        # Long clips have more to give, but not by their length: one could be an hour.
        weights = np.array([min(clip.seconds, 10.0) for clip in self.bank.clips])
        self.ends = np.cumsum(weights / weights.sum())

    def crop(self, rng: np.random.Generator, samples: int, rate: int) -> Samples:
        """See `CropSource`."""
        needed = -(-samples * SAMPLE_RATE // rate)
        parts: list[Samples] = []
        while (missing := needed - sum(map(len, parts))) > 0:
            number = int(np.searchsorted(self.ends, rng.random()))
            clip = self.bank.clips[min(number, len(self.bank.clips) - 1)]
            start = int(rng.integers(max(1, clip.samples - missing)))
            parts.append(self.bank.audio(clip, start, missing))
        wave = resample(np.concatenate(parts)[None], SAMPLE_RATE, rate)[0]
        return _fitted(wave, samples)


class FolderCrops:
    """Crops of the files in a folder, channels averaged.

    Args:
        folder: searched at any depth.
        held_out: whether to use one file in 20, or the 19 others.

    Raises:
        SoundsiftError: if there are no files.
    """

    def __init__(self, folder: Path, held_out: bool) -> None:
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES)
        self.files = files[::_HELD_OUT] if held_out else _without_held_out(files)
        if not self.files:
            raise SoundsiftError(
                f"{folder}: has no files to train on; expected {', '.join(sorted(_SUFFIXES))}."
            )

    def crop(self, rng: np.random.Generator, samples: int, rate: int) -> Samples:
        """See `CropSource`.

        Raises:
            SoundsiftError: if the file cannot be read.
        """
        path = self.files[int(rng.integers(len(self.files)))]
        try:
            with soundfile.SoundFile(path) as file:
                own = file.samplerate
                needed = -(-samples * own // rate)
                file.seek(int(rng.integers(max(1, file.frames - needed))))
                wave = file.read(needed, dtype="float32", always_2d=True).mean(axis=1)
        except (OSError, soundfile.LibsndfileError) as error:
            raise SoundsiftError(f"{path}: cannot be read: {error}. Remove it.") from error
        return _fitted(resample(wave[None], own, rate)[0], samples)


class ToyCrops:
    """Sums of one to three sounds of the toy world.

    Training and held-out crops differ in their random numbers alone.
    """

    def crop(self, rng: np.random.Generator, samples: int, rate: int) -> Samples:
        """See `CropSource`."""
        names = rng.choice(list(SOUNDS), int(rng.integers(1, 4)), replace=False)
        # Twice as long as the crop, so that onsets and ends are in some.
        start = int(rng.integers(samples))
        waves = [toy_sound(str(name), 2 * samples, rate, rng) for name in names]
        wave: Samples = np.sum(waves, axis=0)[start : start + samples]
        return wave


def open_source(config: AudioSourceConfig, held_out: bool) -> CropSource:
    """A source of crops.

    Args:
        config: which.
        held_out: whether to draw what is not trained on.
    """
    if config.bank is not None:
        return BankCrops(config.bank, held_out)
    return ToyCrops() if config.folder is None else FolderCrops(config.folder, held_out)


class Crops(Dataset[Tensor]):
    """The endless sequence of a run's batches, of which one process makes its part.

    Args:
        config: the run.
        held_out: whether to draw what is not trained on.
        rank, world: this process among those that share every batch.

    Raises:
        SoundsiftError: if the processes cannot share a batch equally.
    """

    def __init__(
        self, config: CodecTrainingConfig, held_out: bool = False, rank: int = 0, world: int = 1
    ) -> None:
        config.crops_of_each(world)
        self.config, self.held_out, self.rank, self.world = config, held_out, rank, world
        self.sources = [open_source(source, held_out) for source in config.audio]
        shares = np.array([source.share for source in config.audio])
        self.shares = shares / shares.sum()

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, number: int) -> Tensor:
        """This process's part of batch `number`: `(crops, 1, samples)`."""
        config = self.config
        first = number * config.batch
        numbers = range(first + self.rank, first + config.batch, self.world)
        return torch.stack([self.crop(n, config.samples) for n in numbers])

    def crop(self, number: int, samples: int) -> Tensor:
        """Crop `number`, `(1, samples)`."""
        config = self.config
        rng = np.random.default_rng((config.seed, 11 + self.held_out, number))
        for _ in range(_TRIES):
            source = self.sources[int(rng.choice(len(self.sources), p=self.shares))]
            wave = source.crop(rng, samples, config.model.sample_rate)
            peak = float(np.abs(wave).max(initial=0.0))
            if peak > _SILENT:
                wave = wave * np.float32(10 ** (rng.uniform(*config.gain_db) / 20) / peak)
                break
        return torch.from_numpy(wave)[None]


def _without_held_out(files: list[Path]) -> list[Path]:
    return [file for number, file in enumerate(files) if number % _HELD_OUT]


def _fitted(wave: Samples, samples: int) -> Samples:
    """A wave of exactly so many samples, padded with silence."""
    cut = wave[:samples]
    return np.pad(cut, (0, samples - len(cut))).astype(np.float32, copy=False)

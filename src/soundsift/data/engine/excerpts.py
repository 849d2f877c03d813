"""Excerpts of recordings: parts of some seconds, each handed out once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundsift.audio import examine
from soundsift.audio.video import has_picture
from soundsift.data.engine.config import EngineConfig
from soundsift.errors import SoundsiftError, one_line
from soundsift.fingerprint import file_digest

Samples = NDArray[np.float32]

#: In the folder of a run: its sound, and the journal.
AUDIO, EXCERPTS = "audio", "excerpts.jsonl"


@dataclass(frozen=True)
class Excerpt:
    """A part of a recording.

    Attributes:
        recording: the file.
        digest: SHA-256 of the file.
        start: sample at which the part begins.
        samples: `(channels, samples)`.
        sample_rate: in Hz.
        video: whether the recording has a picture.
    """

    recording: Path
    digest: str
    start: int
    samples: Samples
    sample_rate: int
    video: bool

    @property
    def key(self) -> str:
        """What identifies it in a run, and begins the names of its files."""
        return excerpt_key(self.digest, self.start)

    @property
    def span(self) -> tuple[float, float]:
        """Begin and end in seconds of the recording."""
        end = self.start + self.samples.shape[1]
        return self.start / self.sample_rate, end / self.sample_rate

    @property
    def seconds(self) -> float:
        """Duration."""
        return float(self.samples.shape[1] / self.sample_rate)


#: Called with the number of recordings that are done, and that of all.
OnProgress = Callable[[int, int], None]
#: Called with a sentence for each recording that fails.
OnError = Callable[[str], None]


class PendingExcerpts:
    """Numbered excerpts of recordings that are not done, each once; memory holds one recording's.

    A recording that can't be read stops no other. Of files with the same content, the first is
    taken.

    Args:
        recordings: audio and video files.
        config: the run.
        is_done: whether the excerpt with a key is done.
        on_progress: receives the progress.
        on_error: receives the first error of each recording.

    Attributes:
        errors: the first error of each recording that failed, by its path.
    """

    def __init__(
        self,
        recordings: Sequence[Path],
        config: EngineConfig,
        is_done: Callable[[str], bool],
        on_progress: OnProgress,
        on_error: OnError,
    ) -> None:
        self.errors: dict[str, str] = {}
        self._recordings, self._config = recordings, config
        self._is_done, self._taken = is_done, set[str]()
        self._on_progress, self._on_error = on_progress, on_error
        self._waiting: dict[int, Path] = {}

    def __iter__(self) -> Iterator[tuple[int, Excerpt]]:
        count = 0
        for place, recording in enumerate(self._recordings):
            self._on_progress(place, len(self._recordings))
            try:
                for excerpt in excerpts(recording, self._config, self._is_there):
                    self._taken.add(excerpt.key)
                    self._waiting[count] = recording
                    yield count, excerpt
                    count += 1
            except (SoundsiftError, OSError) as error:
                self.failed(recording, one_line(error, 400))

    def answered(self, number: int) -> Path:
        """The recording of an excerpt that was handed out; asked for once, when it is done."""
        return self._waiting.pop(number)

    def failed(self, recording: Path, error: str) -> None:
        """Note that a recording, or an excerpt of it, failed."""
        if str(recording) not in self.errors:
            self.errors[str(recording)] = error
            self._on_error(error)

    def _is_there(self, key: str) -> bool:
        return key in self._taken or self._is_done(key)


def without_results(recordings: Sequence[Path]) -> list[Path]:
    """The recordings that are no sound of the data engine's own runs."""
    return [
        recording
        for recording in recordings
        if not (recording.parent.name == AUDIO and (recording.parents[1] / EXCERPTS).is_file())
    ]


def excerpt_key(digest: str, start: int) -> str:
    """The key of an excerpt of the file with a digest that begins at a sample."""
    return f"{digest[:16]}-{start}"


def excerpt_starts(length: int, sample_rate: int, config: EngineConfig) -> list[int]:
    """The samples at which the excerpts of a recording begin.

    Args:
        length: of the recording, in samples.
        sample_rate: in Hz.
        config: the run.
    """
    size = round(config.seconds * sample_rate)
    least = min(size, round(config.shortest * sample_rate))
    return [at for at in range(0, length, size) if at == 0 or length - at >= least]


def excerpts(
    recording: Path, config: EngineConfig, is_done: Callable[[str], bool]
) -> Iterator[Excerpt]:
    """The excerpts of a recording that are not done; memory holds one.

    Args:
        recording: the file.
        config: the run.
        is_done: whether the excerpt with a key is done.

    Raises:
        SoundsiftError: the recording cannot be used.
        OSError: it cannot be read.
    """
    file = examine(recording)
    digest = file_digest(recording)
    starts = excerpt_starts(file.length, file.sample_rate, config)
    if all(is_done(excerpt_key(digest, start)) for start in starts):
        return
    size = round(config.seconds * file.sample_rate)
    video = has_picture(recording)
    waiting, kept = list(starts), np.zeros((file.channels, 0), np.float32)
    for block in file.blocks():
        kept = np.concatenate([kept, block], axis=1)
        while waiting and kept.shape[1] >= min(size, file.length - waiting[0]):
            start, part = waiting.pop(0), kept[:, :size]
            kept = kept[:, size:]
            if not is_done(excerpt_key(digest, start)):
                yield Excerpt(recording, digest, start, part, file.sample_rate, video)

"""One row of a map: its recording decoded, separated, and its stems encoded.

The three stages are apart, so that processors can decode and encode while a GPU separates. In one
process they follow each other: the results are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import soundfile

import soundsift
from soundsift.audio import Recording, complement
from soundsift.audio.flac import flac_bytes
from soundsift.errors import SoundsiftError, one_line
from soundsift.mapping.config import MapConfig
from soundsift.mapping.parts import Result
from soundsift.mapping.rows import Row, read_bytes
from soundsift.prompts import Prompt
from soundsift.separation.result import Separation
from soundsift.separation.separator import Separator
from soundsift.separation.source import as_recording
from soundsift.spans import Span

#: What a row can do wrong; a lack of memory on a GPU is a RuntimeError.
_ERRORS = (
    SoundsiftError,
    ValueError,
    OSError,
    MemoryError,
    RuntimeError,
    soundfile.LibsndfileError,
)


@dataclass(frozen=True)
class Decoded:
    """A row with its recording, or with why it has none."""

    row: Row
    recording: Recording | None
    error: str | None = None


@dataclass(frozen=True)
class Separated:
    """A row with its separations, or with why it has none."""

    row: Row
    found: tuple[Separation, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class RowResults:
    """What came of a row.

    Attributes:
        results: one for each prompt, or one that holds an error.
        seconds: duration of the recording; 0 of a row that failed.
    """

    results: tuple[Result, ...]
    seconds: float = 0.0


def separate_row(separator: Separator, row: Row, config: MapConfig) -> RowResults:
    """The results of a row. Everything that a row can do wrong ends in a result with an error."""
    return encode(config, separate(separator, decode(row), config))


def decode(row: Row) -> Decoded:
    """Read the recording of a row."""
    try:
        if row.error is not None or row.audio is None:
            raise SoundsiftError(row.error or "there is no audio")
        source = row.audio if isinstance(row.audio, bytes) else read_bytes(row.audio)
        return Decoded(row, as_recording(source))
    except _ERRORS as error:
        return Decoded(row, None, one_line(error))


def separate(separator: Separator, decoded: Decoded, config: MapConfig) -> Separated:
    """Separate the recording of a row."""
    row = decoded.row
    if decoded.recording is None:
        return Separated(row, error=decoded.error)
    try:
        spans = tuple(Span(start, end) for start, end in row.spans)
        prompts = [Prompt(text, spans) for text in row.texts] or [Prompt(None, spans)]
        found = separator.separate_many(
            decoded.recording, prompts, preset=config.preset, seed=config.seed
        )
        return Separated(row, tuple(found))
    except _ERRORS as error:
        return Separated(row, error=one_line(error))


def encode(config: MapConfig, separated: Separated) -> RowResults:
    """Encode the stems of a row."""
    row, found = separated.row, separated.found
    if not found:
        return failed(row, separated.error or "there is no result")
    try:
        results = tuple(_result(row, number, one, config) for number, one in enumerate(found))
    except _ERRORS as error:
        return failed(row, one_line(error))
    return RowResults(results, found[0].mixture.shape[1] / found[0].sample_rate)


def failed(row: Row, error: str) -> RowResults:
    """The result of a row that failed."""
    return RowResults((Result(row.key, 0, {"id": row.key, "error": error, **row.extra}),))


@dataclass
class RowSeparator:
    """Separates rows in a worker, which loads the model with its first row.

    Attributes:
        config: the map.
        device: as for `soundsift.load`.
    """

    config: MapConfig
    device: str | None
    _separator: Separator | None = None

    def whole(self, row: Row) -> RowResults:
        """All three stages."""
        return separate_row(self._loaded(), row, self.config)

    def separate(self, decoded: Decoded) -> Separated:
        """The stage in the middle."""
        return separate(self._loaded(), decoded, self.config)

    def _loaded(self) -> Separator:
        if self._separator is None:
            self._separator = soundsift.load(
                self.config.model, self.device, adapter=self.config.adapter
            )
        return self._separator


def _result(row: Row, number: int, one: Separation, config: MapConfig) -> Result:
    # FLAC has no floats: lossy and float recordings are kept in 24 bits.
    form = "s16" if one.sample_format == "s16" else "s24"
    target, residual = complement(one.mixture, one.target, form)
    stems = {"target": target, "residual": residual}
    finding = one.finding
    facts: dict[str, Any] = {
        "id": row.key,
        "text": one.settings["text"],
        "spans": one.settings["spans"],
        "sample_rate": one.sample_rate,
        "seconds": round(one.mixture.shape[1] / one.sample_rate, 3),
        "target_level_db": round(one.target_level_db, 2),
        "confidence": None if finding is None else round(finding.confidence, 4),
        "source": row.audio if isinstance(row.audio, str) else None,
    }
    encoded = {name: flac_bytes(stems[name], one.sample_rate, form) for name in config.stems}
    return Result(row.key, number, dict(row.extra) | facts, encoded)

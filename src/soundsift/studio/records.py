"""Rows of the database: recordings and jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

#: Names of the files of a recording, and of a job.
ORIGINAL, AUDIO, PEAKS = "original", "audio.wav", "peaks.npy"
#: Names of the lines about a followed object, and of the file that ends following.
FOLLOWED, STOP = "followed.ndjson", "stop"
STEM_FILE = "stem.{stem}.wav"

Status = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class RecordingRow:
    """A recording.

    Attributes:
        id: SHA-256 of the uploaded file.
        name: file name for display; never used as a path.
        seconds: duration.
        sample_rate: in Hz.
        channels: number of channels.
        has_video: whether the file has a moving picture.
        suffix: file suffix of a video with this picture; ".wav" without a picture.
        bytes: size of the uploaded file.
        used: time of the last use, by `Database.now`.
    """

    id: str
    name: str
    seconds: float
    sample_rate: int
    channels: int
    has_video: bool
    suffix: str
    bytes: int
    used: float


@dataclass(frozen=True)
class JobRow:
    """A job.

    Attributes:
        number: position in the order of arrival.
        id: random identifier.
        recording: id of the recording that the first turn began with.
        source_job: id of the job whose stem is the input; None if the recording is the input.
        source_stem: name of that stem.
        request: a `soundsift.studio.schemas.JobRequest` as a dictionary.
        status: state of the job.
        attempts: number of times the job was started.
        created, started, finished: seconds since 1970.
        error: reason of a failure.
        settings: everything needed to reproduce the result.
        target_level_db: energy of the target relative to its source.
        used: time of the last use of the results, by `Database.now`.
    """

    number: int
    id: str
    recording: str
    source_job: str | None
    source_stem: str | None
    request: dict[str, Any]
    status: Status
    attempts: int
    created: float
    started: float | None
    finished: float | None
    error: str | None
    settings: dict[str, Any] | None
    target_level_db: float | None
    used: float

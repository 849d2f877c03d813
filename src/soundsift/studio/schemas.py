"""What goes over the wire: the JSON of requests and answers, checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from soundsift.presets import PresetName
from soundsift.studio.records import Status

RecordingId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
JobId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Stem = Literal["target", "residual"]
STEMS: tuple[Stem, ...] = ("target", "residual")
SoundFormat = Literal["wav", "flac", "mp3", "opus"]
StemFormat = Literal["wav", "flac", "mp3", "opus", "video"]

#: Far beyond any recording, so that times are numbers that can be calculated with.
_LAST = 1e6
# Strict: neither "1" nor true is a number.
_Time = Annotated[float, Field(ge=0, le=_LAST, allow_inf_nan=False, strict=True)]
_Place = Annotated[float, Field(ge=0, le=1e5, allow_inf_nan=False, strict=True)]
_Length = Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False, strict=True)]
_Spans = Annotated[list[tuple[_Time, _Time]], Field(max_length=500)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StemOf(_Strict):
    """A stem of a job that is done."""

    job: JobId
    stem: Stem


class BoxIn(_Strict):
    """Where the object is in the picture, in pixels, or in fractions if no number is above 1."""

    x: _Place
    y: _Place
    width: _Length
    height: _Length
    span: tuple[_Time, _Time] | None = Field(None, description="When, in seconds; null: always.")


class JobRequest(_Strict):
    """What to lift out of what."""

    recording: RecordingId | StemOf = Field(description="A recording's id, or a job's stem.")
    text: str | None = Field(None, max_length=2000, description="The sound: 'dog barking'.")
    spans: _Spans = Field([], description="When it is heard: [start, end] in seconds.")
    not_spans: _Spans = Field([], description="When it is not; of two that overlap, the later.")
    boxes: list[BoxIn] = Field([], max_length=100)
    preset: PresetName = "standard"
    model: str = Field("default", max_length=200)
    seed: int | None = Field(0, ge=0, le=2**32 - 1, strict=True, description="null draws one.")
    mode: Literal["separate", "remove"] = "separate"


class RecordingOut(BaseModel):
    """A recording."""

    id: str
    name: str
    seconds: float
    sample_rate: int
    channels: int
    has_video: bool
    bytes: int
    expires: float = Field(description="Seconds since 1970; it is put off by every use.")


class JobOut(BaseModel):
    """A job and how far it is."""

    id: str
    status: Status
    progress: float = Field(ge=0, le=1)
    eta: float | None = Field(description="Seconds until it is done, once that can be guessed.")
    waiting: int | None = Field(description="Jobs before it in the queue.")
    error: str | None
    request: JobRequest
    recording: str = Field(description="The recording that its first turn began with.")
    name: str = Field(description="Of that recording.")
    settings: dict[str, Any] | None
    stems: list[Stem]
    target_level_db: float | None
    command: str
    created: float
    started: float | None
    finished: float | None
    expires: float


class JobAccepted(BaseModel):
    """A job that was taken."""

    id: str


class JobList(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobOut]


class Peaks(BaseModel):
    """Least and greatest samples; for each channel a list of `points` numbers in -1..1."""

    points: int
    seconds: float
    minimum: list[list[float]]
    maximum: list[list[float]]


class Info(BaseModel):
    """What a server offers."""

    version: str
    models: list[str]
    presets: dict[str, str] = Field(description="Name and what it means.")
    formats: list[str]
    limits: dict[str, float]
    opened: str | None = Field(description="The recording that the studio was started with.")


class Health(BaseModel):
    """Whether a server works."""

    status: Literal["ok", "failing"]
    version: str
    waiting: int
    running: int


class Refusal(BaseModel):
    """Why a request was refused."""

    detail: str

"""JSON of requests and responses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from soundsift.languages.codes import LanguageCode
from soundsift.presets import PresetName
from soundsift.separation.occurrences import Presence
from soundsift.studio.records import Status

RecordingId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
JobId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Stem = Literal["target", "residual"]
STEMS: tuple[Stem, ...] = ("target", "residual")
SoundFormat = Literal["wav", "flac", "mp3", "opus"]
StemFormat = Literal["wav", "flac", "mp3", "opus", "video"]

#: Longest time in seconds; far beyond any recording.
_LAST = 1e6
# Strict: "1" and true are not numbers.
_Time = Annotated[float, Field(ge=0, le=_LAST, allow_inf_nan=False, strict=True)]
_Place = Annotated[float, Field(ge=0, le=1e5, allow_inf_nan=False, strict=True)]
_Length = Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False, strict=True)]
_Spans = Annotated[list[tuple[_Time, _Time]], Field(max_length=500)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StemOf(_Strict):
    """A stem of a finished job."""

    job: JobId
    stem: Stem


class _Rectangle(_Strict):
    x: _Place
    y: _Place
    width: _Length
    height: _Length


class BoxIn(_Rectangle):
    """A region of the picture, in pixels, or in fractions if no number is above 1."""

    span: tuple[_Time, _Time] | None = Field(
        None, description="[start, end] in seconds; null means always."
    )
    time: _Time | None = Field(
        None,
        description="Instead of a span: second at which the object is in the box, from which it is "
        "followed.",
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> BoxIn:
        if self.span is not None and self.time is not None:
            raise ValueError("the box has a span and a time; give one of them")
        return self


class BoxAtIn(_Rectangle):
    """A box around the whole object, in the picture that is shown at a time."""

    time: _Time = Field(description="Second at which the object is in the box.")


class PointIn(_Strict):
    """A click on the object, or beside it, in the picture that is shown at a time."""

    time: _Time = Field(description="Second of the recording.")
    x: _Place = Field(
        description="From the left, in pixels; in fractions of the picture if neither is above 1."
    )
    y: _Place = Field(description="From above, in the same unit.")
    positive: bool = Field(True, strict=True, description="Whether the object is there.")


_Points = Annotated[list[PointIn], Field(max_length=50)]


class PromptIn(_Strict):
    """One of several sounds to separate from a recording."""

    text: str | None = Field(None, max_length=2000)
    spans: _Spans = []
    not_spans: _Spans = []
    boxes: list[BoxIn] = Field([], max_length=100)
    points: _Points = []


class JobRequest(_Strict):
    """A separation to run."""

    recording: RecordingId | StemOf = Field(description="Id of a recording, or a stem of a job.")
    text: str | None = Field(
        None, max_length=2000, description="The target as a phrase: 'dog barking'."
    )
    language: LanguageCode | None = Field(
        None, description="Language of the text; null finds it out, `en` leaves it as typed."
    )
    spans: _Spans = Field([], description="Where it is heard: [start, end] in seconds.")
    not_spans: _Spans = Field(
        [], description="Where it is not heard; the later of two overlapping spans counts."
    )
    boxes: list[BoxIn] = Field(
        [],
        max_length=100,
        description="Where the object is in the video: regions, or, with a time, boxes from which "
        "it is followed.",
    )
    points: _Points = Field(
        [], description="Clicks on the object in the video, which is followed from there."
    )
    preset: PresetName = "standard"
    model: str = Field("default", max_length=200)
    seed: int | None = Field(
        0, ge=0, le=2**32 - 1, strict=True, description="null picks a random seed."
    )
    candidates: int = Field(
        1,
        ge=1,
        le=16,
        strict=True,
        description="Results to draw, of which the best is kept; released models only.",
    )
    judge: bool = Field(
        True, strict=True, description="Rate the result, where the model has a judge."
    )
    mode: Literal["separate", "remove"] = "separate"


class JobsRequest(JobRequest):
    """A separation to run, or several from one recording."""

    prompts: list[PromptIn] = Field(
        [],
        max_length=16,
        description="Several sounds, each with its own job, in place of `text`, spans, boxes and "
        "points.",
    )

    @model_validator(mode="after")
    def _in_one_place(self) -> JobsRequest:
        alone = self.text or self.spans or self.not_spans or self.boxes or self.points
        if self.prompts and alone:
            raise ValueError(
                "give text, spans, boxes and points inside of prompts, or give no prompts"
            )
        return self

    def jobs(self) -> list[JobRequest]:
        """The request of each job."""
        common = self.model_dump(exclude={"prompts"})
        each = [prompt.model_dump() for prompt in self.prompts] or [{}]
        return [JobRequest.model_validate(common | prompt) for prompt in each]


class RecordingOut(BaseModel):
    """A recording."""

    id: str
    name: str
    seconds: float
    sample_rate: int
    channels: int
    has_video: bool
    bytes: int
    expires: float = Field(description="Seconds since 1970; extended by every use.")


class RecordingListed(RecordingOut):
    """A recording in the list of all."""

    used: float = Field(description="Seconds since 1970.")
    results: int = Field(description="Number of its jobs.")
    stored_bytes: int = Field(description="Disk space of the recording and its results.")


class RecordingList(BaseModel):
    """Recordings, last used first."""

    recordings: list[RecordingListed]


class NewName(_Strict):
    """A new name for a recording."""

    name: str = Field(min_length=1, max_length=255)


class Occurrence(BaseModel):
    """A stretch of time in which a sound is heard."""

    start: float
    end: float
    probability: float = Field(ge=0, le=1)
    sure: bool


class Rating(BaseModel):
    """A model's judge's ratings of its result, 1 to 5."""

    overall: float = Field(ge=1, le=5)
    recall: float = Field(ge=1, le=5, description="How much of the wanted sound is there.")
    precision: float = Field(ge=1, le=5, description="Absence of other sounds.")
    faithfulness: float = Field(ge=1, le=5, description="Absence of artefacts.")
    poor: bool = Field(description="Whether the result is probably no better than its input.")
    advice: str | None = Field(description="What to do about a poor result; null otherwise.")


class JobOut(BaseModel):
    """A job with its progress."""

    id: str
    status: Status
    progress: float = Field(ge=0, le=1)
    eta: float | None = Field(description="Estimated remaining seconds; null if unknown.")
    waiting: int | None = Field(description="Number of jobs before it in the queue.")
    step: Literal["waiting", "starting", "separating", "saving"] | None = Field(
        description="What is being done; null after the end. `starting` may load the model."
    )
    error: str | None
    request: JobRequest
    recording: str = Field(description="Id of the recording that the first turn began with.")
    name: str = Field(description="Name of that recording.")
    settings: dict[str, Any] | None
    stems: list[Stem]
    target_level_db: float | None
    found: list[Occurrence] = Field(description="Where the sound of the text was heard.")
    confidence: float | None = Field(
        description="Probability that it is in the recording; null if unknown."
    )
    presence: Presence | None = Field(description="The confidence in a word.")
    seen: list[str] = Field(
        description="On a clicked object: what it is taken for, whether it fits the sound."
    )
    judge: Rating | None = Field(description="Ratings of the result; null if it was not rated.")
    command: str
    created: float
    started: float | None
    finished: float | None
    expires: float


class HeardSound(BaseModel):
    """A known sound that is heard in a recording."""

    text: str
    kind: str
    confidence: float = Field(ge=0, le=1)
    presence: Presence
    spans: list[Occurrence]


class Heard(BaseModel):
    """Known sounds that are heard in the beginning of a recording, best first."""

    status: Literal["listening", "done", "failed"]
    error: str | None
    sounds: list[HeardSound]


class OutlinesRequest(_Strict):
    """Clicks on an object of a video, and boxes around it."""

    points: _Points = []
    boxes: Annotated[list[BoxAtIn], Field(max_length=50)] = []

    @model_validator(mode="after")
    def _something(self) -> OutlinesRequest:
        if not self.points and not self.boxes:
            raise ValueError("nothing marks the object; give a point or a box")
        return self


class OutlineOut(BaseModel):
    """The marked object in one picture."""

    start: float = Field(description="Second at which the picture is shown.")
    end: float | None = Field(description="Second of the next picture; null for the last one.")
    width: int = Field(description="Of the picture in pixels.")
    height: int
    polygons: list[list[tuple[float, float]]] = Field(
        description="The object's parts, each with corners [x, y] in pixels; none in a picture "
        "whose points all say where it is not."
    )


class Outlines(BaseModel):
    """The marked object in every picture that has points or a box, in order of time."""

    outlines: list[OutlineOut]


class JobAccepted(BaseModel):
    """An accepted job, or several."""

    id: str = Field(description="The job; the first of several.")
    ids: list[str] = Field(description="All jobs, in the order of the prompts.")


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobOut]


class Peaks(BaseModel):
    """Minimum and maximum samples; for each channel a list of `points` numbers in -1..1."""

    points: int
    seconds: float = Field(description="Duration of the whole sound.")
    start: float = Field(description="Start of the part drawn, in seconds.")
    end: float = Field(description="Its end; the last point may be shorter than the others.")
    minimum: list[list[float]]
    maximum: list[list[float]]


class CopyState(BaseModel):
    """A sound in another format, which is encoded on first use."""

    ready: bool
    progress: float = Field(ge=0, le=1)


class Info(BaseModel):
    """Capabilities of a server."""

    version: str
    models: list[str]
    presets: dict[str, str] = Field(description="Names and descriptions.")
    formats: list[str]
    limits: dict[str, float]
    opened: str | None = Field(description="Id of the recording that the studio was started with.")


class Health(BaseModel):
    """State of a server."""

    status: Literal["ok", "failing"]
    version: str
    waiting: int
    running: int


class Refusal(BaseModel):
    """Reason of a refusal."""

    detail: str

"""One pass done: the recording looked through, then read, separated and written as it flows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from soundsift.audio import RecordingFile, examine
from soundsift.audio.encoding import coder
from soundsift.audio.video import has_picture
from soundsift.batch.fingerprint import of_input
from soundsift.batch.planner import Job, RecordingJob
from soundsift.errors import SoundsiftError

if TYPE_CHECKING:
    from soundsift.separation.separator import Separator

Report = Callable[[float], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: the job.
        status: done, skipped (its result was there), or failed.
        error: why it failed.
        settings: what the settings file says.
        target_level_db: energy of the target against the mixture.
        sample_rate: of the recording, in Hz.
        written_rate: of the results, where the format has not that of the recording.
        channels: of the recording.
        samples: its length.
        seconds: that its pass took.
    """

    job: Job
    status: Literal["done", "skipped", "failed"]
    error: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    target_level_db: float = 0.0
    sample_rate: int = 0
    written_rate: int = 0
    channels: int = 0
    samples: int = 0
    seconds: float = 0.0


def work(one: RecordingJob, load: Callable[[], Separator], report: Report) -> list[Outcome]:
    """Do a pass; what is wrong with its recording becomes failed outcomes.

    Args:
        one: the pass.
        load: gives the model; called when the recording is found to be usable.
        report: called with the fraction done, 0 to 1.

    Returns:
        What became of each of its jobs.

    Raises:
        SoundsiftError: the model can't be loaded.
    """
    began = time.monotonic()
    try:
        recording, identity = _examine(one)
    except SoundsiftError as error:
        return failed(one, error)
    separator = load()
    try:
        places = [
            replace(
                job.place,
                # Files in the way were refused when the run was planned, or are parts of this very
                # result.
                overwrite=job.overwrite or job.paths["settings"].exists(),
                record={"recording": identity, "request": job.request},
            )
            for job in one.jobs
        ]
        saved = separator.separate_into(
            places,
            recording,
            [job.prompt for job in one.jobs if job.prompt is not None],
            exclusive=one.exclusive,
            progress=report,
            **one.jobs[0].options.words(),
        )
    except SoundsiftError as error:
        return failed(one, error)
    except MemoryError:
        reason = f"{one.recording}: there is not enough memory for {recording.duration:.0f} s."
        return failed(one, reason)
    rate, output = recording.sample_rate, one.jobs[0].output
    how = coder(output, output.suffix(one.recording.suffix))
    return [
        Outcome(
            job,
            "done",
            settings=own.settings,
            target_level_db=own.target_level_db,
            sample_rate=rate,
            written_rate=how.rate(rate) if how else rate,
            channels=recording.channels,
            samples=recording.length,
            seconds=time.monotonic() - began,
        )
        for job, own in zip(one.jobs, saved, strict=True)
    ]


def failed(one: RecordingJob, reason: object) -> list[Outcome]:
    """What becomes of a pass that can't be done; the reason names the recording in any case."""
    text, name = str(reason), str(one.recording)
    if name not in text:
        text = f"{name}: {text}"
    return [Outcome(job, "failed", str(job.refused(text))) for job in one.jobs]


def _examine(one: RecordingJob) -> tuple[RecordingFile, dict[str, Any]]:
    """The recording, if this pass can be done with it, and what it is known by."""
    recording, output = examine(one.recording), one.jobs[0].output
    identity = of_input(one.recording)
    suffix = output.suffix(one.recording.suffix)
    try:
        if how := coder(output, suffix):
            how.layout(recording.layout, recording.channels)
    except SoundsiftError as error:
        raise SoundsiftError(f"{one.recording}: {error}") from error
    if output.format == "video" and not has_picture(one.recording):
        raise SoundsiftError(
            f"{one.recording} has no moving picture; a video was expected for --format video."
        )
    for job in one.jobs:
        if job.prompt is not None:
            job.prompt.check(recording.duration)
    return recording, identity

"""Run one recording job: examine the recording, then read, separate and write it block by block."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from soundsift.audio import RecordingFile, examine
from soundsift.audio.encoding import coder
from soundsift.audio.video import has_picture
from soundsift.batch.fingerprint import of_input
from soundsift.batch.planner import Job, RecordingJob, finished_settings
from soundsift.errors import SoundsiftError

if TYPE_CHECKING:
    from soundsift.separation.occurrences import Finding
    from soundsift.separation.saved import SavedSeparation
    from soundsift.separation.separator import Separator

Report = Callable[[float], None]


@dataclass(frozen=True)
class Outcome:
    """Result of a job.

    Attributes:
        job: the job.
        status: done, skipped (its result existed), or failed.
        error: reason of a failure, one sentence.
        unexpected: whether the failure is a bug of this program.
        cause: the exception behind a failure, in the process where it was raised.
        settings: content of the settings file.
        target_level_db: energy of the target relative to the mixture.
        sample_rate: the recording's rate in Hz.
        written_rate: the files' rate, which differs where the format lacks the recording's.
        channels: number of channels of the recording.
        samples: length of the recording per channel.
        seconds: time that the recording took.
        finding: what was heard of the sound; None without text or a network that hears.
    """

    job: Job
    status: Literal["done", "skipped", "failed"]
    error: str = ""
    unexpected: bool = False
    cause: Exception | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    target_level_db: float = 0.0
    sample_rate: int = 0
    written_rate: int = 0
    channels: int = 0
    samples: int = 0
    seconds: float = 0.0
    finding: Finding | None = None


def run_job(job: RecordingJob, load: Callable[[], Separator], report: Report) -> list[Outcome]:
    """Separate one recording; every error that it causes becomes a failed outcome.

    Args:
        job: the recording and its sounds.
        load: returns the model; called once the recording is known to be usable.
        report: called with the fraction done, 0 to 1.

    Returns:
        An outcome for each sound.

    Raises:
        SoundsiftError: the model can't be loaded.
    """
    began = time.monotonic()
    try:
        recording, fingerprint = _examine(job)
        # Another run may have written the same results since this one was planned.
        if outcomes := _finished_elsewhere(job):
            return outcomes
    except Exception as error:
        return failed(job, error)
    separator = load()
    try:
        saved = _separate(job, recording, fingerprint, separator, report)
        return _done(job, recording, saved, time.monotonic() - began)
    except Exception as error:
        try:
            return _finished_elsewhere(job) or failed(job, error)
        except Exception:
            return failed(job, error)


def failed(job: RecordingJob, error: Exception | str) -> list[Outcome]:
    """Outcomes of a job that can't be done; each error names the recording.

    Args:
        job: the recording and its sounds.
        error: the exception, or a sentence.
    """
    text, name = _known_reason(error), str(job.recording)
    unexpected = text is None
    if text is None:
        detail = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        text = f"unexpected error ({detail}). Please report it, with the traceback that a run on "
        text += "this recording alone shows."
    if name not in text:
        text = f"{name}: {text}"
    cause = error if isinstance(error, Exception) else None
    return [Outcome(one, "failed", str(one.refused(text)), unexpected, cause) for one in job.jobs]


def _known_reason(error: Exception | str) -> str | None:
    """A sentence for errors of the input or the machine; None for bugs of this program."""
    if isinstance(error, SoundsiftError | str):
        return str(error)
    # PyTorch raises a RuntimeError on the CPU and a class of its own elsewhere.
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "not enough memory" in str(error))
    ):
        return "there is not enough memory. Close other programs, or use fewer --jobs."
    if isinstance(error, OSError) and error.strerror:
        return f"can't be processed ({error.strerror})."
    return None


def _examine(job: RecordingJob) -> tuple[RecordingFile, dict[str, Any]]:
    """The recording and its fingerprint, if the request suits it."""
    recording, output = examine(job.recording, track=job.jobs[0].track), job.jobs[0].output
    fingerprint = of_input(job.recording)
    suffix = output.suffix(job.recording.suffix)
    try:
        if how := coder(output, suffix):
            how.layout(recording.layout, recording.channels)
    except SoundsiftError as error:
        raise SoundsiftError(f"{job.recording}: {error}") from error
    if output.format == "video" and not has_picture(job.recording):
        raise SoundsiftError(
            f"{job.recording} has no moving picture. Choose a sound format instead of --format "
            "video."
        )
    for one in job.jobs:
        if one.prompt is not None:
            one.prompt.check(recording.duration)
    return recording, fingerprint


def _finished_elsewhere(job: RecordingJob) -> list[Outcome]:
    """Skipped outcomes if the results of all sounds exist by now, else none."""
    outcomes = []
    for one in job.jobs:
        settings = None if one.overwrite else finished_settings(one)
        if settings is None:
            return []
        outcomes.append(Outcome(one, "skipped", settings=settings))
    return outcomes


def _separate(
    job: RecordingJob,
    recording: RecordingFile,
    fingerprint: dict[str, Any],
    separator: Separator,
    report: Report,
) -> list[SavedSeparation]:
    destinations = [
        replace(
            one.destination,
            # Files of other requests were refused by the planner; what exists is part of this
            # result.
            overwrite=one.overwrite or one.paths["settings"].exists(),
            record={"recording": fingerprint, "request": one.request},
        )
        for one in job.jobs
    ]
    return separator.separate_into(
        destinations,
        recording,
        [one.prompt for one in job.jobs if one.prompt is not None],
        exclusive=job.exclusive,
        progress=report,
        **job.jobs[0].options.words(),
    )


def _done(
    job: RecordingJob, recording: RecordingFile, saved: list[SavedSeparation], seconds: float
) -> list[Outcome]:
    rate, output = recording.sample_rate, job.jobs[0].output
    how = coder(output, output.suffix(job.recording.suffix))
    return [
        Outcome(
            one,
            "done",
            settings=own.settings,
            target_level_db=own.target_level_db,
            sample_rate=rate,
            written_rate=how.rate(rate) if how else rate,
            channels=recording.channels,
            samples=recording.length,
            seconds=seconds,
            finding=own.finding,
        )
        for one, own in zip(job.jobs, saved, strict=True)
    ]

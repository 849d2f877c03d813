"""One job done: the recording looked through, then read, separated and written as it flows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from soundsift.audio import RecordingFile, examine
from soundsift.audio.encoding import coder
from soundsift.audio.video import has_picture
from soundsift.batch.identity import of_input
from soundsift.batch.plan import Job
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
        seconds: that it took.
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


def work(job: Job, load: Callable[[], Separator], report: Report) -> Outcome:
    """Do a job; what is wrong with its recording becomes a failed outcome.

    Args:
        job: the job.
        load: gives the model; called when the recording is found to be usable.
        report: called with the fraction done, 0 to 1.

    Raises:
        SoundsiftError: the model can't be loaded.
    """
    began = time.monotonic()
    try:
        recording, identity = _examine(job)
    except SoundsiftError as error:
        return Outcome(job, "failed", str(job.refused(error)))
    separator = load()
    try:
        # Files in the way were refused when the run was planned, or are parts of this very result.
        ours = job.overwrite or job.paths["settings"].exists()
        saved = separator.separate_file(
            recording,
            job.out,
            job.name,
            text=job.prompt.text,
            spans=job.prompt.spans,
            visual=job.prompt.visual,
            preset=job.preset,
            seed=job.seed,
            joining=job.joining,
            window=job.window,
            overlap=job.overlap,
            stems=job.stems,
            output=job.output,
            picture=job.picture,
            overwrite=ours,
            record={"recording": identity, "request": job.request},
            progress=report,
        )
    except SoundsiftError as error:
        return Outcome(job, "failed", str(job.refused(error)))
    except MemoryError:
        reason = f"{job.recording}: there is not enough memory for {recording.duration:.0f} s."
        return Outcome(job, "failed", str(job.refused(reason)))
    rate = recording.sample_rate
    how = coder(job.output, job.output.suffix(job.recording.suffix))
    return Outcome(
        job,
        "done",
        settings=saved.settings,
        target_level_db=saved.target_level_db,
        sample_rate=rate,
        written_rate=how.rate(rate) if how else rate,
        channels=recording.channels,
        samples=recording.length,
        seconds=time.monotonic() - began,
    )


def _examine(job: Job) -> tuple[RecordingFile, dict[str, Any]]:
    """The recording, if this job can be done with it, and what it is known by."""
    recording = examine(job.recording)
    identity = of_input(job.recording)
    suffix = job.output.suffix(job.recording.suffix)
    try:
        if how := coder(job.output, suffix):
            how.layout(recording.layout, recording.channels)
    except SoundsiftError as error:
        raise SoundsiftError(f"{job.recording}: {error}") from error
    if job.output.format == "video" and not has_picture(job.recording):
        raise SoundsiftError(
            f"{job.recording} has no moving picture; a video was expected for --format video."
        )
    job.prompt.check(recording.duration)
    return recording, identity

"""Plan a batch: find what is left to do, and refuse conflicting requests before any work."""

from __future__ import annotations

import itertools
import os
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from soundsift.audio import ensure_writable
from soundsift.audio.formats import Output
from soundsift.audio.leftovers import clear_leftovers
from soundsift.batch.fingerprint import same_input
from soundsift.batch.inputs import place_of, read_settings
from soundsift.batch.templates import unmarked
from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt
from soundsift.separation.options import Options
from soundsift.separation.stem_files import Destination


class _TemplateDestination(Destination):
    """Destination whose name comes from a template."""

    @property
    def paths(self) -> dict[str, Path]:
        return {kind: path.with_name(unmarked(path.name)) for kind, path in super().paths.items()}


@dataclass(frozen=True)
class Job:
    """One sound of a recording, or the rest that several sounds leave, with its result files.

    Attributes:
        index: number of the job in this run, from 1.
        recording: the file.
        prompt: the sound to separate; None for the rest.
        options: sampler and windowing options.
        out: folder for the results.
        name: first part of the file names, from `fill`.
        stems: the stems to write.
        output: format of the stems.
        picture: whether spectrograms are drawn.
        model: name or folder of the model.
        model_identity: hashes of the model's files, and of those of the packaged networks used.
        device: device to compute on; None picks the best available.
        precision: matmul precision.
        overwrite: whether existing files may be replaced.
        sharing: all prompts that share the recording; empty if each is separated independently.
        where: destination in the job list, for messages; None without a job list.
        name_is_free: whether a number may follow the name, where the result of another request
            has it.
        track: which of the recording's sound tracks, from 1; None for the best.
        bare: whether the only stem's file is NAME.wav.
        adapter: the adapter's file or folder; None without one. `model_identity` covers it.
    """

    index: int
    recording: Path
    prompt: Prompt | None
    options: Options
    out: Path
    name: str
    stems: tuple[str, ...]
    output: Output
    picture: bool
    model: str
    model_identity: str
    device: str | None = None
    precision: str = "auto"
    overwrite: bool = False
    sharing: tuple[Prompt, ...] = ()
    where: str | None = None
    name_is_free: bool = False
    track: int | None = None
    bare: bool = False
    adapter: Path | None = None

    @property
    def destination(self) -> Destination:
        """Folder, names and formats of the files."""
        return _TemplateDestination(
            self.out,
            self.name,
            self.stems,
            self.output,
            self.recording,
            self.picture,
            self.overwrite,
            track=self.track,
            bare=self.bare,
        )

    @property
    def paths(self) -> dict[str, Path]:
        """The files to write, by kind."""
        return self.destination.paths

    @property
    def request(self) -> dict[str, Any]:
        """Everything that the result depends on, except the recording."""
        return {
            **(self.prompt or Prompt()).described(),
            "sharing": [prompt.described() for prompt in self.sharing],
            **asdict(self.options),
            "precision": self.precision,
            "model": self.model_identity,
            "stems": list(self.stems),
            **asdict(self.output),
            "picture": self.picture,
            "track": self.track,
        }

    def refused(self, reason: object) -> SoundsiftError:
        """An error that names the line of the job list, if the job came from one."""
        return SoundsiftError(f"{self.where}: {reason}" if self.where else str(reason))


@dataclass(frozen=True)
class RecordingJob:
    """All sounds to separate from one recording while it is read once.

    Attributes:
        jobs: one job per sound; exclusive sounds may be followed by one for the rest. All have the
            same recording, options, output folder and format.
    """

    jobs: tuple[Job, ...]

    @property
    def index(self) -> int:
        """Number of the first sound, which identifies the job in this run."""
        return self.jobs[0].index

    @property
    def recording(self) -> Path:
        """The recording's file."""
        return self.jobs[0].recording

    @property
    def exclusive(self) -> bool:
        """Whether the sounds share the recording."""
        return bool(self.jobs[0].sharing)


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

    Attributes:
        to_do: recordings to work on.
        finished: jobs whose results exist, with the content of their settings files.
    """

    to_do: list[RecordingJob]
    finished: list[tuple[Job, dict[str, Any]]]


def make_plan(recordings: Sequence[RecordingJob]) -> Plan:
    """Find which jobs are done already, and refuse those that conflict.

    Finishes or removes what a killed run left in the output folders; writes nothing else.

    Args:
        recordings: all of a run.

    Raises:
        SoundsiftError: two jobs would write the same file, one would replace a recording or a file
            that is not the result of the same request, or a recording does not exist.
    """
    for folder in {job.out for one in recordings for job in one.jobs}:
        clear_leftovers(folder)
    recordings = [RecordingJob(tuple(map(_numbered, one.jobs))) for one in recordings]
    _refuse_collisions([job for one in recordings for job in one.jobs])
    plan = Plan([], [])
    for one in recordings:
        found = [(job, None if job.overwrite else finished_settings(job)) for job in one.jobs]
        finished = [(job, settings) for job, settings in found if settings is not None]
        # Exclusive sounds can only be separated together.
        if len(finished) < len(found) and one.exclusive:
            finished = []
        plan.finished.extend(finished)
        done = [job for job, _ in finished]
        if missing := tuple(job for job in one.jobs if job not in done):
            plan.to_do.append(RecordingJob(missing))
            _check_exists(missing[0])
    return plan


def _numbered(job: Job) -> Job:
    """The job with the first name that its own result has, or that no result has.

    A second prompt or another seed for the same recording writes beside the first one's result.
    """
    if not job.name_is_free:
        return job
    for number in itertools.count(1):
        named = job if number == 1 else replace(job, name=f"{job.name}-{number}")
        settings = read_settings(named.paths["settings"])
        if not settings:
            # Whatever is in the way there is refused later.
            return job if job.overwrite else named
        if not _differences(named, settings):
            return named
    raise AssertionError("numbers have no end")


def _refuse_collisions(jobs: Sequence[Job]) -> None:
    recordings = {_key(job.recording): job for job in jobs}
    writers: dict[str, Job] = {}
    for job in jobs:
        for path in job.paths.values():
            other = writers.setdefault(_key(path), job)
            if other is not job:
                raise job.refused(_collision(other, job, path))
            if _key(path) in recordings or _same_file(path, job.recording):
                raise job.refused(
                    f"{path} is the recording itself. Choose another --name or --out."
                )


def _collision(first: Job, second: Job, path: Path) -> str:
    if first.recording == second.recording:
        texts = [repr(job.prompt.text) for job in (first, second) if job.prompt and job.prompt.text]
        if len(texts) == 2:
            return (
                f"the sounds {texts[0]} and {texts[1]} of {first.recording} would both be written "
                f"to {path}. Use phrases that differ in a letter or digit, or add {{index}} to "
                "--name: '{stem}.{text}-{index}'."
            )
        return (
            f"two jobs of {first.recording} would both be written to {path}. Add {{index}} to "
            "--name: '{stem}-{index}'."
        )
    return (
        f"{first.recording} and {second.recording} would both be written to {path}. Use a --name "
        "that tells them apart, such as '{parent}_{stem}' or '{index}_{stem}'."
    )


def finished_settings(job: Job) -> dict[str, Any] | None:
    """The settings of a complete result of the same request; None if the work is still to do.

    Raises:
        SoundsiftError: files of another request or recording are in the way.
    """
    paths = job.paths
    settings: dict[str, Any] = dict(read_settings(paths["settings"]))
    if not settings:
        for path in paths.values():
            if os.path.lexists(path):
                raise job.refused(
                    f"{path} exists already. Choose another --out or --name, or replace it with "
                    "--overwrite."
                )
            try:
                ensure_writable(path)
            except SoundsiftError as error:
                raise job.refused(error) from error
        return None
    if other := _differences(job, settings):
        raise job.refused(
            f"{paths['settings']} exists already, made from {other}. Choose another --out or "
            "--name, or replace it with --overwrite."
        )
    # Missing files of our own result are made again, and empty ones, as disks leave them.
    missing = False
    noted = settings.get("bytes")
    sizes = noted if isinstance(noted, dict) else {}
    for kind, path in paths.items():
        if kind == "settings":
            continue
        size = path.stat().st_size if path.is_file() else 0
        missing = missing or size == 0
        if size and size != sizes.get(kind):
            raise job.refused(
                f"{path} has changed since it was written. Move it elsewhere, or replace it with "
                "--overwrite."
            )
    return None if missing else settings


def _differences(job: Job, settings: dict[str, Any]) -> str:
    noted = settings.get("request")
    if not isinstance(noted, dict):
        return "an unknown request"
    # An option that the version which wrote the file lacked was at its default: new options leave
    # finished work finished.
    noted = asdict(Options()) | {"sharing": [], "track": None} | noted
    other = [name for name, value in job.request.items() if noted.get(name) != value]
    if other:
        return f"another request ({', '.join(other)})"
    # If the recording is gone, its result stays as it is.
    if job.recording.exists() and not same_input(settings.get("recording"), job.recording):
        return "another recording"
    return ""


def _check_exists(job: Job) -> None:
    try:
        exists = job.recording.exists()
    except (OSError, ValueError):
        return  # reading it gives the reason
    if not exists:
        raise job.refused(f"{job.recording} does not exist. Name an audio or video file.")


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.exists() and path.samefile(other)
    except (OSError, ValueError):
        return False


def _key(path: Path) -> str:
    """A key that is equal for two paths of one file, also on systems that ignore case."""
    plain = os.path.normcase(place_of(path))
    if sys.platform == "darwin":
        return unicodedata.normalize("NFC", plain).casefold()
    return plain

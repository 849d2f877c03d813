"""What a run has to do: found out, and refused if it can't be, before any of it is done."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
from soundsift.separation.stem_files import Place


class _Place(Place):
    """A place whose name is from a template."""

    @property
    def paths(self) -> dict[str, Path]:
        return {kind: path.with_name(unmarked(path.name)) for kind, path in super().paths.items()}


@dataclass(frozen=True)
class Job:
    """One sound of a recording, or what several sounds leave of it, and its files.

    Attributes:
        index: its number in this run, from 1.
        recording: the file.
        prompt: what to lift out; None for what is left.
        options: how to go about it.
        out: folder of the results.
        name: first part of their names, from `fill`.
        stems: which are written.
        output: their format.
        picture: whether spectrograms are drawn.
        model: name or folder.
        model_identity: hash of its files.
        device: to compute on; None for the best there is.
        precision: of the network's products.
        overwrite: whether existing files may be replaced.
        sharing: all sounds that share the recording; empty if it is asked for as if alone.
        where: its place in a job list, for messages; None without one.
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

    @property
    def place(self) -> Place:
        """Where its files go."""
        return _Place(
            self.out,
            self.name,
            self.stems,
            self.output,
            self.recording,
            self.picture,
            self.overwrite,
        )

    @property
    def paths(self) -> dict[str, Path]:
        """The files that it writes."""
        return self.place.paths

    @property
    def request(self) -> dict[str, Any]:
        """All that the result depends on, beside the recording."""
        return {
            **(self.prompt or Prompt()).described(),
            "sharing": [prompt.described() for prompt in self.sharing],
            **asdict(self.options),
            "precision": self.precision,
            "model": self.model_identity,
            "stems": list(self.stems),
            **asdict(self.output),
            "picture": self.picture,
        }

    def refused(self, reason: object) -> SoundsiftError:
        """An error that names the line of the job list, if there is one."""
        return SoundsiftError(f"{self.where}: {reason}" if self.where else str(reason))


@dataclass(frozen=True)
class RecordingJob:
    """What is lifted out of one recording while it is read once.

    Attributes:
        jobs: one for each sound; of sounds that share the recording perhaps one for what is left,
            which comes last. They have recording, options, output folder and format in common.
    """

    jobs: tuple[Job, ...]

    @property
    def index(self) -> int:
        """What it is known by in this run."""
        return self.jobs[0].index

    @property
    def recording(self) -> Path:
        """The file."""
        return self.jobs[0].recording

    @property
    def exclusive(self) -> bool:
        """Whether the sounds share the recording."""
        return bool(self.jobs[0].sharing)


@dataclass(frozen=True)
class Plan:
    """A run.

    Attributes:
        to_do: what there is to do.
        finished: jobs whose results are there, with what their settings files say.
    """

    to_do: list[RecordingJob]
    finished: list[tuple[Job, dict[str, Any]]]


def make_plan(passes: Sequence[RecordingJob]) -> Plan:
    """Look which jobs are done already, and refuse those that can't be.

    Finishes or removes what a killed run left in the output folders; else nothing is written.

    Args:
        passes: all of a run.

    Raises:
        SoundsiftError: two jobs would write the same file, one would replace a recording or a file
            that is not the result of the same request, or a recording does not exist.
    """
    jobs = [job for one in passes for job in one.jobs]
    _refuse_collisions(jobs)
    for folder in {job.out for job in jobs}:
        clear_leftovers(folder)
    plan = Plan([], [])
    for one in passes:
        found = [(job, None if job.overwrite else _finished(job)) for job in one.jobs]
        finished = [(job, settings) for job, settings in found if settings is not None]
        # Of sounds that share a recording none can be made without the others.
        if len(finished) < len(found) and one.exclusive:
            finished = []
        plan.finished.extend(finished)
        done = [job for job, _ in finished]
        if missing := tuple(job for job in one.jobs if job not in done):
            plan.to_do.append(RecordingJob(missing))
            _check_exists(missing[0])
    return plan


def _refuse_collisions(jobs: Sequence[Job]) -> None:
    recordings = {_key(job.recording): job for job in jobs}
    writers: dict[str, Job] = {}
    for job in jobs:
        for path in job.paths.values():
            other = writers.setdefault(_key(path), job)
            if other is not job:
                raise job.refused(
                    f"{other.recording} and {job.recording} would both be written to {path}; a "
                    "--name that tells them apart, such as '{parent}_{stem}' or '{index}_{stem}', "
                    "was expected."
                )
            if _key(path) in recordings or _same_file(path, job.recording):
                raise job.refused(
                    f"{path} is the recording itself; another --name or --out was expected."
                )


def _finished(job: Job) -> dict[str, Any] | None:
    """The settings of a result that is there; None if it has to be made.

    Raises:
        SoundsiftError: files are in the way that are not the result of this request.
    """
    paths = job.paths
    settings: dict[str, Any] = dict(read_settings(paths["settings"]))
    if not settings:
        for path in paths.values():
            try:
                ensure_writable(path)
            except SoundsiftError as error:
                raise job.refused(error) from error
        return None
    if other := _differences(job, settings):
        raise job.refused(
            f"{paths['settings']} exists already, made from {other}; choose another place or allow "
            "overwriting (--overwrite)."
        )
    # Somebody removed or changed a part of our own result: it is made again.
    return settings if _complete(job, settings) else None


def _differences(job: Job, settings: dict[str, Any]) -> str:
    noted = settings.get("request")
    if not isinstance(noted, dict):
        return "an unknown request"
    # What versions before did not know was at its default: so a new option leaves finished work
    # finished.
    noted = asdict(Options()) | {"sharing": []} | noted
    other = [name for name, value in job.request.items() if noted.get(name) != value]
    if other:
        return f"another request ({', '.join(other)})"
    # Where the recording is gone, its result stays as it is.
    if job.recording.exists() and not same_input(settings.get("recording"), job.recording):
        return "another recording"
    return ""


def _complete(job: Job, settings: dict[str, Any]) -> bool:
    sizes = settings.get("bytes")
    if not isinstance(sizes, dict):
        return False
    return all(
        path.is_file() and path.stat().st_size == sizes.get(kind)
        for kind, path in job.paths.items()
        if kind != "settings"
    )


def _check_exists(job: Job) -> None:
    try:
        exists = job.recording.exists()
    except (OSError, ValueError):
        return  # reading it will say what is wrong
    if not exists:
        raise job.refused(f"{job.recording} does not exist; an audio or video file was expected.")


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.exists() and path.samefile(other)
    except (OSError, ValueError):
        return False


def _key(path: Path) -> str:
    """Equal for two paths that are the same file; systems that ignore case, too."""
    plain = os.path.normcase(place_of(path))
    if sys.platform == "darwin":
        return unicodedata.normalize("NFC", plain).casefold()
    return plain

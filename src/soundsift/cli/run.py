"""Run the recordings of `separate` or `remove` and report each outcome."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import typer

from soundsift.batch.planner import RecordingJob, make_plan
from soundsift.batch.pool import run
from soundsift.batch.runner import Outcome
from soundsift.cli import reports
from soundsift.cli.console import say, warn
from soundsift.cli.groups import BAD_REQUEST, SOME_FAILED
from soundsift.cli.outputs import check_folder
from soundsift.cli.progress import files_progress
from soundsift.errors import SoundsiftError


def run_recordings(jobs: list[RecordingJob], workers: int, json_line: bool) -> None:
    """Do what is not done yet; report each sound on stdout, and failures on stderr.

    Args:
        jobs: all recordings of the run.
        workers: number of processes that share them.
        json_line: report in lines of JSON.

    Raises:
        SoundsiftError: the run is refused, or its only sound failed.
        typer.Exit: some of several sounds failed.
    """
    plan = make_plan(jobs)
    for folder in sorted({one.out for job in plan.to_do for one in job.jobs}):
        check_folder(folder)
    single = sum(len(job.jobs) for job in jobs) == 1

    def tell(outcome: Outcome) -> None:
        if json_line:
            say(reports.as_json(outcome))
        if outcome.status == "failed":
            if not single:
                warn(outcome.error)
        elif not json_line:
            say(reports.in_words(outcome, single))

    counts = {"done": 0, "skipped": len(plan.finished), "failed": 0}
    for one, settings in plan.finished:
        tell(Outcome(one, "skipped", settings=settings))
    if plan.to_do:
        numbers = {job.index: number for number, job in enumerate(plan.to_do)}
        sizes = [_size(job.recording) for job in plan.to_do]
        with files_progress(sizes) as bar:

            def progress(job: RecordingJob, fraction: float) -> None:
                bar.report(numbers[job.index], job.recording.name, fraction)

            with closing(run(plan.to_do, workers, progress)) as outcomes:  # type: ignore[type-var]
                for outcome in outcomes:
                    counts[outcome.status] += 1
                    bar.past(lambda outcome=outcome: tell(outcome))  # type: ignore[misc]
                    if single and outcome.status == "failed":
                        raise _only_failure(outcome)
    if not single and not json_line:
        say(reports.summary(counts["done"], counts["skipped"], counts["failed"]))
    if counts["failed"]:
        raise typer.Exit(SOME_FAILED if counts["done"] + counts["skipped"] else BAD_REQUEST)


def _only_failure(outcome: Outcome) -> Exception:
    """The sentence of a failure; a bug keeps its own type and traceback."""
    if outcome.unexpected and outcome.cause is not None:
        return outcome.cause
    return SoundsiftError(outcome.error)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

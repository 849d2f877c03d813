"""A run of `separate` or `remove`: passes done, what became of them told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import typer

from soundsift.batch.planner import RecordingJob, make_plan
from soundsift.batch.pool import run
from soundsift.batch.runner import Outcome
from soundsift.cli import reports
from soundsift.cli.groups import BAD_REQUEST
from soundsift.cli.outputs import check_folder
from soundsift.cli.progress import files_progress
from soundsift.errors import SoundsiftError

#: Some recordings failed, others went through.
SOME_FAILED = 3


def run_passes(passes: list[RecordingJob], workers: int, json_line: bool) -> None:
    """Do what is not done yet, and tell of each sound on stdout, or on stderr what went wrong.

    Args:
        passes: all of the run.
        workers: processes that share them.
        json_line: whether to tell in JSON.

    Raises:
        SoundsiftError: the run can't be, or the only sound asked for failed.
        typer.Exit: some of several sounds failed.
    """
    plan = make_plan(passes)
    for folder in sorted({job.out for one in plan.to_do for job in one.jobs}):
        check_folder(folder)
    single = sum(len(one.jobs) for one in passes) == 1

    def tell(outcome: Outcome) -> None:
        if json_line:
            typer.echo(reports.as_json(outcome))
        if outcome.status == "failed":
            if not single:
                typer.echo(reports.one_line(outcome.error), err=True)
        elif not json_line:
            typer.echo(reports.in_words(outcome, single))

    done = failed = 0
    for job, settings in plan.finished:
        tell(Outcome(job, "skipped", settings=settings))
    if plan.to_do:
        numbers = {one.index: number for number, one in enumerate(plan.to_do)}
        sizes = [_size(one.recording) for one in plan.to_do]
        with files_progress(sizes) as bar:

            def progress(one: RecordingJob, fraction: float) -> None:
                bar.report(numbers[one.index], one.recording.name, fraction)

            with closing(run(plan.to_do, workers, progress)) as outcomes:  # type: ignore[type-var]
                for outcome in outcomes:
                    failed += outcome.status == "failed"
                    done += outcome.status == "done"
                    bar.past(lambda outcome=outcome: tell(outcome))  # type: ignore[misc]
                    if single and failed:
                        raise SoundsiftError(outcome.error)
    if not single and not json_line:
        typer.echo(reports.summary(done, len(plan.finished), failed))
    if failed:
        raise typer.Exit(SOME_FAILED if done or plan.finished else BAD_REQUEST)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

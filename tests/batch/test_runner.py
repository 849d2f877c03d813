"""What becomes of a recording whatever goes wrong with it, and of results made meanwhile."""

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from soundsift.audio.formats import Output
from soundsift.batch.planner import Job, RecordingJob
from soundsift.batch.runner import Outcome, failed, run_job
from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt
from soundsift.separation.options import Options


@pytest.fixture
def job(tmp_path: Path) -> RecordingJob:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 16_000), 16_000)
    one = Job(
        1,
        path,
        Prompt("dog"),
        Options(),
        tmp_path / "out",
        "a",
        ("target",),
        Output(),
        False,
        "",
        "",
    )
    return RecordingJob((one,))


class Raising:
    """A separator that fails."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def separate_into(self, *_: object, **__: object) -> list[Any]:
        raise self.error


def run(job: RecordingJob, error: BaseException) -> Outcome:
    (outcome,) = run_job(job, lambda: Raising(error), lambda _: None)  # type: ignore[arg-type, return-value]
    assert outcome.status == "failed"
    assert outcome.error.startswith(f"{job.recording}: ")
    return outcome


@pytest.mark.parametrize(
    "error",
    [
        IndexError("list index out of range"),
        ValueError("Conversion from 's64' format\nto numpy array is not supported."),
        RuntimeError(),
        AssertionError(),
        RecursionError("maximum recursion depth exceeded"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        StopIteration(),
        ExceptionGroup("several", [KeyError("a")]),
    ],
)
def test_a_bug_fails_one_recording_and_says_so(job, error):
    outcome = run(job, error)
    assert f"unexpected error ({type(error).__name__}" in outcome.error
    assert "report" in outcome.error and len(outcome.error.splitlines()) == 1
    assert outcome.unexpected and outcome.cause is error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SoundsiftError("is damaged. Copy it again."), "is damaged. Copy it again."),
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to"), "fewer --jobs"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "No such file"),
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
    ],
)
def test_what_is_no_bug_has_a_reason(job, error, words):
    outcome = run(job, error)
    assert words in outcome.error and not outcome.unexpected


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interruption_is_no_failure(job, error):
    with pytest.raises(type(error)):
        run_job(job, lambda: Raising(error), lambda _: None)  # type: ignore[arg-type, return-value]


def test_an_error_while_the_recording_is_examined(job, monkeypatch):
    def examine(_: Path, **__: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr("soundsift.batch.runner.examine", examine)
    (outcome,) = run_job(job, lambda: pytest.fail("no model is needed"), lambda _: None)
    assert outcome.status == "failed" and "IndexError" in outcome.error


def test_a_model_that_can_not_be_loaded_ends_the_run(job):
    def load() -> None:
        raise SoundsiftError("the model is damaged.")

    with pytest.raises(SoundsiftError, match="the model is damaged"):
        run_job(job, load, lambda _: None)


def test_results_that_another_run_made_first_are_skipped(job, monkeypatch):
    """Two runs on one folder: before the work, and when the files are in the way after it."""
    settings = {"soundsift": "0.1.0"}
    monkeypatch.setattr("soundsift.batch.runner.finished_settings", lambda _: settings)
    (outcome,) = run_job(job, lambda: pytest.fail("nothing is left to do"), lambda _: None)
    assert (outcome.status, outcome.settings) == ("skipped", settings)

    answers = iter([None, settings])
    monkeypatch.setattr("soundsift.batch.runner.finished_settings", lambda _: next(answers))
    late = Raising(SoundsiftError("a.target.wav exists already"))
    (outcome,) = run_job(job, lambda: late, lambda _: None)  # type: ignore[arg-type, return-value]
    assert outcome.status == "skipped"

    (job_,) = job.jobs
    again = RecordingJob((replace(job_, overwrite=True),))
    assert run(again, SoundsiftError("a.wav is damaged")).status == "failed"


def test_every_sound_of_a_recording_gets_an_outcome(job):
    (one,) = job.jobs
    both = RecordingJob((one, replace(one, index=2, name="b", where="jobs.jsonl, line 2")))
    first, second = failed(both, "too short.")
    assert first.error == f"{one.recording}: too short."
    assert second.error == f"jobs.jsonl, line 2: {one.recording}: too short."

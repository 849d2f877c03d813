"""Passes in several processes, some of which are killed."""

import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from soundsift.audio.formats import Output
from soundsift.batch import pool, worker
from soundsift.batch.planner import Job, RecordingJob
from soundsift.batch.runner import Outcome
from soundsift.prompts import Prompt
from soundsift.separation.options import Options

pytestmark = pytest.mark.slow


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def pretend(one: RecordingJob, load: Any, report: Any) -> list[Outcome]:
    """Instead of work."""
    if one.recording.name.startswith("fatal"):
        kill_myself()
    time.sleep(0.05)
    return [Outcome(job, "done") for job in one.jobs]


def start_pretending(*given: Any) -> None:
    worker.start(*given)
    worker.run_job = pretend


def start_to_die(*given: Any) -> None:
    kill_myself()


def passes(folder: Path, *names: str) -> list[RecordingJob]:
    prompt, stems = Prompt("dog"), ("target",)
    return [
        RecordingJob(
            (Job(n, Path(name), prompt, Options(), folder, name, stems, Output(), False, "", ""),)
        )
        for n, name in enumerate(names, start=1)
    ]


def run(asked: list[RecordingJob]) -> dict[str, Outcome]:
    found = [(one.job.recording.name, one) for one in pool.run(asked, 2, lambda *_: None)]
    # Each once, whatever happens.
    assert Counter(name for name, _ in found) == Counter(one.recording.name for one in asked)
    return dict(found)


def test_only_what_kills_its_process_fails(tmp_path, monkeypatch):
    # The processes import this file.
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    monkeypatch.setattr(pool, "start", start_pretending)
    before = dict(os.environ)
    found = run(passes(tmp_path, "a", "fatal1", "c", "d", "e", "fatal2", "g", "h"))
    failures = {name: one.error for name, one in found.items() if one.status == "failed"}
    # What the other process was at is done again.
    assert failures.keys() == {"fatal1", "fatal2"}
    assert all(f"{name} was given up: a process" in text for name, text in failures.items())
    assert dict(os.environ) == before


def test_processes_that_never_start_end_the_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    monkeypatch.setattr(pool, "start", start_to_die)
    found = run(passes(tmp_path, "a", "b", "c"))
    assert {one.status for one in found.values()} == {"failed"}

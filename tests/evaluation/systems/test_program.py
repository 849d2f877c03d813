"""Programs that answer, fail, end, say too much, or say nothing."""

import sys
import time
from pathlib import Path

import pytest

from soundsift.evaluation.systems.program import Program

ANSWER = "import json,sys\nfor line in sys.stdin:\n    request = json.loads(line)\n"


def program(tmp_path: Path, body: str, seconds: float = 20.0) -> Program:
    return Program([sys.executable, "-c", body], tmp_path / "log", seconds, seconds)


def test_replies_are_told_from_messages(tmp_path: Path) -> None:
    body = ANSWER + "    print('loading', flush=True)\n    print('{}', flush=True)\n"
    body += "    print(json.dumps({'id': request['id'], 'ranked_by': ['clap']}), flush=True)\n"
    with program(tmp_path, body) as running:
        for number in range(3):
            reply = running.ask({"id": f"{number}"})
            assert (reply.status, reply.content["ranked_by"]) == ("ok", ["clap"])


def test_errors_that_a_program_tells(tmp_path: Path) -> None:
    body = ANSWER + "    reply = {'id': request['id'], 'error': 'no\\nsound'}\n"
    body += "    print(json.dumps(reply), flush=True)\n"
    with program(tmp_path, body) as running:
        reply = running.ask({"id": "a"})
    assert (reply.status, reply.reason) == ("failed", "no sound")


def test_a_program_that_ends_is_started_again(tmp_path: Path) -> None:
    body = ANSWER + "    if request['id'] == 'bad':\n        raise MemoryError('too long')\n"
    body += "    print(json.dumps({'id': request['id']}), flush=True)\n"
    with program(tmp_path, body) as running:
        assert running.ask({"id": "good"}).status == "ok"
        reply = running.ask({"id": "bad"})
        assert (reply.status, reply.reason) == ("crashed", "exit code 1: MemoryError: too long")
        assert running.ask({"id": "good"}).status == "ok"


def test_a_late_program_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    child = f"import time,pathlib\ntime.sleep(4)\npathlib.Path({str(mark)!r}).touch()"
    body = f"import subprocess,sys,time\nsubprocess.Popen([sys.executable,'-c',{child!r}])\n"
    body += "time.sleep(60)"
    with program(tmp_path, body, seconds=2.0) as running:
        begun = time.monotonic()
        assert running.ask({"id": "a"}).status == "late"
        assert time.monotonic() - begun < 30
    time.sleep(3)
    assert not mark.exists()


def test_a_program_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with Program(["/no/such/program"], tmp_path / "log") as running, pytest.raises(OSError):
        running.ask({"id": "a"})

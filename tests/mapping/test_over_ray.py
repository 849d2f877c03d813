"""Maps over real Ray workers: the bytes of one process, whatever is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.tiny_model import write_tiny_model
from typer.testing import CliRunner

from soundsift import optional, ray_cluster
from soundsift.cli import app
from soundsift.errors import SoundsiftError
from soundsift.mapping.config import MapConfig
from soundsift.mapping.over_ray import answers_of, row_stages
from soundsift.mapping.parts import Parts
from soundsift.mapping.pending import PendingRows
from soundsift.mapping.rows import Row, read_rows
from soundsift.mapping.runner import run_map

RATE = 16_000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def manifest(tmp_path):
    return write_manifest(tmp_path / "in", 11)


def write_manifest(folder, count):
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for number in range(count):
        name = f"{number}.wav"
        wave = rng.normal(0, 0.1, (RATE // 4 + 100 * number, 1 + number % 2))
        soundfile.write(folder / name, wave, RATE, subtype="PCM_16")
        lines.append(json.dumps({"id": f"r{number}", "audio": name, "text": "rain"}))
    lines[3] = json.dumps({"audio": "missing.wav", "text": "rain"})
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "rows.jsonl"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def descendants(ancestor: int) -> dict[int, str]:
    """Processes that a process has started, by their command; also those of these."""
    found = subprocess.run(["ps", "ax", "-o", "pid=,ppid=,args="], capture_output=True, text=True)
    lines = [line.split(None, 2) for line in found.stdout.splitlines()]
    below, new = {}, {ancestor}
    while new:
        own = {int(pid): args for pid, parent, args in lines if int(parent) in new}
        new = own.keys() - below.keys()
        below |= own
    return below


def are_gone(processes):
    def gone() -> bool:
        shown = subprocess.run(["ps", "ax", "-o", "pid=,args="], capture_output=True, text=True)
        lines = [line.split(None, 1) for line in shown.stdout.splitlines()]
        left = {int(pid): args for pid, args in lines if "defunct" not in args}
        return not (left.keys() & processes.keys())

    return gone


def test_rows_come_in_parts_whatever_their_order(manifest):
    rows = PendingRows(read_rows(str(manifest)), 4, {1})
    numbers = [number for number, _ in rows]
    assert numbers == [0, 1, 2, 3, 8, 9, 10]
    assert rows.done == 4
    parts = {}
    for number in reversed(numbers):
        parts |= rows.answered(number, [number])
    assert parts == {0: [0, 1, 2, 3]}
    assert dict(rows.last()) == {2: [8, 9, 10]}
    assert rows.done == 11


def test_a_manifest_that_breaks_off_keeps_its_last_part_open():
    def broken():
        yield Row("a", "a.wav", ("rain",))
        raise SoundsiftError("rows.tar: can't be read")

    rows = PendingRows(broken(), 4, set())
    assert [number for number, _ in rows] == [0]
    assert list(rows.answered(0, [])) == []
    assert "can't be read" in str(rows.error)
    assert list(rows.last()) == []


def test_without_ray(manifest, model, tmp_path, monkeypatch):
    def missing(name, *_):
        raise ImportError(name)

    command = ["map", str(manifest), "--model", str(model), "--out", str(tmp_path / "out")]
    with monkeypatch.context() as patched:
        patched.setattr(optional.importlib, "import_module", missing)
        done = CliRunner().invoke(app, [*command, "--workers", "2"])
    assert isinstance(done.exception, SystemExit), done.output
    assert done.exit_code == 2
    assert "pip install 'soundsift[" in done.stderr


@pytest.mark.parametrize(
    ("address", "words"),
    [("nowhere", "no address"), ("127.0.0.1:9", "no Ray cluster answers"), ("h:99999", "answers")],
)
def test_addresses_where_no_cluster_is(address, words):
    pytest.importorskip("ray", reason="the extra `ray`")
    with pytest.raises(SoundsiftError, match=words), ray_cluster.ray_cluster(address):
        pass


@pytest.mark.slow
def test_the_bytes_of_one_process(manifest, model, tmp_path):
    pytest.importorskip("ray", reason="the extra `ray`")
    config = MapConfig(model=str(model), rows=4)
    run_map(str(manifest), str(tmp_path / "one"), config)
    out = tmp_path / "several"
    done = subprocess.run(map_command(manifest, model, out), capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert done.stdout == (
        f"11 rows: 10 results, {found(tmp_path / 'one')} with the sound surely there, 1 rows "
        f"failed: {out}\n"
    )
    assert done.stderr == ""
    assert contents(out) == contents(tmp_path / "one")


def found(out):
    parts = Parts(str(out), "jsonl")
    facts = [one for number in parts.done() for one in parts.facts(number)]
    return sum((one.get("confidence") or 0) >= 0.5 for one in facts)


def map_command(manifest, model, out):
    program = [sys.executable, "-m", "soundsift.cli", "map", str(manifest)]
    return [*program, "--model", str(model), "--out", str(out), "--rows", "4", "--workers", "2"]


@pytest.mark.slow
def test_stages_apart_survive_the_death_of_a_worker(manifest, model, tmp_path):
    pytest.importorskip("ray", reason="the extra `ray`")
    config = MapConfig(model=str(model), rows=4)
    expected = tmp_path / "one"
    run_map(str(manifest), str(expected), config)
    rows = PendingRows(read_rows(str(manifest)), 4, set())
    results, killed = {}, False
    with ray_cluster.ray_cluster(workers=2) as cluster:
        stages = row_stages(config, "cpu", apart=True)
        for number, answer in answers_of(cluster, rows, stages):
            assert number not in results
            results[number] = answer.results
            list(rows.answered(number, answer.results))
            if not killed:
                killed = True
                kill_a_worker(os.getpid())
    parts = Parts(str(tmp_path / "two"), "jsonl")
    for part in range(3):
        own = [one for n in range(4 * part, min(4 * part + 4, 11)) for one in results[n]]
        parts.write(part, own)
    (expected / "run.json").unlink()
    assert contents(tmp_path / "two") == contents(expected)


def kill_a_worker(of):
    workers = [pid for pid, args in descendants(of).items() if args.startswith("ray::_Worker")]
    os.kill(workers[0], signal.SIGKILL)


@pytest.mark.slow
def test_killed_workers_and_drivers(model, tmp_path):
    """Every row is done once, parts that are there are kept, and no process of Ray is left."""
    pytest.importorskip("ray", reason="the extra `ray`")
    manifest, out = write_manifest(tmp_path / "in", 120), tmp_path / "out"
    run_map(str(manifest), str(tmp_path / "one"), MapConfig(model=str(model), rows=4))
    command = map_command(manifest, model, out)
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: len(list(out.glob("part-*"))) >= 2)
    kill_a_worker(first.pid)
    wait_for(lambda: len(list(out.glob("part-*"))) >= 6)
    started = descendants(first.pid)
    first.kill()
    assert first.communicate()[0] == ""
    wait_for(are_gone(started))
    kept = {p: p.stat().st_mtime_ns for p in out.glob("part-*")}
    assert 6 <= len(kept) < 30
    second = subprocess.run(command, capture_output=True, text=True)
    assert (second.returncode, second.stderr) == (3, "")
    assert kept.items() <= {p: p.stat().st_mtime_ns for p in out.glob("part-*")}.items()
    assert contents(out) == contents(tmp_path / "one")


@pytest.mark.slow
def test_an_interruption_leaves_nothing(model, tmp_path):
    pytest.importorskip("ray", reason="the extra `ray`")
    manifest, out = write_manifest(tmp_path / "in", 120), tmp_path / "out"
    # As a terminal sends it: to all processes of the group.
    running = subprocess.Popen(
        map_command(manifest, model, out),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    wait_for(lambda: len(list(out.glob("part-*"))) >= 2)
    started = descendants(running.pid)
    os.killpg(running.pid, signal.SIGINT)
    assert running.communicate()[0] == "Interrupted.\n"
    assert running.returncode == 130
    wait_for(are_gone(started))
    assert not list(out.rglob("*.partial"))


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)

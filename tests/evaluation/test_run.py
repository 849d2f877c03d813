"""Systems on a suite: each item once, whatever happens to them or to us."""

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

from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Ask, Item, Suite
from soundsift.evaluation.reference_scores import score_item
from soundsift.evaluation.results import find_results, read_results
from soundsift.evaluation.run import Limits, Scoring, choose, run_systems
from soundsift.evaluation.suites import folder
from soundsift.evaluation.systems import System, open_command
from soundsift.evaluation.table import failures, markdown, write_table

RATE = 8000
#: Copies the mixture; behaves as the prompt says.
PROGRAM = """
import json, shutil, sys, time
for line in sys.stdin:
    request = json.loads(line)
    text = request["text"]
    if text == "crash":
        sys.exit("out of memory")
    if text == "sleep":
        time.sleep(60)
    reply = {"id": request["id"]}
    if text == "error":
        reply["error"] = "no such sound"
    elif text == "short":
        open(request["output"] + "/target.wav", "wb").write(b"RIFF")
    elif text != "nothing":
        name = "other.wav" if text == "other name" else "target.wav"
        shutil.copy(request["mixture"], request["output"] + "/" + name)
    if text == "ranked":
        reply["ranked_by"] = ["judge"]
    if len(sys.argv) > 1:
        time.sleep(float(sys.argv[1]))
    print(json.dumps(reply), flush=True)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "copy_mixture.py"
    path.write_text(PROGRAM)
    return path


def suite_of(tmp_path: Path, prompts: list[str]) -> Suite:
    rng = np.random.default_rng(0)
    lines = []
    for number, prompt in enumerate(prompts):
        target, rest = rng.uniform(-0.2, 0.2, (2, RATE))
        soundfile.write(tmp_path / f"m{number}.wav", target + rest, RATE, subtype="FLOAT")
        soundfile.write(tmp_path / f"t{number}.wav", target, RATE, subtype="FLOAT")
        item = {"id": f"{number}", "mixture": f"m{number}.wav", "text": prompt}
        lines.append(json.dumps(item | {"target": f"t{number}.wav"}) + "\n")
    (tmp_path / "items.jsonl").write_text("".join(lines))
    return folder.open_suite(tmp_path)


def command(name: str, program: Path, *more: str) -> System:
    return open_command(name, " ".join([sys.executable, str(program), *more]))


def test_every_kind_of_failure_is_counted(tmp_path: Path, program: Path) -> None:
    prompts = ["dog", "crash", "error", "nothing", "other name", "short", "cat"]
    suite = suite_of(tmp_path, prompts)
    out = tmp_path / "out"
    assert run_systems(suite, [command("copy", program)], out) == {}
    found = read_results(out / "copy")
    status = {row["prompt"]: row["status"] for row in found.rows}
    assert status == {
        "dog": "ok",
        "crash": "crashed",
        "error": "failed",
        "nothing": "missing",
        "other name": "missing",
        "short": "invalid",
        "cat": "ok",
    }
    assert found.done[0]["scores"]["si_sdr_i"] == pytest.approx(0.0, abs=1e-6)
    assert failures(found) == {"crashed": 1, "failed": 1, "invalid": 1, "missing": 2}
    text = markdown([found])
    assert "2 of 7" in text
    assert "without scores: 1 crashed, 1 failed, 1 invalid, 2 missing" in text


def test_late_outputs_are_counted(tmp_path: Path, program: Path) -> None:
    suite = suite_of(tmp_path, ["sleep"])
    run_systems(suite, [command("copy", program)], tmp_path / "out", limits=Limits(2, 2))
    (row,) = read_results(tmp_path / "out" / "copy").rows
    assert (row["status"], row["scores"]) == ("late", {})
    assert row["reason"].startswith("no reply within")


def test_a_system_that_always_fails_is_given_up(tmp_path: Path, program: Path) -> None:
    suite = suite_of(tmp_path, ["crash"] * 6)
    given_up = run_systems(suite, [command("copy", program)], tmp_path / "out")
    assert "3 items not run: exit code 1: out of memory" in given_up["copy"]
    assert failures(read_results(tmp_path / "out" / "copy")) == {"crashed": 3, "not run": 3}


def test_a_killed_run_goes_on_and_has_each_item_once(tmp_path: Path, program: Path) -> None:
    suite = suite_of(tmp_path, ["dog"] * 12)
    out = tmp_path / "out"
    rows = out / "slow" / "results.jsonl"
    code = (
        "import sys; from pathlib import Path; from soundsift.evaluation.suites import folder;"
        "from soundsift.evaluation.run import run_systems;"
        "from soundsift.evaluation.systems import open_command;"
        "run_systems(folder.open_suite(Path(sys.argv[1])), [open_command('slow', sys.argv[2])],"
        "Path(sys.argv[3]))"
    )
    slow = f"{sys.executable} {program} 0.3"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), slow, str(out)])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if rows.exists() and rows.read_bytes().count(b"\n") > 1:
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = rows.read_bytes()
    assert 1 < before.count(b"\n") < 12
    # As if the power had gone in the middle of a line.
    with rows.open("ab") as file:
        file.write(b'{"id": "7", "sta')
    run_systems(suite, [open_command("slow", slow)], out)
    found = read_results(out / "slow")
    assert sorted(int(row["id"]) for row in found.rows) == list(range(12))
    assert rows.read_bytes().startswith(before)


def test_more_items_may_follow_but_not_others(tmp_path: Path, program: Path) -> None:
    suite = suite_of(tmp_path, ["dog"] * 4)
    systems, out = [command("copy", program)], tmp_path / "out"
    run_systems(suite, systems, out, items=2)
    run_systems(suite, systems, out, items=3)
    assert [row["id"] for row in read_results(out / "copy").rows] == ["0", "1", "2"]
    with pytest.raises(SoundsiftError, match="results of 1 items more"):
        run_systems(suite, systems, out, items=2)
    with pytest.raises(SoundsiftError, match=r"another run.*scorers"):
        run_systems(suite, systems, out, scoring=Scoring(about={"clap": "x"}))
    run_systems(suite, systems, out, items=1, overwrite=True, scoring=Scoring(about={"clap": "x"}))
    assert len(read_results(out / "copy").rows) == 1


def test_what_ranked_is_not_reported(tmp_path: Path, program: Path) -> None:
    suite = suite_of(tmp_path, ["ranked", "dog"])
    scoring = Scoring({"judge": lambda item, outputs: {"judge_overall": 5.0, "clap": 0.5}})
    run_systems(suite, [command("copy", program)], tmp_path / "out", scoring=scoring)
    write_table(tmp_path / "out", ["copy"])
    ranked, plain = read_results(tmp_path / "out" / "copy").rows
    assert "judge_overall" not in ranked["scores"]
    assert (ranked["scores"]["clap"], plain["scores"]["judge_overall"]) == (0.5, 5.0)
    assert "chose among candidates by judge" in (tmp_path / "out" / "table.md").read_text()


def test_kept_sound_can_be_found_from_the_rows(tmp_path: Path, program: Path) -> None:
    suite = suite_of(tmp_path, ["dog"])
    run_systems(suite, [command("copy", program)], tmp_path / "out", keep_stems=True)
    (found,) = find_results(tmp_path / "out")
    row = found.rows[0]
    for path in (row["mixture"], row["target"]):
        assert soundfile.info(found.folder / path).frames == RATE


def test_stems_without_prompts_are_chosen_by_the_answer() -> None:
    rng = np.random.default_rng(0)
    target, rest = rng.normal(0, 0.1, (2, 1, RATE)).astype(np.float32)
    asks = (Ask("target", "dog"),)
    item = Item("a", target + rest, RATE, asks, {"target": target})
    suite = Suite("made-up", ("a",), lambda _: item, score_item, lambda _: {})
    stems = {"one": 0.3 * target, "two": rest, "three": 0.7 * target}
    nearest = System("x", "x", ("x",), prompted=False, choice="nearest")
    outputs, chosen = choose(suite, nearest, item, {"two": rest, "one": stems["one"]})
    assert (chosen, outputs["target"] is stems["one"]) == ("one", True)
    summed = System("x", "x", ("x",), prompted=False, choice="sum")
    outputs, chosen = choose(suite, summed, item, stems)
    assert chosen == "2 of 3 stems"
    assert outputs["target"] == pytest.approx(target, abs=1e-6)
    with pytest.raises(ValueError, match="without a right answer"):
        choose(suite, nearest, Item("a", target, RATE, asks), stems)

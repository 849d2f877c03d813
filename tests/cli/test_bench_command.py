"""`soundsift bench`: what it hands over; the benchmark is tested with `soundsift.evaluation`."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def calls(monkeypatch):
    made = []

    def run_benchmark(bank, out, **settings):
        settings.pop("progress")("scenes", 0.5)
        made.append((str(bank), out, settings))
        return {"text": 6.5}

    module = ModuleType("soundsift.evaluation.bench")
    module.run_benchmark = run_benchmark
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return made


def test_defaults(run, calls):
    result = run("bench")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "The report is in benchmark.\n"
    settings = {"model": "default", "preset": "standard", "suite": "strangers", "scenes": None}
    settings |= {"adapter": None, "with_baselines": True, "overwrite": False}
    assert calls == [("bank", Path("benchmark"), settings)]


def test_options(run, calls, model, tmp_path):
    result = run(
        *("bench", "--bank", "b", "--out", tmp_path, "--model", model, "--preset", "draft"),
        *("--scenes", 5, "--no-baselines", "--json", "--overwrite", "--suite", "familiar"),
    )
    assert json.loads(result.stdout) == {"folder": str(tmp_path), "result": {"text": 6.5}}
    settings = {"model": str(model), "preset": "draft", "suite": "familiar", "scenes": 5}
    settings |= {"adapter": None, "with_baselines": False, "overwrite": True}
    assert calls == [("b", tmp_path, settings)]


@pytest.fixture
def program(tmp_path):
    """A separator that returns the mixture."""
    path = tmp_path / "copy.py"
    path.write_text(
        "import json, shutil, sys\n"
        "for line in sys.stdin:\n"
        "    request = json.loads(line)\n"
        "    shutil.copy(request['mixture'], request['output'] + '/target.wav')\n"
        "    print(json.dumps({'id': request['id']}), flush=True)\n"
    )
    return f"{sys.executable} {path}"


@pytest.fixture
def items(mix, tmp_path):
    """A suite of one recording with its answer."""
    line = {"id": "street", "mixture": mix.name, "text": "dog", "target": mix.name}
    (tmp_path / "items.jsonl").write_text(json.dumps(line) + "\n")
    return tmp_path / "items.jsonl"


def test_systems_on_a_suite_then_a_comparison_and_the_ledger(run, items, program, tmp_path):
    out = tmp_path / "out"
    both = ("--system", f"one={program}", "--system", f"two={program}", "--no-prompts", "two")
    result = run("bench", "--suite", "folder", items, *both, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "| one | 1 of 1 |" in result.stdout
    assert "| two* | 1 of 1 |" in result.stdout
    again = run("bench", "--suite", "folder", items, *both, "--out", out, "--json")
    figures = [each["figures"] for each in json.loads(again.stdout)["result"]]
    assert [each["si_sdr"]["value"] for each in figures] == [100.0, 100.0]
    assert run("results", "table", out).stdout == result.stdout
    compared = run("results", "compare", out / "one", out / "two", "--score", "si_sdr")
    assert "si_sdr: 100.00 against 100.00, difference +0.00" in compared.stdout
    docs = tmp_path / "docs"
    (docs / "results").mkdir(parents=True)
    (docs / "results" / "claimed.yaml").write_text("[]\n")
    marks = "<!-- {}: written by soundsift results add -->\n<!-- end -->\n"
    (docs / "ledger.md").write_text(marks.format("measured") + marks.format("claimed"))
    added = run("results", "add", out, "--ledger", docs)
    assert added.exit_code == 0, added.stderr
    assert "| one |" in (docs / "ledger.md").read_text()


def test_systems_are_listed_with_their_weights(run):
    result = run("systems", "list")
    assert "spleeter: Spleeter, 2 stems" in result.stdout
    assert "audiosep_base_4M_steps.ckpt" in result.stdout
    assert len(json.loads(run("systems", "list", "--json").stdout)) == 13


def test_refusals(run, calls, tmp_path, one_sentence):
    one_sentence(run("bench", "--out", tmp_path, "--model", "no-such"), "'no-such'")
    one_sentence(run("bench", "--out", tmp_path, "--scenes", 0), "--scenes")
    one_sentence(run("bench", "--out", tmp_path, "--suite", "pairs"), "--suite pairs")
    one_sentence(run("bench", tmp_path, "--out", tmp_path), "--suite strangers")


def test_systems_that_cannot_run_are_refused(run, items, tmp_path, one_sentence):
    folder = ("bench", "--suite", "folder", items, "--out", tmp_path / "o")
    one_sentence(run(*folder, "--system", "no-such"), "'no-such'")
    one_sentence(run(*folder, "--weights", "demucs=x"), "--weights demucs=x")
    one_sentence(run(*folder, "--system", "audiosep"), "audiosep_base_4M_steps.ckpt")
    one_sentence(run(*folder, "--no-prompts", "x"), "--no-prompts x")
    one_sentence(run(*folder, "--adapter", "nowhere"), "nowhere: no such adapter")
    one_sentence(run(*folder, "--adapter", "x", "--system", "hpss"), "--system soundsift")


def test_files_that_are_in_the_way_are_refused(run, calls, tmp_path, one_sentence):
    (tmp_path / "file").write_text("mine")
    one_sentence(run("bench", "--out", tmp_path / "file"), str(tmp_path / "file"))
    assert calls == []

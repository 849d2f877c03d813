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
    settings = {"model": "default", "preset": "standard", "scenes": None, "baselines": True}
    assert calls == [("bank", Path("benchmark"), settings | {"overwrite": False})]


def test_options(run, calls, model, tmp_path):
    result = run(
        *("bench", "--bank", "b", "--out", tmp_path, "--model", model, "--preset", "draft"),
        *("--scenes", 5, "--no-baselines", "--json", "--overwrite"),
    )
    assert json.loads(result.stdout) == {"folder": str(tmp_path), "result": {"text": 6.5}}
    settings = {"model": str(model), "preset": "draft", "scenes": 5, "baselines": False}
    assert calls == [("b", tmp_path, settings | {"overwrite": True})]


def test_refusals(run, calls, tmp_path, one_sentence):
    one_sentence(run("bench", "--out", tmp_path, "--model", "no-such"), "'no-such'")
    one_sentence(run("bench", "--out", tmp_path, "--scenes", 3), "--scenes")
    (tmp_path / "file").write_text("mine")
    one_sentence(run("bench", "--out", tmp_path / "file"), str(tmp_path / "file"))
    assert calls == []

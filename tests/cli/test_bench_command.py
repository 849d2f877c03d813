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
    settings |= {"with_baselines": True, "overwrite": False}
    assert calls == [("bank", Path("benchmark"), settings)]


def test_options(run, calls, model, tmp_path):
    result = run(
        *("bench", "--bank", "b", "--out", tmp_path, "--model", model, "--preset", "draft"),
        *("--scenes", 5, "--no-baselines", "--json", "--overwrite", "--suite", "familiar"),
    )
    assert json.loads(result.stdout) == {"folder": str(tmp_path), "result": {"text": 6.5}}
    settings = {"model": str(model), "preset": "draft", "suite": "familiar", "scenes": 5}
    settings |= {"with_baselines": False, "overwrite": True}
    assert calls == [("b", tmp_path, settings)]


def test_pairs_take_a_folder_of_classes(run, monkeypatch, tmp_path):
    made = []

    def run_pairs(folder, model, preset, pairs, progress):
        progress("pairs", 1.0)
        made.append((folder, model, preset, pairs))
        return {"si_sdr": {"mean": 5.0}}

    module = ModuleType("soundsift.evaluation.pairs")
    module.run_pairs, module.PAIRS = run_pairs, 500
    monkeypatch.setitem(sys.modules, module.__name__, module)
    result = run("bench", "--suite", "pairs", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert made == [(tmp_path, "default", "standard", 500)]
    assert json.loads((tmp_path / "out" / "pairs.json").read_text()) == {"si_sdr": {"mean": 5.0}}


def test_refusals(run, calls, tmp_path, one_sentence):
    one_sentence(run("bench", "--out", tmp_path, "--model", "no-such"), "'no-such'")
    one_sentence(run("bench", "--out", tmp_path, "--scenes", 3), "--scenes")
    one_sentence(run("bench", "--out", tmp_path, "--suite", "pairs"), "--suite pairs")
    one_sentence(run("bench", tmp_path, "--out", tmp_path), "--suite pairs")
    (tmp_path / "file").write_text("mine")
    one_sentence(run("bench", "--out", tmp_path / "file"), str(tmp_path / "file"))
    assert calls == []

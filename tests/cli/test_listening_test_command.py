"""`soundsift listening-test`: from results to a report."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("pyloudnorm", reason="the extra `listening` is not installed")

RATE = 16_000


@pytest.fixture
def results(tmp_path) -> list[Path]:
    files = []
    for system, rest in (("ours", 0.1), ("theirs", 0.8)):
        rows = []
        for number in range(3):
            time = np.arange(RATE) / RATE
            low, high = np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 2000 * time)
            for name, sound in (("mixture", low + high), ("target", low + rest * high)):
                soundfile.write(tmp_path / f"{system}-{number}-{name}.wav", 0.2 * sound, RATE)
            row = {"id": str(number), "prompt": "low", "system": system, "scores": {"x": number}}
            row |= {n: f"{system}-{number}-{n}.wav" for n in ("mixture", "target")}
            rows.append(json.dumps(row))
        files.append(tmp_path / f"{system}.jsonl")
        files[-1].write_text("\n".join(rows))
    return files


def answer(test: Path, listeners: int = 4) -> None:
    """Sessions of listeners who prefer "ours" and know the better one of gold items."""
    from soundsift.evaluation.listening_test.answers import Answer, Answers
    from soundsift.evaluation.listening_test.design import AXES
    from soundsift.evaluation.listening_test.folder import TestFolder
    from soundsift.evaluation.listening_test.sessions import Sessions

    folder = TestFolder(test)
    database = Answers(folder.answers)
    sessions = Sessions(folder, database)
    good, fair = dict.fromkeys(AXES, 5), dict.fromkeys(AXES, 3)
    for _ in range(listeners):
        listener = sessions.listener(sessions.begin())
        for position, trial in enumerate(listener.plan):
            first = trial.a in ("ours", "better")
            given = (good, fair, "a") if first else (fair, good, "b")
            assert database.add(Answer(listener.id, trial, *given, 8.0, position))
    database.close()


def test_make_and_analyse(run, results, tmp_path):
    test = tmp_path / "test"
    consent = tmp_path / "consent.txt"
    consent.write_text("I take part.\n")
    made = run(
        *("listening-test", "make", results[0], f"theirs={results[1]}", "--out", test),
        *("--consent", consent, "--comparisons", 3, "--title", "Low tones", "--headphones", "off"),
    )
    assert made.exit_code == 0, made.stderr
    settings = json.loads((test / "test.json").read_text())["settings"]
    assert (settings["consent"], settings["title"]) == ("I take part.", "Low tones")
    answer(test)
    done = run("listening-test", "analyse", test, "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)["result"]
    assert report["listeners"]["kept"] == 4
    assert report["net_win_rate"]["ours"]["value"] == 1.0
    assert report["mean_opinion"]["theirs"]["recall"]["value"] == 3.0
    folder = test / "analysis"
    text = (folder / "report.md").read_text()
    assert "| ours against theirs | 12 | 0 | 100.0 [100.0, 100.0] |" in text
    tables = {path.name: list(csv.DictReader(path.open())) for path in folder.glob("*.csv")}
    assert len(tables) == 8
    assert len(tables["answers.csv"]) == 4 * (2 + 3 + 5 + 1)
    assert {row["choice"] for row in tables["answers.csv"]} == {"ours", "better"}
    lms = tables["webmushra_lms.csv"]
    assert list(lms[0]) == [
        *("session_test_id", "listener", "trial_id", "stimuli_rating", "stimuli", "rating_time")
    ]
    assert len(lms) == 12 * 2 * 4
    pairs = tables["webmushra_paired_comparison.csv"]
    assert {"choice_reference", "choice_non_reference", "choice_answer"} < pairs[0].keys()
    votes = tables["p808_votes_per_worker.csv"]
    assert {"MOS_OVRL", "MOS_RECALL"} < {row["question_type"] for row in votes}
    (clip,) = (r for r in tables["p808_votes_per_clip_overall.csv"] if r["file_url"] == "1/ours")
    assert (clip["n"], float(clip["MOS"]), float(clip["std"])) == ("4", 5.0, 0.0)
    # Not overwritten unasked.
    assert run("listening-test", "analyse", test).exit_code == 2
    assert run("listening-test", "analyse", test, "--overwrite").exit_code == 0


def test_refusals(run, results, tmp_path, one_sentence):
    out = ("--out", tmp_path / "test")
    one_sentence(run("listening-test", "make", results[0], *out), "NAME=FILE")
    one_sentence(run("listening-test", "make", tmp_path / "no.jsonl", *out), "no.jsonl")
    one_sentence(run("listening-test", "make", *results, *out, "--gold-items", 99), "--gold-items")
    one_sentence(run("listening-test", "serve", tmp_path), "no listening test")
    one_sentence(run("listening-test", "analyse", tmp_path), "no listening test")
    assert run("listening-test", "make", *results, *out).exit_code == 0
    one_sentence(run("listening-test", "make", *results, *out), "holds a listening test")
    one_sentence(run("listening-test", "analyse", tmp_path / "test"), "no answers yet")
    wrong = ("--proxy", "everyone")
    one_sentence(run("listening-test", "serve", tmp_path / "test", *wrong), "everyone")

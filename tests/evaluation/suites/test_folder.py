import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsift.errors import SoundsiftError
from soundsift.evaluation.suites.folder import open_suite

RATE = 8000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    target, other = rng.uniform(-0.2, 0.2, (2, RATE, 2))
    for name, wave in {"mix": target + other, "dog": target, "rest": other}.items():
        soundfile.write(tmp_path / f"{name}.wav", wave, RATE, subtype="FLOAT")
    return tmp_path


def write(data: Path, *lines: dict[str, object]) -> Path:
    (data / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return data


def test_an_item_with_answers(data: Path) -> None:
    given = {"id": "a", "mixture": "mix.wav", "text": "dog", "target": "dog.wav"}
    suite = open_suite(write(data, given | {"other": "rest.wav", "spans": [[0, 0.5]]}))
    item = suite.load("a")
    scores = suite.score(item, {"target": item.references["target"]})
    assert scores["si_sdr"] == 100.0
    assert scores["selectivity"] > 100
    half = suite.score(item, {"target": 0.5 * item.references["target"]})
    assert half["sdr"] == pytest.approx(20 * np.log10(2), abs=1e-6)
    assert half["level_db"] == pytest.approx(-20 * np.log10(2), abs=1e-6)
    assert half["near"] == 0.0


def test_an_item_without_answers_has_the_other_scores(data: Path) -> None:
    suite = open_suite(write(data, {"id": "a", "mixture": "mix.wav", "spans": [[0.2, 0.6]]}))
    item = suite.load("a")
    assert set(suite.score(item, {"target": item.mixture})) == {
        "span_iou",
        "span_recall",
        "span_precision",
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"id": "a", "mixture": "mix.wav"}], "line 1: there is no prompt"),
        ([{"id": "a/b", "mixture": "mix.wav", "text": "x"}], "line 1: id"),
        ([{"id": "a", "mixture": "no.wav", "text": "x"}], r"missing .*no\.wav"),
        ([{"id": "a", "mixture": "mix.wav", "text": "x", "txt": 1}], "line 1: txt"),
        ([{"id": "a", "mixture": "mix.wav", "text": "x"}] * 2, "occurs twice"),
        ([], "no items"),
    ],
)
def test_wrong_lines_are_refused(data: Path, lines: list[dict[str, object]], message: str) -> None:
    with pytest.raises(SoundsiftError, match=message):
        open_suite(write(data, *lines))

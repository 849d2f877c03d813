"""The files of a separation: their names, and what is noted beside them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.signals import noise

from soundsift.audio.formats import Output
from soundsift.errors import SoundsiftError
from soundsift.separation.separator import Separator
from soundsift.separation.stem_files import Destination
from soundsift.spans import Span


def test_removing_and_lifting_out_share_a_folder() -> None:
    lifted = Destination(Path("out"), "a", picture=True)
    removed = Destination(Path("out"), "a", ("without",), picture=True)
    rest = Destination(Path("out"), "a-{kind}", ("rest",), picture=True)
    assert not {*lifted.paths.values()} & {*removed.paths.values()}
    assert lifted.paths["picture"].name == "a.png"
    assert removed.paths["picture"].name == "a.without.png"
    assert rest.paths["picture"].name == "a-rest.png"


@pytest.mark.parametrize("stems", [(), "target", ["residuals"]])
def test_stems_that_there_are_not(stems: object) -> None:
    with pytest.raises(SoundsiftError, match="one or more of residual, rest, target, without"):
        Destination(Path("out"), "a", stems)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", " ", "sub/x", "../x", "a\0b"])
def test_names_that_can_be_none(name: str) -> None:
    with pytest.raises(SoundsiftError, match="can't begin a file's name"):
        Destination(Path("out"), name)


def test_clipped_samples_are_counted(separator: Separator, tmp_path: Path) -> None:
    loud = np.clip(20 * noise(1, 16_000), -4, 4)
    soundfile.write(tmp_path / "loud.wav", loud.T, 16_000, subtype="FLOAT")
    beyond = int(np.count_nonzero((np.rint(loud * 2**23) > 2**23 - 1) | (loud < -1)))
    saved = separator.separate_file(
        tmp_path / "loud.wav", tmp_path, text="hiss", output=Output("flac"), preset="draft"
    )
    assert beyond > 1000
    assert json.loads(saved.paths["settings"].read_text())["clipped_samples"] == beyond
    whole = separator.separate(tmp_path / "loud.wav", text="hiss", preset="draft")
    paths = whole.save(tmp_path, "whole", output=Output("flac"))
    assert json.loads(paths["settings"].read_text())["clipped_samples"] == beyond


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_no_utf8(separator: Separator, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    try:
        soundfile.write(os.fsencode(path), noise(1, 16_000).T, 16_000)
    except (OSError, soundfile.LibsndfileError):
        pytest.skip("NOT TESTED: this file system takes no such name")
    saved = separator.separate_file(path, tmp_path, text="hiss", preset="draft")
    noted = json.loads(saved.paths["settings"].read_text(encoding="utf-8"))
    assert noted["input"] == str(path) and saved.paths["target"].is_file()


def test_numbers_of_other_kinds(separator: Separator, tmp_path: Path) -> None:
    """What comes out of an array of spans, or another library's rate."""
    spans = np.array([[0.1, 0.3]], np.float32)
    result = separator.separate(
        noise(1, 16_000),
        sample_rate=np.int64(16_000),  # type: ignore[arg-type]
        spans=[tuple(span) for span in spans],
        not_spans=[Span(0.5, 0.7)],
        seed=np.int64(3),  # type: ignore[arg-type]
        preset="draft",
    )
    result.save(tmp_path, "numbers")
    noted = json.loads((tmp_path / "numbers.json").read_text())
    assert [span["positive"] for span in noted["spans"]] == [True, False]
    assert noted["seed"] == 3


@pytest.mark.parametrize(
    "name",
    [
        "x" * 300,
        "x" * 243,
        "東京" * 60,
        "e\u0301" * 200,
        "{kind} " + "x" * 300,
        "x" * 300 + " {kind}",
        os.fsdecode(b"\xe9" * 300),
    ],
)
def test_long_names_are_shortened(tmp_path: Path, name: str) -> None:
    stems = ("target", "residual")
    destination, other = (
        Destination(tmp_path, part, stems, picture=True) for part in (name, f"{name}y")
    )
    assert destination.is_shortened
    assert not {*destination.paths.values()} & {*other.paths.values()}
    assert len({*destination.paths.values()}) == 4
    assert max(len(os.fsencode(path.name)) for path in destination.paths.values()) in range(
        252, 256
    )
    for path in destination.paths.values():
        path.touch()


@pytest.mark.parametrize("size", [1, 241, 242])
def test_names_that_fit_stay(tmp_path: Path, size: int) -> None:
    destination = Destination(tmp_path, "x" * size)
    assert not destination.is_shortened
    assert destination.paths["residual"].name == "x" * size + ".residual.wav"

"""Ready jobs."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from soundsift.cli import app
from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt
from soundsift.recipes import RECIPES, stem_parts
from tests.signals import noise
from tests.tiny_model import write_tiny_model


def test_stems_are_parts() -> None:
    parts = stem_parts("other, Vocals,drums")
    assert [(part.name, part.text) for part in parts] == [
        ("vocals", "vocals"),
        ("drums", "drums"),
        ("other", None),
    ]
    for wrong in ("", "other", "drums,bass,drums"):
        with pytest.raises(SoundsiftError, match="tem"):
            stem_parts(wrong)


def test_recipes_ask_for_what_they_name() -> None:
    for recipe in RECIPES.values():
        for part in recipe.parts:
            assert Prompt(part.text).text == part.text
        assert len({part.stem for part in recipe.parts}) == 1


def test_stems_and_recipes_write_files_of_their_names(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny")
    song = tmp_path / "song.wav"
    soundfile.write(song, noise(2, 16_000).T, 16_000, subtype="PCM_16")
    whole = soundfile.read(song, dtype="int16")[0]

    def run(*more: str, out: str = "out") -> list[dict[str, object]]:
        asked = ["separate", str(song), "--model", str(model), "--out", str(tmp_path / out)]
        result = CliRunner().invoke(app, [*asked, "--json", *more])
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    names = ("vocals", "drums", "bass", "other")
    for status in ("done", "skipped"):
        found = run("--stems", "vocals,drums,bass,other")
        assert [one["status"] for one in found] == [status] * 4
    sounds = [soundfile.read(tmp_path / "out" / f"song.{n}.wav", dtype="int16")[0] for n in names]
    assert np.array_equal(sum(sounds), whole)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"song.{name}.{kind}" for name in names for kind in ("wav", "json")
    }
    assert [one["status"] for one in run("--recipe", "band")] == ["skipped"] * 4
    (one,) = run("--recipe", "instrumental", out="more")
    assert Path(one["files"]["residual"]).name == "song.instrumental.wav"  # type: ignore[index]
    (one,) = run("--recipe", "voice", out="more")
    assert Path(one["files"]["target"]).name == "song.voice.wav"  # type: ignore[index]


def test_stems_decide_the_prompts(tmp_path: Path) -> None:
    for more in (["--text", "dog"], ["--rest"], ["--recipe", "band"]):
        result = CliRunner().invoke(
            app, ["separate", "a.wav", "--stems", "drums", "--out", str(tmp_path), *more]
        )
        assert result.exit_code == 2 and "can't be combined" in result.stderr

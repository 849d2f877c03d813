"""The scripts for editors, against stand-ins, with the real command and a tiny model."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from tests.editors.audacity import Audacity, Track
from tests.editors.reaper import Reaper
from tests.tiny_model import write_tiny_model
from typer.testing import CliRunner

from soundsift.cli import app
from soundsift.editors.writing import write_script
from soundsift.errors import SoundsiftError

RATE = 22_050


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (2, 2 * RATE))


def load(editor: str, folder: Path, monkeypatch) -> ModuleType:
    """The script as it is written, which runs the command in this process."""
    path = write_script(editor, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, script)
    spec.loader.exec_module(script)
    assert [sys.executable, "-m", "soundsift.cli"] == script.COMMAND

    def run(words, **_):
        assert words[:3] == script.COMMAND
        done = CliRunner().invoke(app, words[3:])
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    monkeypatch.setattr(script.subprocess, "run", run)
    return script


def test_audacity(tmp_path, model, noise, monkeypatch, capsys):
    script = load("audacity", tmp_path, monkeypatch)
    other = Track("other", noise[:1, ::-1])
    audacity = Audacity(
        RATE,
        [other, Track("labels", noise, kind="label"), Track("mix", noise, 0.04, selected=True)],
        (0.5123456789, 1.2345678901),
    )
    thread = audacity.serve(tmp_path / "to", tmp_path / "from")
    pipe = script.Pipe(str(tmp_path / "to"), str(tmp_path / "from"))
    asked = ['ein "Hund"', "man speaking", "--rest", "--model", str(model)]
    assert script.main(asked, pipe) == 0
    pipe.close()
    thread.join(5)
    said = capsys.readouterr().err
    assert "read as 'dog barking' (German)" in said
    names = [track.name for track in audacity.tracks]
    assert names == ["other", "labels", "mix", "dog barking", "man speaking", "rest"]
    stems = audacity.tracks[3:]
    # 0.48 to 1.24 s.
    assert {round(track.start * RATE, 6) for track in stems} == {10_584.0}
    assert {track.samples.shape for track in stems} == {(2, 16_758)}
    offset = 10_584 - round(0.04 * RATE)
    np.testing.assert_allclose(
        sum(track.samples for track in stems), noise[:, offset : offset + 16_758], atol=1e-5
    )
    assert audacity.selection == (0.48, 1.24) and [t.selected for t in audacity.tracks[:3]] == [
        *(False, False, True)
    ]


def test_audacity_without_a_selection(tmp_path, model, noise, monkeypatch, capsys):
    script = load("audacity", tmp_path, monkeypatch)
    audacity = Audacity(RATE, [Track("one", noise[:1]), Track("two", noise[:1] / 2, 0.2)])

    class Direct(script.Pipe):
        def __init__(self):
            self._to, self._from = self, self
            self._lines: list[str] = []

        def write(self, text):
            self._lines = [*audacity.answer(text.strip()).split("\n"), ""]

        def readline(self):
            return self._lines.pop(0) + "\n"

        def flush(self):
            pass

    assert script.main(["rain", "--model", str(model)], Direct()) == 0
    (rain,) = audacity.tracks[2:]
    assert (rain.name, rain.start, rain.samples.shape) == ("rain", 0.0, (1, 48_510))
    audacity.tells_selection = False
    assert script.main(["rain"], Direct()) == 2
    assert "--start and --end" in capsys.readouterr().err
    asked = ["rain", "--start", "1", "--end", "1.5", "--model", str(model)]
    assert script.main(asked, Direct()) == 0
    # 1 to 1.52 s.
    assert (audacity.tracks[3].start, audacity.tracks[3].samples.shape[1]) == (1.0, 11_466)
    audacity.tracks = []
    assert script.main(["rain"], Direct()) == 2
    assert "no sound" in capsys.readouterr().err


def test_audacity_is_not_there(tmp_path, monkeypatch, capsys):
    script = load("audacity", tmp_path, monkeypatch)
    monkeypatch.setattr(script, "_pipes", lambda: (str(tmp_path / "a"), str(tmp_path / "b/c")))
    (tmp_path / "a").touch()
    assert script.main(["rain"]) == 2
    assert "mod-script-pipe" in capsys.readouterr().err


def test_reaper(tmp_path, model, noise, monkeypatch):
    script = load("reaper", tmp_path, monkeypatch)
    script.OPTIONS = ["--model", str(model)]
    source = tmp_path / "street.wav"
    soundfile.write(source, noise.T, RATE, "PCM_24")
    reaper = Reaper(answer="Hund; rain\ny", loop=(10.2, 10.6))
    reaper.add_track("street")
    reaper.add_item(0, source, position=10.0, length=1.0, offset=0.25, rate=1.0)
    script.main(reaper)
    assert reaper.messages == []
    assert [track.name for track in reaper.tracks] == ["street", "dog barking", "rain", "rest"]
    assert reaper.undo == ["begin", "Separate sounds"]
    total = np.zeros_like(noise)
    for track in reaper.tracks[1:]:
        (item,) = track.items
        assert item.place() == reaper.tracks[0].items[0].place()
        samples, rate = soundfile.read(item.source, always_2d=True)
        assert rate == RATE and samples.shape == noise.T.shape
        total += samples.T
    first, last = round(0.45 * RATE), round(0.85 * RATE)
    written = soundfile.read(source)[0].T
    np.testing.assert_allclose(total[:, first:last], written[:, first:last], atol=1e-6)


@pytest.mark.parametrize(
    ("answer", "loop", "items", "message"),
    [
        (None, (0, 0), 1, None),
        (" ;\nn", (0, 0), 1, "No sound is named"),
        ("rain\nn", (0, 0), 0, "No audio item"),
        ("rain\nn", (50, 60), 1, "beside an item"),
        ("music without rain\nn", (0, 0), 1, "negation"),
    ],
)
def test_reaper_refuses(tmp_path, noise, monkeypatch, answer, loop, items, message):
    script = load("reaper", tmp_path, monkeypatch)
    source = tmp_path / "street.wav"
    soundfile.write(source, noise.T, RATE)
    reaper = Reaper(answer, loop)
    reaper.add_track("street")
    for _ in range(items):
        reaper.add_item(0, source, position=10.0, length=1.0, offset=0.0, rate=1.0)
    script.main(reaper)
    assert [track.name for track in reaper.tracks] == ["street"]
    assert (reaper.messages == []) if message is None else (message in reaper.messages[0])


def test_command(tmp_path):
    done = CliRunner().invoke(app, ["editors", "reaper", "--output", str(tmp_path / "scripts")])
    assert done.exit_code == 0 and done.stdout == f"{tmp_path}/scripts/soundsift_reaper.py\n"
    with pytest.raises(SoundsiftError, match="soundsift_reaper"):
        write_script("reaper", tmp_path / "scripts")

"""Every request that can't be met: exit code 2, one sentence, nothing written."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import soundsift

RATE = 16_000
STEMS = ("street.dog.target.wav", "street.dog.residual.wav", "street.dog.json")


@pytest.fixture(autouse=True)
def never_loads(monkeypatch):
    """All of this is found out before the model is loaded."""

    def load(*_: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(soundsift, "load", load)


@pytest.fixture
def out(tmp_path):
    """An output folder with something in it, which must stay as it is."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    yield folder
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    assert (folder / "mine.txt").read_text() == "mine"


def tone(samples: int = RATE) -> np.ndarray:
    return (0.3 * np.sin(np.arange(samples) / 5)).astype(np.float32)


def not_a_number(path: Path) -> None:
    wave = tone()
    wave[RATE // 2] = np.nan
    soundfile.write(path, wave, RATE, subtype="FLOAT")


def infinite(path: Path) -> None:
    wave = tone()
    wave[10] = np.inf
    soundfile.write(path, wave, RATE, subtype="FLOAT")


def truncated(path: Path) -> None:
    soundfile.write(path, tone(), RATE)
    path.write_bytes(path.read_bytes()[:8000])


FILES = {
    "NaN": (not_a_number, "NaN", "0.500 s"),
    "infinite": (infinite, "infinite", "0.001 s"),
    "silent": (lambda path: soundfile.write(path, np.zeros(RATE), RATE), "silent"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "no samples": (lambda path: soundfile.write(path, np.zeros(0), RATE), "no samples"),
    "one sample": (lambda path: soundfile.write(path, [0.5], RATE), "1 sample ", "0.04 s"),
    "truncated": (truncated, "truncated", "1.00 s"),
    "text": (lambda path: path.write_text("no sound at all\n" * 99), "audio or video"),
    "picture": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)), "audio"),
    "header only": (lambda path: path.write_bytes(b"RIFF"), "audio or video"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "missing": (lambda path: None, "does not exist"),
    "pipe": (lambda path: os.mkfifo(path), "device or a pipe"),
}


@pytest.mark.parametrize("command", ["separate", "remove"])
@pytest.mark.parametrize("case", FILES)
def test_recordings(command, case, run, tmp_path, out, one_sentence):
    make, *words = FILES[case]
    path = tmp_path / "street.wav"
    make(path)
    one_sentence(run(command, path, "--text", "dog", "--out", out), str(path), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--span", "0.5-1.5"], ["0.5-1.5", "outside", "1 s"]),
        (["--span", "7-8"], ["7-8", "outside", "1 s"]),
        (["--not-span", "7-8", "--text", "dog"], ["7-8", "outside"]),
        (["--span", "0.5-0.2"], ["0.5-0.2", "ends before", "0.2-0.5"]),
        (["--not-span", "0.5-0.2", "--text", "dog"], ["0.5-0.2", "ends before"]),
        (["--span", "0.5-0.5"], ["0.5-0.5", "empty"]),
        (["--span", "-1-0.5"], ["-1", "0"]),
        (["--span", "soon"], ["'soon'", "1.2-2.5"]),
        (["--span", "0.1"], ["'0.1'", "1.2-2.5"]),
        (["--span", ""], ["''", "1.2-2.5"]),
        (["--span", "nan-1"], ["'nan-1'"]),
        ([], ["prompt is empty", "dog barking"]),
        (["--text", ""], ["prompt is empty"]),
        (["--text", " \n\t"], ["prompt is empty"]),
        (["--text", "?!"], ["'?!'", "no word"]),
        (["--text", "a" * 201], ["201", "200"]),
        (["--text", "dog", "--name", "a/b"], ["--name", "'a/b'"]),
        (["--text", "dog", "--name", ""], ["--name", "''"]),
        (["--text", "dog", "--name", ".."], ["--name", "'..'"]),
        (["--text", "dog", "--model", "no-such-model"], ["'no-such-model'"]),
        (["--text", "dog", "--preset", "fast"], ["--preset", "'fast'", "standard"]),
        (["--text", "dog", "--seed", "many"], ["--seed", "'many'"]),
        (["--text", "dog", "--seed", "-1"], ["--seed", "'-1'"]),
        (["--text", "dog", "--txt", "dog"], ["--txt"]),
        (["--text"], ["--text"]),
        (["--text", "dog", "too.wav"], ["too.wav"]),
    ],
)
def test_arguments(arguments, words, run, mix, out, one_sentence):
    one_sentence(run("separate", mix, "--out", out, *arguments), *words)


def test_missing_arguments(run, mix, one_sentence):
    one_sentence(run("separate", "--text", "dog", "--out", "out"), "MIX")
    one_sentence(run("separate", mix, "--text", "dog"), "--out")


def test_unknown_command(run, one_sentence):
    one_sentence(run("seperate"), "seperate")


@pytest.mark.parametrize("below", [".", "a/b"])
def test_output_folder_is_a_file(below, run, mix, tmp_path, one_sentence):
    file = tmp_path / "out"
    file.write_text("mine")
    one_sentence(run("separate", mix, "--text", "dog", "--out", file / below), str(file), "folder")
    assert file.read_text() == "mine"


def test_output_folder_without_permission(run, mix, out, one_sentence):
    if os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    out.chmod(0o500)
    try:
        one_sentence(run("separate", mix, "--text", "dog", "--out", out), str(out), "permission")
        one_sentence(run("separate", mix, "--text", "dog", "--out", out / "new"), str(out))
    finally:
        out.chmod(0o700)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_output_folder_that_takes_no_files(run, mix, one_sentence):
    # Its permissions look fine to the superuser.
    one_sentence(run("separate", mix, "--text", "dog", "--out", "/proc/stems"), "/proc/stems")


@pytest.mark.parametrize("name", [*STEMS, "street.dog.png"])
def test_existing_files(name, run, mix, tmp_path, one_sentence):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    result = run("separate", mix, "--text", "dog", "--out", out, "--picture")
    one_sentence(result, str(out / name), "exists already", "--overwrite")
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == "mine"


def test_an_existing_file_is_found_before_the_recording_is_read(run, tmp_path, one_sentence):
    out = tmp_path / "out"
    out.mkdir()
    (out / "street.dog.json").write_text("mine")
    result = run("separate", tmp_path / "street.wav", "--text", "dog", "--out", out)
    one_sentence(result, "street.dog.json", "exists already")


def test_the_recording_itself_is_never_replaced(run, mix, tmp_path, one_sentence):
    path = mix.rename(tmp_path / "a.target.wav")
    before = path.read_bytes()
    result = run(
        *("separate", path, "--name", "a", "--text", "dog", "--out", tmp_path, "--overwrite")
    )
    one_sentence(result, str(path), "itself")
    assert path.read_bytes() == before


def test_a_line_break_in_a_name_breaks_no_line(run, tmp_path, out, one_sentence):
    one_sentence(run("separate", tmp_path / "a\nb.wav", "--text", "dog", "--out", out), "b.wav")


def test_as_a_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "soundsift.cli", "separate", "no.wav", "--text=dog", "--out=out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "no.wav does not exist. Name an audio or video file.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_model(run, mix, out, model, tmp_path, monkeypatch, one_sentence):
    monkeypatch.undo()
    damaged = tmp_path / "model"
    damaged.mkdir()
    command = ("separate", mix, "--text", "dog", "--out", out, "--model", damaged)
    one_sentence(run(*command), str(damaged), "config.yaml")
    (damaged / "config.yaml").write_text("name: [")
    one_sentence(run(*command), str(damaged))
    (damaged / "config.yaml").write_bytes((model / "config.yaml").read_bytes())
    one_sentence(run(*command), str(damaged), "model.safetensors")
    (damaged / "model.safetensors").write_bytes(b"no weights")
    one_sentence(run(*command), str(damaged), "model.safetensors")

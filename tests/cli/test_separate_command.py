"""`soundsift separate` and `soundsift remove` on recordings that are all right."""

import json

import numpy as np
import pytest
import soundfile

import soundsift
from soundsift.cli.reports import NEARLY_SILENT_DB, _level

RATE = 16_000
NAME = "street.dog-barking"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_separate_writes_two_stems_that_add_up(run, mix, model, tmp_path):
    out = tmp_path / "new" / "stems"
    result = run("separate", mix, "--text", "dog barking", "--model", model, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert names(out) == [
        f"street.dog-barking.{kind}" for kind in ("json", "residual.wav", "target.wav")
    ]
    whole, target, residual = (
        soundfile.read(path, dtype="int16")
        for path in (mix, out / f"{NAME}.target.wav", out / f"{NAME}.residual.wav")
    )
    assert {rate for _, rate in (whole, target, residual)} == {RATE}
    np.testing.assert_array_equal(target[0] + residual[0], whole[0])
    first, *files, last = result.stdout.splitlines()
    assert first.startswith(f"Lifted 'dog barking' from {mix} (1.00 s, 16000 Hz, stereo) in ")
    assert [line.split() for line in files] == [
        ["target", str(out / f"{NAME}.target.wav")],
        ["residual", str(out / f"{NAME}.residual.wav")],
        ["settings", str(out / f"{NAME}.json")],
    ]
    assert "The target is " in last


def test_long_names_are_shortened_with_a_notice(run, mix, model, tmp_path):
    long = mix.rename(mix.with_name("n" * 251 + ".wav"))
    asked = ("separate", long, "--text", "dog", "--model", model, "--out", tmp_path / "out")
    result = run(*asked)
    assert result.exit_code == 0, result.stderr
    assert "The name was shortened" in result.stdout
    assert {len(name) for name in names(tmp_path / "out")} == {255, 253, 247}
    assert "is done already" in run(*asked).stdout
    asked = ("--text", "cat", "--model", model, "--name", "{kind} {stem}")
    run("separate", long, *asked, "--out", tmp_path / "kinds")
    kinds = [name.split()[0] for name in names(tmp_path / "kinds")]
    assert kinds == ["residual", "settings", "target"]


def test_several_sounds_get_files_of_their_own(run, mix, model, tmp_path):
    asked = ("--text", "dog barking", "--text", "Rain", "--windowing", "chunks", "--window", "0.6")
    result = run("separate", mix, *asked, "--model", model, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert names(tmp_path / "out") == [
        f"street.{phrase}.{kind}"
        for phrase in ("dog-barking", "rain")
        for kind in ("json", "residual.wav", "target.wav")
    ]
    settings = json.loads((tmp_path / "out" / "street.rain.json").read_text())
    request = settings["request"]
    assert settings["text"] == "rain"
    assert (request["windowing"], request["window"]) == ("chunks", 0.6)
    assert request["overlap"] is None


def test_json_is_one_line_with_paths_and_settings(run, mix, model, tmp_path):
    result = run(
        *("separate", mix, "--text", "Dog  Barking", "--model", model, "--out", tmp_path / "out"),
        *("--name", "mine", "--seed", 7, "--preset", "draft", "--picture", "--json"),
    )
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 1
    facts = json.loads(result.stdout)
    assert facts["files"] == {
        "target": str(tmp_path / "out" / "mine.target.wav"),
        "residual": str(tmp_path / "out" / "mine.residual.wav"),
        "settings": str(tmp_path / "out" / "mine.json"),
        "picture": str(tmp_path / "out" / "mine.png"),
    }
    assert names(tmp_path / "out") == sorted(
        ["mine.json", "mine.png", "mine.residual.wav", "mine.target.wav"]
    )
    assert facts["sample_rate"] == RATE
    assert facts["nearly_silent"] is (facts["target_level_db"] < NEARLY_SILENT_DB)
    settings = facts["settings"]
    assert (settings["text"], settings["seed"], settings["preset"]) == ("dog barking", 7, "draft")
    written = json.loads((tmp_path / "out" / "mine.json").read_text())
    assert written["seed"] == 7 and written["input"] == str(mix)


def test_remove_writes_the_recording_without_the_sound(run, mix, model, tmp_path):
    common = (mix, "--span", "0.2-0.5", "--model", model, "--json", "--out")
    removed = run("remove", *common, tmp_path / "a")
    separated = run("separate", *common, tmp_path / "b")
    assert removed.exit_code == separated.exit_code == 0, removed.stderr
    assert names(tmp_path / "a") == ["street.span.without.json", "street.span.without.wav"]
    without = (tmp_path / "a" / "street.span.without.wav").read_bytes()
    assert without == (tmp_path / "b" / "street.span.residual.wav").read_bytes()
    assert set(json.loads(removed.stdout)["files"]) == {"without", "settings"}


def test_remove_says_so(run, mix, model, tmp_path):
    result = run("remove", mix, "--span", "0.2-0.5", "--model", model, "--out", tmp_path / "a")
    assert result.stdout.startswith("Removed the sound marked +0.2-0.5 from ")


def test_spans_keep_the_order_of_the_command_line(run, mix, model, tmp_path):
    result = run(
        *("separate", mix, "--model", model, "--out", tmp_path / "out", "--json"),
        *("--not-span", "0-0.5", "--span", "0.2-0.6", "--not-span=0.3..0.4", "--span=0.7-1"),
    )
    assert result.exit_code == 0, result.stderr
    spans = json.loads(result.stdout)["settings"]["spans"]
    assert [(s["start"], s["end"], s["positive"]) for s in spans] == [
        (0, 0.5, False),
        (0.2, 0.6, True),
        (0.3, 0.4, False),
        (0.7, 1, True),
    ]


def test_overwrite_and_the_same_bytes_again(run, mix, model, tmp_path):
    command = ("separate", mix, "--text", "dog", "--model", model, "--out", tmp_path, "--picture")
    assert run(*command).exit_code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert run(*command, "--overwrite").exit_code == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_interruption(run, mix, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(soundsift, "load", interrupted)
    result = run("separate", mix, "--text", "dog", "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted.\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (-200.0, "The target is silent."),
        (-45.25, "45.2 dB below the mixture."),
        (-6.0, "6.0 dB below the mixture."),
        (1.5, "1.5 dB above the mixture."),
    ],
)
def test_level_in_words(level, words):
    assert words in _level(level)

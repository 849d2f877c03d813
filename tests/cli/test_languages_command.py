"""Prompts in other languages on the command line, and `soundsift languages`."""

import json

import soundfile
from tests.tiny_hearing import write_tiny_hearing


def test_separate_says_what_was_read(run, mix, model, tmp_path):
    out = tmp_path / "out"
    asked = ("separate", mix, "--model", model, "--out", out, "--json", "--preset", "draft")
    result = run(*asked, "--text", "Der bellende Hund", "--text", "rain")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == "'der bellende hund' was read as 'dog barking' (German).\n"
    dog, rain = map(json.loads, result.stdout.splitlines())
    assert dog["files"]["target"] == str(out / "street.dog-barking.target.wav")
    assert dog["settings"]["translation"]["typed"] == "der bellende hund"
    assert "translation" not in rain["settings"]
    english = run(*asked, "--text", "wind", "--name", "english")
    german = run(*asked, "--text", "wind", "--language", "de", "--name", "german")
    assert json.loads(english.stdout)["settings"]["text"] == "wind"
    assert json.loads(german.stdout)["settings"]["text"] == "wind blowing"


def test_job_lists_have_languages(run, mix, model, tmp_path):
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text('{"input": "street.wav", "text": "mare", "language": "it"}\n')
    result = run("remove", "--jobs-file", jobs, "--model", model, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out" / "street.ocean-waves.without.wav").exists()
    jobs.write_text('{"input": "street.wav", "text": "mare", "language": "xx"}\n')
    result = run("remove", "--jobs-file", jobs, "--model", model, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "language" in result.stderr


def test_listen(run, mix, tmp_path, monkeypatch):
    folder = write_tiny_hearing(tmp_path / "hearing", 4.0)
    monkeypatch.setattr("soundsift.listening.default_folder", lambda: folder)
    result = run("listen", mix, "--text", "雨", "--json")
    assert json.loads(result.stdout)["text"] == "rain"
    assert "'雨' was read as 'rain' (Chinese)." in result.stderr


def test_edit_keeps_what_was_typed(run, mix, model, tmp_path):
    session = tmp_path / "edit.json"
    run("edit", "start", mix, session, "--model", model, "--preset", "draft")
    result = run("edit", "remove", session, "--text", "cane", "--language", "it")
    assert result.stdout.endswith("turn 1, remove dog barking\n")
    assert "'cane' was read as 'dog barking' (Italian)." in result.stderr
    assert json.loads(session.read_text())["turns"][0]["language"] == "it"
    rendered = run("edit", "render", session, "--out", tmp_path / "edited")
    assert rendered.exit_code == 0, rendered.stderr
    assert soundfile.info(rendered.stdout.strip()).frames == soundfile.info(mix).frames


def test_languages(run):
    listed = run("languages").stdout.splitlines()
    assert len(listed) == 17 and any(line.startswith("de  German") for line in listed)
    assert "dog barking: Hund, " in run("languages", "de").stdout
    assert json.loads(run("languages", "fr", "--json").stdout)["dog barking"][0] == "chien"
    assert run("languages", "xx").exit_code == 2

"""Inputs, names, job lists, files that appear together."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from soundsift.audio.formats import Output
from soundsift.batch.fingerprint import of_model
from soundsift.batch.inputs import find_recordings
from soundsift.batch.jobs_file import read_jobs
from soundsift.batch.planner import Job, RecordingJob, make_plan
from soundsift.batch.runner import failed
from soundsift.batch.templates import check_template, fill, split_suffix
from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt
from soundsift.separation.file_names import slug
from soundsift.separation.options import Options

FACTS = {"text": "Dog, barking!", "model": "default", "preset": "draft", "seed": "3"}


def job(out: Path, recording: str) -> Job:
    path, prompt, options = Path(recording), Prompt("dog"), Options()
    return Job(1, path, prompt, options, out, path.stem, ("target",), Output(), False, "m", "id")


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_folders_patterns_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "in/b.wav", "in/a.MP3", "in/.hidden.wav", "in/notes.txt", "in/deep/c.flac")
    touch(tmp_path, "in/.cache/d.wav", "in/out/e.wav", "[1].wav", "odd.name")

    def found(*named: str) -> list[str]:
        return [str(p) for p in find_recordings(named, Path("in/out"))]

    inside = ["in/a.MP3", "in/b.wav", "in/deep/c.flac"]
    assert found("in") == inside
    assert found("in/*.wav") == ["in/b.wav"]
    assert found("in/**/*.[fm]*") == ["in/deep/c.flac"]
    assert found("in/b.wav", "in", "./in/b.wav") == ["in/b.wav", "in/a.MP3", "in/deep/c.flac"]
    # Named ones are taken as they are, even if they are not there: reading them says so.
    assert found("[1].wav", "odd.name", "gone.wav") == ["[1].wav", "odd.name", "gone.wav"]
    for nothing in ("*.ogg", "in/.cache/*.mp3"):
        with pytest.raises(SoundsiftError, match="nothing matches"):
            found(nothing)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SoundsiftError, match="without recordings"):
        found("empty")


def test_results_are_no_recordings(tmp_path):
    touch(tmp_path, "a.wav", "a.target.wav", "b.target.wav")
    settings = {"soundsift": "0", "files": {"target": "a.target.wav"}}
    (tmp_path / "a.json").write_text(json.dumps(settings))
    (tmp_path / "other.json").write_text("[1]")
    found = find_recordings([str(tmp_path)], tmp_path)
    assert [p.name for p in found] == ["a.wav", "b.target.wav"]


def names(*named: object, out: Path) -> list[str]:
    return [path.name for path in find_recordings(map(str, named), out)]


def test_patterns_leave_out_what_they_led_to(tmp_path):
    """The output folder, settings files, and folders that hold nothing but results."""
    takes, out = tmp_path / "takes", tmp_path / "takes" / "stems"
    touch(takes, "a.wav", "stems/odd.wav", "old/b.target.wav", "empty/.hidden", "deep/c.wav")
    settings = {"soundsift": "0", "files": {"target": "b.target.wav", "odd": [1]}}
    for folder in (out, takes / "old", takes):
        (folder / "b.json").write_text(json.dumps(settings))
    assert names(takes / "*", out=out) == ["a.wav", "c.wav"]
    assert names(takes / "**", out=tmp_path / "out") == ["a.wav", "c.wav", "odd.wav"]
    for nothing in (takes / "[so]*", takes / "e*", takes / "*.json"):
        with pytest.raises(SoundsiftError, match=r"nothing but results .* matches the pattern"):
            names(nothing, out=out)


def test_an_output_folder_named_beside_recordings(tmp_path):
    """As by a shell that expands "takes/*"."""
    takes, out = tmp_path / "takes", tmp_path / "takes" / "stems"
    touch(takes, "a.wav", "b.wav", "stems/left.wav")
    assert names(takes / "a.wav", out, takes / "b.wav", out=out) == ["a.wav", "b.wav"]
    # Who names nothing else wants it searched.
    assert names(out, out=out) == ["left.wav"]
    assert names(takes, takes / "b.wav", out=takes) == ["a.wav", "b.wav", "left.wav"]
    # It is no folder yet, and was meant as a recording.
    assert names(takes / "a.wav", takes / "gone", out=takes / "gone") == ["a.wav", "gone"]


def test_links_to_nothing_are_left_out(tmp_path):
    touch(tmp_path, "a.wav")
    for name in ("gone.wav", "round.wav"):
        (tmp_path / name).symlink_to(name if name == "round.wav" else "nowhere")
    for named in (tmp_path, tmp_path / "*.wav"):
        assert names(named, out=tmp_path) == ["a.wav"]


def test_a_model_is_known_by_all_its_files(tmp_path):
    model = tmp_path / "model"
    touch(model, "config.yaml", "model.safetensors", ".cache/x")
    flat = of_model(model)
    # As in settings files that versions before wrote.
    assert flat == "11e9d30a7d4d741f30068ff20efc769c"
    touch(model, "text_encoder/tokens.json", "text_encoder/.lock")
    nested = of_model(model)
    (model / "text_encoder" / "tokens.json").write_bytes(b"y")
    changed = of_model(model)
    (model / "text_encoder" / "tokens.json").rename(model / "text_encoder" / "other.json")
    assert len({flat, nested, changed, of_model(model)}) == 4
    # Elsewhere and by links it is the same; one that leads back is not followed for ever.
    now = of_model(model)
    (tmp_path / "linked").mkdir()
    for path in model.iterdir():
        (tmp_path / "linked" / path.name).symlink_to(path)
    assert of_model(tmp_path / "linked") == now
    (model / "text_encoder" / "back").symlink_to(model)
    assert of_model(model) == now
    assert of_model(tmp_path / "gone") == of_model(tmp_path / "none")


def test_reasons_name_the_recording(tmp_path):
    alone = job(tmp_path, "a.wav")
    for reason in ("span 3-4 lies outside.", "a.wav: span 3-4 lies outside."):
        (outcome,) = failed(RecordingJob((alone,)), reason)
        assert outcome.error == "a.wav: span 3-4 lies outside."
    listed = replace(alone, where="jobs.jsonl, line 3")
    (outcome,) = failed(RecordingJob((listed,)), "span 3-4 lies outside.")
    assert outcome.error == "jobs.jsonl, line 3: a.wav: span 3-4 lies outside."


def test_a_recording_that_no_file_can_be(tmp_path):
    touch(tmp_path, "b.target.wav")
    with pytest.raises(SoundsiftError, match=r"b\.target\.wav"):
        make_plan([RecordingJob((job(tmp_path, "a\0/b.wav"),))])


def test_kinds_that_are_no_field(tmp_path):
    """In the name of a recording, and in doubled braces."""

    def made(template: str, recording: str) -> list[str]:
        check_template(template)
        name = fill(template, Path(recording), 1, 1, FACTS)
        return [p.name for p in replace(job(tmp_path, recording), name=name).paths.values()]

    assert made("{stem}", "x{kind}y.wav") == ["x{kind}y.target.wav", "x{kind}y.json"]
    assert made("{{kind}}", "a.wav") == ["{kind}.target.wav", "{kind}.json"]
    assert made("{stem}{kind}", "{kind}.wav") == ["{kind}target.wav", "{kind}settings.json"]
    assert made("{stem}{kind}}}", "{kind.wav") == ["{kindtarget}.wav", "{kindsettings}.json"]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{stem}_{text}", "my take_dog-barking"),
        ("{index}-{parent}-{ext}", "007-day 1-wav"),
        ("{model}.{seed}.{preset}", "default.3.draft"),
        ("{kind} of {stem}", "{kind} of my take"),
        ("{{x}}", "{x}"),
    ],
)
def test_templates(template, name):
    check_template(template)
    assert fill(template, Path("/x/day 1/my take.wav"), 7, 120, FACTS) == name


@pytest.mark.parametrize("template", ["{stm}", "{stem", "{}", "{stem!r}", "{index:9}", "a/{stem}"])
def test_bad_templates(template):
    with pytest.raises(SoundsiftError, match="--name"):
        check_template(template)


def test_slugs_and_suffixes():
    assert slug("Größe ñ 東京 -- (2)") == "größe-ñ-東京-2"
    assert len(slug("word " * 40)) <= 60
    assert split_suffix("{stem}.flac") == ("{stem}", "flac")
    assert split_suffix("clean.MP4") == ("clean", "video")
    assert split_suffix("take 1.5") == ("take 1.5", None)
    assert split_suffix(".wav") == (".wav", None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", ["line 2", "JSON"]),
        ("[1]", ["line 2", "object"]),
        ('{"input": "a.wav", "input": "b.wav"}', ["line 2", "twice"]),
        ('{"input": ' + "[" * 9999, ["line 2", "can't be read", '"dog barking"}.']),
        ('{"input": "a\\u0000.wav"}', ["line 2", 'input is "a\\u0000.wav"', "path"]),
        ('{"text": "dog"}', ["line 2", "'input'"]),
        ('{"input": "a.wav", "txt": "dog"}', ["line 2", "'txt'", "text"]),
        ('{"input": "a.wav", "seed": "1"}', ["line 2", 'seed is "1"', "whole number"]),
        ('{"input": "a.wav", "seed": true}', ["line 2", "seed is true"]),
        ('{"input": "a.wav", "seed": -1}', ["line 2", "seed is -1"]),
        ('{"input": "a.wav", "spans": [[1]]}', ["line 2", "spans is [[1]]"]),
        ('{"input": "a.wav", "spans": "1-2"}', ["line 2", "spans"]),
        ('{"input": "a.wav", "preset": "fast"}', ["line 2", '"fast"', "standard"]),
    ],
)
def test_job_lists_are_strict(tmp_path, line, words):
    path = tmp_path / "jobs.jsonl"
    path.write_text('{"input": "a.wav", "text": "ok"}\n' + line + "\n")
    with pytest.raises(SoundsiftError) as caught:
        read_jobs(path)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    for word in words:
        assert word in message


def test_job_lists(tmp_path):
    path = tmp_path / "jobs.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"input": "a.wav", "spans": ["1-2", [3, 4.5]]}\r\n\n{"input": "b"}'
    )
    (first, job), (second, _) = read_jobs(path)
    assert first.endswith("line 1") and second.endswith("line 3")
    assert job.spans == ["1-2", [3, 4.5]]
    for content, words in ((b"\n", "empty"), (b"\xff\xfe", "UTF-8")):
        path.write_bytes(content)
        with pytest.raises(SoundsiftError, match=words):
            read_jobs(path)
    with pytest.raises(SoundsiftError, match="No such file"):
        read_jobs(tmp_path / "none")

"""From options to jobs: what is asked, and by what a result is known."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from soundsift.batch.planner import Job
from soundsift.batch.runner import run_job
from soundsift.cli.requests import Request, make_recording_jobs
from soundsift.errors import SoundsiftError
from soundsift.separation.options import Options
from soundsift.video import Box


@pytest.fixture
def request_(model: Path, mix: Path, tmp_path: Path) -> Request:
    return Request(
        mix=(str(mix),),
        jobs_file=None,
        texts=("dog",),
        heard=(),
        not_heard=(),
        span_order=(),
        out=tmp_path / "out",
        name=None,
        format=None,
        bits=None,
        bitrate=None,
        options=Options(preset="draft"),
        model=str(model),
        device="cpu",
        precision="auto",
        boxes=(),
        masks=None,
        stems=("target",),
        picture=False,
        overwrite=False,
    )


def jobs(request: Request) -> list[Job]:
    return [job for one in make_recording_jobs(request) for job in one.jobs]


def test_another_precision_is_another_request(request_: Request) -> None:
    (job,) = jobs(request_)
    asked = {p: jobs(replace(request_, precision=p))[0].request for p in ("auto", "bfloat16")}
    assert asked["auto"] == job.request != asked["bfloat16"]


def test_another_packaged_network_is_another_request(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results that another hearing network or judge has made are not kept."""
    folders = {name: tmp_path / name for name in ("hearing", "judge")}
    for name, folder in folders.items():
        folder.mkdir()
        (folder / "model.safetensors").write_text("first")
        monkeypatch.setattr(f"soundsift.batch.fingerprint.packaged_{name}", lambda f=folder: f)
    monkeypatch.setattr("soundsift.checkpoints.load.default_folder", lambda: folders["hearing"])
    rated = replace(request_, options=Options(preset="draft", judge=True))

    def asked() -> list[object]:
        return [jobs(one)[0].request["model"] for one in (request_, rated)]

    first = asked()
    assert asked() == first
    (folders["judge"] / "model.safetensors").write_text("second")
    second = asked()
    assert second[0] == first[0]
    assert second[1] != first[1]
    (folders["hearing"] / "model.safetensors").write_text("second")
    third = asked()
    assert third[0] != second[0]
    assert third[1] != second[1]
    # A model that brings its own hearing network does not use the packaged one.
    own = tmp_path / "own"
    shutil.copytree(request_.model, own)
    shutil.copytree(folders["hearing"], own / "hearing")
    with_own = jobs(replace(request_, model=str(own)))[0].request["model"]
    (folders["hearing"] / "model.safetensors").write_text("third")
    assert jobs(replace(request_, model=str(own)))[0].request["model"] == with_own
    (own / "hearing" / "model.safetensors").write_text("third")
    assert jobs(replace(request_, model=str(own)))[0].request["model"] != with_own


def test_the_region_of_the_command_line(request_: Request, tmp_path: Path) -> None:
    looking = replace(request_, texts=("dog", "car"), boxes=("0.1,0.2,0.3,0.4",))
    found = jobs(looking)
    assert len(found) == 2
    lines = [{"input": request_.mix[0], "text": "cat"}, {"input": request_.mix[0]}]
    (tmp_path / "jobs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    listed = replace(looking, mix=(), texts=(), jobs_file=tmp_path / "jobs.jsonl")
    found += jobs(listed)
    for job, text in zip(found, ("dog", "car", "cat", None), strict=True):
        assert job.prompt.text == text and job.prompt.visual is not None
        assert job.prompt.visual.boxes == (Box.parse("0.1,0.2,0.3,0.4"),)
    with pytest.raises(SoundsiftError, match="line 2: The prompt is empty"):
        jobs(replace(listed, boxes=()))


def test_a_name_with_the_suffix_of_another_container(request_: Request) -> None:
    film = replace(request_, mix=("film.mp4",), name="{stem}.MP4")
    (job,) = jobs(film)
    assert job.paths["target"].name == "film.target.mp4"
    with pytest.raises(SoundsiftError, match=r"asks for \.webm, but .*film\.mp4 is \.mp4"):
        jobs(replace(film, name="{stem}.webm"))


def test_every_option_reaches_the_separator(request_: Request) -> None:
    options = Options("best", 7, True, "chunks", 4.0, 0.5, True, 2, True, 1.0, 2.0, 6.0)
    usual = asdict(Options())
    assert all(value != usual[name] for name, value in asdict(options).items())
    (one,) = make_recording_jobs(replace(request_, options=options))
    given: list[dict[str, Any]] = []

    class Spy:
        def separate_into(self, *_: object, **words: Any) -> None:
            given.append(words)
            raise SoundsiftError("seen")

    (outcome,) = run_job(one, Spy, lambda _: None)  # type: ignore[arg-type]
    assert outcome.error == f"{one.recording}: seen"
    assert given[0].items() >= asdict(options).items()
    assert one.jobs[0].request.items() >= asdict(options).items()


def test_several_sounds_are_one_pass(request_: Request) -> None:
    both = replace(request_, texts=("dog", "car"))
    (one,) = make_recording_jobs(both)
    assert [job.name for job in one.jobs] == ["street.dog", "street.car"]
    assert not one.exclusive and one.jobs[0].request == jobs(request_)[0].request
    (one,) = make_recording_jobs(replace(both, rest=True))
    assert one.exclusive and [job.index for job in one.jobs] == [1, 2, 3]
    *sounds, rest = one.jobs
    assert rest.prompt is None
    assert [path.name for path in rest.paths.values()] == ["street.rest.wav", "street.rest.json"]
    assert [p.text for p in sounds[0].sharing] == ["dog", "car"] and len(one.jobs) == 3
    named = make_recording_jobs(replace(both, rest=True, name="{index}_{text}"))[0].jobs
    assert [job.name for job in named] == ["1_dog", "2_car", "3_dog-car"]


def test_several_sounds_of_a_job_list(request_: Request, tmp_path: Path) -> None:
    lines = [
        {"input": "a.wav", "text": ["cat", "cow"], "rest": True, "spans": ["1-2"]},
        {"input": "b.wav", "exclusive": False},
        {"input": "c.wav", "text": "cat", "rest": False},
    ]
    (tmp_path / "jobs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    listed = replace(request_, mix=(), jobs_file=tmp_path / "jobs.jsonl", exclusive=True)
    first, second, third = make_recording_jobs(replace(listed, texts=("dog", "car")))
    assert [job.name for job in first.jobs] == ["a.cat", "a.cow", "a"]
    assert all(p.spans for p in first.jobs[-1].sharing)
    assert [job.name for job in second.jobs] == ["b.dog", "b.car"]
    assert (first.exclusive, second.exclusive, third.exclusive) == (True, False, True)


def test_clicks_are_one_visual_prompt_for_all_phrases(request_: Request) -> None:
    clicked = replace(
        request_, texts=("dog", "cat"), points=("3,320,180", "4,5,6,-"), segmenter="sam2"
    )
    visual = {job.prompt.visual for job in jobs(clicked) if job.prompt is not None}
    (one,) = visual
    assert one is not None and one.described() == "3,320,180,+ 4,5,6,- by sam2"
    assert jobs(clicked)[0].request["visual"] == one.described()


def test_results_of_a_click_without_a_phrase_are_named_after_the_object(request_: Request) -> None:
    clicked = replace(request_, points=("3,320,180",))
    assert [job.name for job in jobs(replace(clicked, texts=()))] == ["street.object"]
    assert [job.name for job in jobs(replace(clicked, texts=("dog",)))] == ["street.dog"]


def test_lines_of_a_job_list_may_click(request_: Request, tmp_path: Path) -> None:
    lines = [
        {"input": "a.mp4", "text": "dog", "points": ["3,320,180"]},
        {"input": "b.mp4", "masks": "b.mkv"},
        {"input": "c.mp4"},
    ]
    listed = tmp_path / "jobs.jsonl"
    listed.write_text("\n".join(map(json.dumps, lines)))
    asked = replace(request_, mix=(), jobs_file=listed, boxes=("1,2,3,4@5",))
    prompts = [job.prompt for job in jobs(asked)]
    said = [None if p is None or p.visual is None else p.visual.described() for p in prompts]
    assert said == ["3,320,180,+ by opencv", f"masks {tmp_path / 'b.mkv'}", "1,2,3,4@5 by opencv"]
    assert [p.text for p in prompts if p is not None] == ["dog"] * 3

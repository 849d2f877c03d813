"""From options to jobs: what is asked, and by what a result is known."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from soundsift.cli.requests import Request, make_jobs
from soundsift.errors import SoundsiftError
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
        seed=0,
        preset="draft",
        model=str(model),
        device="cpu",
        precision="auto",
        consistent=False,
        joining="multi-diffusion",
        window=None,
        overlap=None,
        boxes=(),
        masks=None,
        stems=("target",),
        picture=False,
        overwrite=False,
    )


def test_another_precision_is_another_request(request_: Request) -> None:
    (job,) = make_jobs(request_)
    asked = {p: make_jobs(replace(request_, precision=p))[0].request for p in ("auto", "bfloat16")}
    assert asked["auto"] == job.request != asked["bfloat16"]


def test_the_region_of_the_command_line(request_: Request, tmp_path: Path) -> None:
    looking = replace(request_, texts=("dog", "car"), boxes=("0.1,0.2,0.3,0.4",))
    jobs = make_jobs(looking)
    assert len(jobs) == 2
    lines = [{"input": request_.mix[0], "text": "cat"}, {"input": request_.mix[0]}]
    (tmp_path / "jobs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    listed = replace(looking, mix=(), texts=(), jobs_file=tmp_path / "jobs.jsonl")
    jobs += make_jobs(listed)
    for job, text in zip(jobs, ("dog", "car", "cat", None), strict=True):
        assert job.prompt.text == text and job.prompt.visual is not None
        assert job.prompt.visual.boxes == (Box.parse("0.1,0.2,0.3,0.4"),)
    with pytest.raises(SoundsiftError, match="line 2: the prompt is empty"):
        make_jobs(replace(listed, boxes=()))

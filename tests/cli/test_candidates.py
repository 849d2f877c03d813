"""`--candidates` from the command line and from a job list, with a tiny released model."""

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.released import TINY_VISION, write_rankers, write_released

from soundsift.checkpoints import pe_vision

pytest.importorskip("transformers", reason="the released models need the extra `released`")


def test_candidates_of_the_command_line_and_of_a_line(
    run: Run, mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pe_vision, "CONFIGS", {"PE-Core-L14-336": TINY_VISION})
    model = write_released(tmp_path / "tiny")
    write_rankers(model)
    jobs = tmp_path / "jobs.jsonl"
    lines: list[dict[str, object]] = [{"text": "w7", "seed": 5}, {"text": "w19", "candidates": 1}]
    jobs.write_text("".join(json.dumps({"input": mix.name, **line}) + "\n" for line in lines))
    result = run(
        *("separate", "--jobs-file", jobs, "--candidates", 2, "--model", model),
        *("--preset", "draft", "--json", "--out", tmp_path / "out"),
    )
    assert result.exit_code == 0, result.output
    first, second = (json.loads(line)["settings"] for line in result.stdout.splitlines())
    assert [one["seed"] for one in first["candidates"]] == [5, 6]
    best = max(first["candidates"], key=lambda one: one["score"])
    assert first["chosen_seeds"] == [best["seed"]]
    assert "candidates" not in second

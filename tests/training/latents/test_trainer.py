"""The separator in latents: exact to resume, and the same shared out over two processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from soundsift.training.latents.config import LatentTrainingConfig

Make = Callable[..., LatentTrainingConfig]
LIVES = Path(__file__).with_name("lives.py")
ROOT = Path(__file__).parents[3]


def write(config: LatentTrainingConfig, name: str) -> tuple[LatentTrainingConfig, str]:
    """A run of that name beside the configured one, and its file."""
    changed = config.model_copy(update={"run": config.run.with_name(name)})
    file = changed.run.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(changed.model_dump(mode="json")))
    return changed, str(file)


def with_dropout(config: LatentTrainingConfig) -> LatentTrainingConfig:
    settings = config.model_dump()
    settings["model"]["field"]["transformer"]["dropout"] = 0.1
    settings["checkpoint_minutes"] = 1e-6  # after every step
    return LatentTrainingConfig.model_validate(settings)


@pytest.fixture(scope="module")
def runs(make_config: Make) -> dict[str, LatentTrainingConfig]:
    """Runs by name: each from beginning to end, some killed on the way, some by two processes."""
    config = make_config()
    forgetful = make_config(checkpoint_activations=True)
    configs, lives = {}, []
    for name, base, ends in (
        ("whole", with_dropout(config), [(1, "done")]),
        ("killed", with_dropout(config), [(1, "step 3"), (1, "save 5"), (1, "done")]),
        ("one", config, [(1, "done")]),
        ("forgetful", forgetful, [(1, "done")]),
        ("two", config, [(2, "done")]),
        ("fewer", config, [(2, "until 4"), (1, "done")]),
    ):
        configs[name], file = write(base, name)
        lives += [word for processes, end in ends for word in (file, str(processes), end)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, str(LIVES), *lives],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return configs


def metrics(config: LatentTrainingConfig) -> list[dict[str, float]]:
    """The lines without the time that they took."""
    lines = map(json.loads, (config.run / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def weights(config: LatentTrainingConfig) -> dict[str, Tensor]:
    return load_file(config.run / "model" / "model.safetensors")


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_like_one_that_was_not(
    runs: dict[str, LatentTrainingConfig],
) -> None:
    whole, killed = runs["whole"], runs["killed"]
    assert [line["step"] for line in metrics(whole)] == [1, 2, 3, 4, 5, 6, 6, 7, 8]
    assert metrics(whole) == metrics(killed)
    for name, weight in weights(whole).items():
        assert torch.equal(weight, weights(killed)[name]), name
    kept = sorted(folder.name for folder in (killed.run / "checkpoints").iterdir())
    assert kept == ["step-7", "step-8"]


@pytest.mark.slow
@pytest.mark.parametrize("other", ["two", "fewer", "forgetful"])
def test_runs_agree_to_a_hundred_thousandth(
    runs: dict[str, LatentTrainingConfig], other: str
) -> None:
    """Two processes; two, then one; activations computed again: what one process does plainly."""
    for alone, shared in zip(metrics(runs["one"]), metrics(runs[other]), strict=True):
        # Figures in dB of separations that are far off are sensitive.
        tolerance = 1e-2 if "validation/text" in alone else 1e-5
        assert shared == pytest.approx(alone, rel=1e-4, abs=tolerance), alone["step"]
    for name, weight in weights(runs["one"]).items():
        assert torch.allclose(weight, weights(runs[other])[name], rtol=0, atol=1e-5), name

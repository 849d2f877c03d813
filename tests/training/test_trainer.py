"""The training loop: exact to resume after kill -9, and the same with several processes."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.training.lives import SmallEncoder
from torch import nn

from soundsift.checkpoints.store import load_config, load_weights, save_model
from soundsift.errors import SoundsiftError
from soundsift.models.velocity_field import VelocityField
from soundsift.training import trainer
from soundsift.training.checkpoint import load_checkpoint
from soundsift.training.config import OptimiserConfig, TrainingConfig
from soundsift.training.loop import learning_rate, make_optimiser
from soundsift.training.trainer import Trainer

Make = Callable[..., TrainingConfig]
LIVES = Path(__file__).with_name("lives.py")


def write(config: TrainingConfig, name: str, **changes: object) -> tuple[TrainingConfig, str]:
    """A run of that name beside the configured one, and its file."""
    run = config.run.with_name(name)
    changed = config.model_copy(update={"run": run} | changes)
    file = run.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(changed.model_dump(mode="json")))
    return changed, str(file)


def run(*command: str) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def metrics(config: TrainingConfig) -> list[dict[str, float]]:
    """The lines without the time that they took."""
    lines = map(json.loads, (config.run / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def differences(first: Any, second: Any, where: str = "") -> list[str]:
    """Where two checkpoints are not the same bit for bit."""
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        return [d for k in first for d in differences(first[k], second[k], f"{where}/{k}")]
    if isinstance(first, list | tuple) and len(first) == len(second):
        return [d for i, x in enumerate(first) for d in differences(x, second[i], f"{where}/{i}")]
    if isinstance(first, torch.Tensor):
        return [] if torch.equal(first, second) else [where]
    return [] if first == second else [where]


def state(config: TrainingConfig) -> dict[str, Any]:
    loaded = load_checkpoint(config.run / "checkpoint.pt")
    assert loaded is not None
    loaded.pop("seconds")
    return loaded


def field_of(config: TrainingConfig) -> dict[str, torch.Tensor]:
    weights = state(config)["model"]
    return {k.removeprefix("field."): v for k, v in weights.items() if k.startswith("field.")}


def with_dropout(config: TrainingConfig) -> TrainingConfig:
    """Its random numbers have to be restored too."""
    settings = config.model_dump()
    settings["model"]["field"]["transformer"]["dropout"] = 0.1
    return TrainingConfig.model_validate(settings)


@pytest.fixture(scope="module")
def runs(make_config: Make) -> dict[str, TrainingConfig]:
    """The same run: never killed, again and again, before its first checkpoint.

    And a longer one, by one process and by two: without dropout, which two processes don't share.
    """
    config, short = make_config(), make_config(steps=24, validate_every=16)
    files, configs = {}, {}
    for name, base, changes in (
        ("whole", with_dropout(short), {}),
        ("killed", with_dropout(short), {"checkpoint_minutes": 1e-4, "workers": 1}),
        ("early", with_dropout(short), {}),
        ("plain", config, {}),
        ("two", config, {}),
    ):
        configs[name], files[name] = write(base, name, **changes)
    moment = random.uniform(0, 0.3)
    print(f"killed {moment} s after the first checkpoint")
    lives = [
        *(("whole", "done"), ("plain", "done"), ("early", "step 12"), ("early", "done")),
        *(("killed", f"later {moment}"), ("killed", "step 21"), ("killed", "save 22")),
        *(("killed", "done"), ("two", "shared")),
    ]
    run(str(LIVES), *(word for name, end in lives for word in (files[name], end)))
    return configs


def test_a_run_killed_again_and_again_ends_like_one_that_was_not(
    runs: dict[str, TrainingConfig],
) -> None:
    whole, killed = runs["whole"], runs["killed"]
    assert state(whole)["step"] == whole.steps
    assert differences(state(whole), state(killed)) == []
    assert metrics(whole) == metrics(killed)
    assert not list(killed.run.glob("*.partial"))


def test_a_run_killed_before_its_first_checkpoint_begins_anew(
    runs: dict[str, TrainingConfig],
) -> None:
    """Without repeating the metrics it had written, or stumbling over a line cut short."""
    assert metrics(runs["whole"]) == metrics(runs["early"])
    assert differences(state(runs["whole"]), state(runs["early"])) == []


def test_training_learns_and_leaves_metrics_a_model_and_a_picture(
    runs: dict[str, TrainingConfig],
) -> None:
    config = runs["plain"]
    lines = [line for line in metrics(config) if "loss" in line]
    assert [line["step"] for line in lines] == [20, 40]
    assert lines[1]["loss"] < lines[0]["loss"]
    checked = [line["step"] for line in metrics(config) if "validation/text" in line]
    assert checked == [30]
    assert (config.run / "metrics.png").stat().st_size > 1000
    saved = load_config(config.run / "model")
    field = VelocityField(saved.field)
    field.load_state_dict(load_weights(config.run / "model"))
    assert saved.model_dump() == config.model.model_dump()
    averages = state(config)["average"]["weights"]
    assert all(torch.equal(v, averages[k]) for k, v in field.state_dict().items())
    assert any(not torch.equal(v, averages[k]) for k, v in field_of(config).items())


def test_two_processes_have_the_loss_curve_of_one(runs: dict[str, TrainingConfig]) -> None:
    """Also where batches have three scenes, of which one process makes two and the other one."""
    one, two = runs["plain"], runs["two"]
    for alone, shared in zip(metrics(one), metrics(two), strict=True):
        assert alone.keys() == shared.keys()
        for name, value in alone.items():
            assert shared[name] == pytest.approx(value, rel=0.02, abs=0.02), (name, alone["step"])
    assert state(one)["sound_seconds"] == pytest.approx(state(two)["sound_seconds"])
    for name, weights in state(one)["model"].items():
        assert torch.allclose(weights, state(two)["model"][name], atol=0.01), name


@pytest.mark.slow
def test_torchrun_starts_a_run(make_config: Make) -> None:
    config, file = write(make_config(steps=4), "launched")
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    run(*launch, str(LIVES), file, "done")
    assert state(config)["step"] == 4


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.1), (4, 0.5), (9, 1.0), (50, 1.0), (80, 1.0), (90, 0.5), (99, 0.05), (100, 0.0)],
)
def test_the_rate_warms_up_stays_and_falls_to_zero(step: int, expected: float) -> None:
    config = OptimiserConfig(rate=2.0, warmup=10, decay_share=0.2)
    assert learning_rate(step, 100, config) == pytest.approx(2.0 * expected)


def test_the_rate_can_do_without_warm_up_and_decay() -> None:
    config = OptimiserConfig(rate=2.0, warmup=0, decay_share=0.0)
    assert {learning_rate(step, 100, config) for step in range(100)} == {2.0}


def test_only_matrices_decay() -> None:
    layer = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    optimiser = make_optimiser(layer, OptimiserConfig(rate=0.1, weight_decay=0.5))
    for parameter in layer.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    assert torch.allclose(layer[0].weight, torch.full((2, 3), 1 - 0.1 * 0.5))
    for vector in (layer[0].bias, layer[1].weight, layer[1].bias):
        assert torch.equal(vector, torch.ones(2))


def test_a_deeper_network_starts_from_a_shallower_one(make_config: Make, tmp_path: Path) -> None:
    config = make_config()
    small = VelocityField(config.model.field)
    save_model(tmp_path / "small", config.model, small.state_dict())
    settings = config.model_dump() | {"run": tmp_path / "deep", "start_from": tmp_path / "small"}
    settings["model"]["field"]["transformer"]["layers"] = 3
    trainer = Trainer(TrainingConfig.model_validate(settings))
    assert len(trainer.field.transformer.blocks) == 3
    assert torch.equal(trainer.field.context_projection.weight, small.context_projection.weight)
    settings["model"]["field"]["transformer"]["ffn_hidden"] = 32
    with pytest.raises(SoundsiftError, match=r"small: a network grows by blocks"):
        Trainer(TrainingConfig.model_validate(settings))


@pytest.mark.parametrize("render", ["workers", "device"])
def test_pieces_by_time_continue_each_other(
    make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, render: str
) -> None:
    """A run stopped after every step ends like one that was not, wherever scenes are rendered."""
    monkeypatch.setattr(trainer, "TextEncoder", SmallEncoder)
    whole, pieces = (
        make_config(run=tmp_path / name, render=render, workers=int(render == "device"))
        for name in ("whole", "pieces")
    )
    threads = torch.get_num_threads()
    try:
        for expected in (1, 2, 3):
            trainer.train(pieces, minutes=0.0)
            assert state(pieces)["step"] == expected
        for config in (pieces, whole):
            trainer.train(config, until=6)
    finally:
        torch.set_num_threads(threads)
    assert differences(state(pieces), state(whole)) == []

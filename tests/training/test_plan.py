"""Plans: what is counted on the meta device is what training takes."""

from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from soundsift.cli import app
from soundsift.training.config import read_yaml, validated
from soundsift.training.latents import plan as latents
from soundsift.training.latents.config import LatentTrainingConfig
from soundsift.training.plan import MACHINES, measure

CONFIGS = Path(__file__).parents[2] / "configs"


def recipe(name: str, **changes: object) -> LatentTrainingConfig:
    file = CONFIGS / name
    return validated(file, read_yaml(file) | changes, LatentTrainingConfig)


def test_operations_and_memory_of_a_layer() -> None:
    with torch.device("meta"):
        layers = nn.Sequential(
            nn.Linear(8, 16, bias=False), nn.Tanh(), nn.Linear(16, 4, bias=False)
        )
        given = torch.empty(10, 8)
        cost = measure(lambda: layers(given).sum(), layers)
    # Twice the products forwards; backwards as many for weights, and for inputs but the first's.
    assert cost.operations == 2 * 10 * (8 * 16 + 16 * 4) * 2 + 2 * 10 * 16 * 4
    # The first layer's input, and what tanh gives.
    assert cost.kept == 4 * 10 * (8 + 16)


def test_blocks_are_alike() -> None:
    """So two sizes tell the cost of any other."""
    config = recipe("latents-tiny.yaml")
    one, two, four = (latents._field_cost(config, 3, 50, n) for n in (1, 2, 4))
    assert four.operations == pytest.approx((one + (two - one) * 3).operations, rel=1e-6)
    assert four.kept == pytest.approx((one + (two - one) * 3).kept, rel=0.01)


def test_released_sizes_and_what_saves_memory() -> None:
    config = recipe("latents-small.yaml", checkpoint_activations=False)
    plain = latents.plan(config, 64)
    # Field and adapters of the released model, without codec and vision encoder.
    assert plain.parameters["velocity field"] == pytest.approx(4.97e8, rel=0.01)
    assert plain.sound_seconds == 1024 * 30
    shared = sum(plain.memory[name] for name in ("weights", "gradients", "moments"))
    weights = plain.parameters["velocity field"] + plain.parameters["alignment network"]
    assert shared == pytest.approx(16 * weights / 64)
    again = latents.plan(recipe("latents-small.yaml"), 64)
    assert again.memory["activations"] < 0.3 * plain.memory["activations"]
    assert 1.2 < again.operations / plain.operations < 1.35
    parts = {"seconds": (30.0, 30.0), "frames": 768_000, "accumulate": 4}
    in_parts = latents.plan(recipe("latents-small.yaml", batch=parts), 64)
    assert in_parts.memory["activations"] < 0.3 * again.memory["activations"]
    assert in_parts.operations == pytest.approx(again.operations, rel=0.01)


@pytest.mark.parametrize(
    ("name", "said"), [("latents-tiny", "velocity field"), ("codec-tiny", "discriminators")]
)
def test_the_command_prints_a_plan_and_trains_nothing(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["train", str(CONFIGS / f"{name}.yaml"), "--plan"])
    assert done.exit_code == 0, done.output
    assert said in done.output
    assert all(machine in done.output for machine in MACHINES)
    assert not list(tmp_path.iterdir())


def test_runs_of_other_kinds_have_no_plan() -> None:
    done = CliRunner().invoke(app, ["train", str(CONFIGS / "default.yaml"), "--plan"])
    assert done.exit_code != 0


def test_a_codec_shared_unequally_is_told() -> None:
    command = ["train", str(CONFIGS / "codec.yaml"), "--plan", "--processes", "7"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code != 0
    assert "multiple of 7" in f"{done.output}{done.exception}"

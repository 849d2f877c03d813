"""What of a run ships."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from soundsift.checkpoints.store import Stored, load_config, load_weights, save_model
from soundsift.config import SeparatorConfig
from soundsift.models.velocity_field import VelocityField
from soundsift.training.config import TrainingConfig
from soundsift.training.export import release, released_weights


def save(folder: Path, config: SeparatorConfig, seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    weights = VelocityField(config.field).state_dict()
    save_model(folder, config, weights)
    return weights


def test_weights_in_between(make_config: Callable[..., TrainingConfig], tmp_path: Path) -> None:
    first, second, run = tmp_path / "first", tmp_path / "second", tmp_path / "run"
    config = make_config(run=run, released_with={first: 0.5, second: 0.2})
    others = save(first, config.model, 0), save(second, config.model, 1)
    own = save(run / "model", config.model, 2)
    for name, tensor in released_weights(config).items():
        expected = 0.5 * others[0][name] + 0.2 * others[1][name] + 0.3 * own[name]
        torch.testing.assert_close(tensor, expected)
    alone = released_weights(config.model_copy(update={"released_with": {}}))
    assert all(torch.equal(alone[name], own[name]) for name in own)


def test_no_weights_between_two_sizes(
    make_config: Callable[..., TrainingConfig], tmp_path: Path
) -> None:
    other, run = tmp_path / "other", tmp_path / "run"
    config = make_config(run=run, released_with={other: 0.5})
    field = config.model.field
    deeper = field.transformer.model_copy(update={"layers": 2})
    larger = field.model_copy(update={"transformer": deeper})
    save(other, config.model, 0)
    save(run / "model", config.model.model_copy(update={"field": larger}), 1)
    with pytest.raises(ValueError, match="of different sizes"):
        released_weights(config)


@pytest.mark.parametrize(
    ("stored", "error", "size"), [("int8", 0.01, 0.75), ("bfloat16", 0.003, 0.6)]
)
def test_a_released_folder(
    make_config: Callable[..., TrainingConfig],
    tmp_path: Path,
    stored: Stored,
    error: float,
    size: float,
) -> None:
    config = make_config(run=tmp_path / "run")
    weights = save(config.run / "model", config.model, 0)
    (config.run / "metrics.jsonl").write_text(
        '{"step": 10, "loss": 1.0}\n{"step": 20, "loss": 0.5}\n'
    )
    release(config, tmp_path / "shipped", stored)
    assert load_config(tmp_path / "shipped") == load_config(config.run / "model")
    shipped = load_weights(tmp_path / "shipped")
    for name, tensor in weights.items():
        assert (shipped[name] - tensor).norm() <= error * tensor.norm()
    sizes = {place.name: place.stat().st_size for place in (tmp_path / "shipped").iterdir()}
    assert min(sizes.values()) > 0
    whole = (config.run / "model" / "model.safetensors").stat().st_size
    assert sizes["model.safetensors"] < size * whole
    assert "| source |" in (tmp_path / "shipped" / "provenance.md").read_text()

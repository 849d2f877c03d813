"""What a run leaves is a model: in our form, in the released form, and to start from."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from soundsift import load
from soundsift.checkpoints.load import open_model
from soundsift.errors import SoundsiftError
from soundsift.training.latents.config import LatentTrainingConfig
from soundsift.training.latents.export import export
from soundsift.training.latents.networks import build_field
from soundsift.training.latents.trainer import LatentTrainer

Make = Callable[..., LatentTrainingConfig]


@pytest.fixture(scope="module")
def finished(make_config: Make) -> LatentTrainingConfig:
    """A run of two steps."""
    config = make_config()
    trainer = LatentTrainer(config)
    for step, batch in zip(range(2), trainer.batches(0), strict=False):
        trainer.take_step(batch, step)
    trainer.save_model(config.run / "model")
    return config


def test_both_forms_separate_alike(finished: LatentTrainingConfig, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    export(finished, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.pt", "config.json"]
    written = json.loads((folder / "config.json").read_text())
    assert written["audio_codec"]["sample_rate"] == 4000
    wave = 0.1 * torch.randn(1, 6000).numpy()
    results = [
        load(path, device="cpu").separate(wave, sample_rate=4000, text="siren", preset="draft")
        for path in (finished.run / "model", folder)
    ]
    for name in ("target", "residual"):
        first, second = (torch.as_tensor(getattr(result, name)) for result in results)
        assert first.shape == (1, 6000)
        assert bool(first.abs().max() > 0)
        torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-4)


def test_a_run_starts_from_either_form(
    finished: LatentTrainingConfig, make_config: Make, tmp_path: Path
) -> None:
    export(finished, tmp_path / "exported")
    expected = open_model(finished.run / "model").field
    for start in (finished.run / "model", tmp_path / "exported"):
        field = build_field(make_config(start_from=start, codec=start))
        for name, weight in field.state_dict().items():
            torch.testing.assert_close(weight, expected[name], msg=name)


def test_other_sizes_are_told(finished: LatentTrainingConfig, make_config: Make) -> None:
    settings = make_config(start_from=finished.run / "model").model_dump()
    settings["model"]["field"]["transformer"]["layers"] = 3
    with pytest.raises(SoundsiftError, match=r"start_from: .*no transformer\.blocks\.2"):
        build_field(LatentTrainingConfig.model_validate(settings))
    settings["model"]["codec"]["latent_dim"] = 24
    with pytest.raises(SoundsiftError, match=r"codec: .* has other sizes"):
        LatentTrainer(LatentTrainingConfig.model_validate(settings))


def test_validation_separates_by_text_span_and_both(finished: LatentTrainingConfig) -> None:
    trainer = LatentTrainer(finished)
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    trainer.average.weights["transformer.output.weight"].add_(1.0)
    found = trainer.validate()
    assert set(found) == {"text", "span", "both"}
    # The average was used, and the weights are what they were.
    assert all(torch.equal(v, before[k]) for k, v in trainer.model.state_dict().items())
    trainer.average.weights["transformer.output.weight"].sub_(1.0)
    assert trainer.validate() != found

"""For the tests of training."""

from collections.abc import Callable
from pathlib import Path

import pytest

from soundsift.training.config import TrainingConfig


@pytest.fixture(scope="session")
def make_config(
    bank_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., TrainingConfig]:
    """Tiny runs on the tiny bank; keywords replace parts of the configuration."""

    def make(**changes: object) -> TrainingConfig:
        codec = {
            "bands": 16,
            "subframes": 2,
            "window": 1024,
            "detail_bands": 8,
            "detail_subframes": 2,
            "detail_window": 1024,
        }
        transformer = {
            "dim": 16,
            "heads": 2,
            "layers": 1,
            "ffn_hidden": 24,
            "text_dim": 384,
            "out_channels": 64,
            "time_embedding_dim": 16,
        }
        field = {"latent_channels": 32, "context_channels": 48, "anchor_dim": 4}
        model = {
            "name": "tiny",
            "prediction": "data",
            "codec": codec,
            "field": field | {"transformer": transformer},
        }
        settings: dict[str, object] = {
            "bank": bank_folder,
            "run": tmp_path_factory.mktemp("runs") / "run",
            "steps": 45,
            "seed": 3,
            "device": "cpu",
            "workers": 0,
            "threads": 1,
            "compile": False,
            "validate_every": 30,
            "validation_scenes": 2,
            "batch": {"seconds": (0.4, 0.6), "frames": 60, "queries": 2},
            "loss": {"mean_share": 0.5, "alignment_block": 0},
            "optimiser": {"rate": 3e-3, "warmup": 5},
            "model": model,
        }
        return TrainingConfig.model_validate(settings | changes)

    return make

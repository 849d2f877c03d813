"""Tiny runs of the codec."""

from collections.abc import Callable

import pytest

from soundsift.training.codec.config import CodecTrainingConfig


@pytest.fixture(scope="session")
def make_codec_config(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., CodecTrainingConfig]:
    """Keywords replace parts of the configuration."""

    def make(**changes: object) -> CodecTrainingConfig:
        settings: dict[str, object] = {
            "network": "codec",
            "audio": [{"toy": True}],
            "run": tmp_path_factory.mktemp("codec-runs") / "run",
            "steps": 6,
            "seed": 3,
            "device": "cpu",
            "workers": 0,
            "threads": 1,
            "seconds": 0.32,
            "batch": 4,
            "validate_every": 100,
            "validation_crops": 2,
            "validation_seconds": 0.4,
            "model": {
                "encoder_dim": 4,
                "encoder_rates": (2, 2, 2, 6),
                "latent_dim": 16,
                "decoder_dim": 96,
                "decoder_rates": (6, 2, 2, 2),
                "codebook_dim": 8,
                "sample_rate": 1200,
            },
            "loss": {"wave": 4.0, "adversarial_from": 3},
            "discriminators": {
                "periods": (2, 3),
                "windows": (128,),
                "period_widths": (4, 8),
                "resolution_width": 4,
            },
            "optimiser": {"rate": 3e-3, "warmup": 2, "ema": 0.9},
        }
        return CodecTrainingConfig.model_validate(settings | changes)

    return make

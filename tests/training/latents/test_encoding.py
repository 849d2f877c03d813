from collections.abc import Callable

import torch
from torch import Tensor

from soundsift.training.latents.batches import LatentBatches
from soundsift.training.latents.config import LatentTrainingConfig
from soundsift.training.latents.encoding import BatchEncoder
from soundsift.training.latents.networks import FrozenCodec

Make = Callable[..., LatentTrainingConfig]


class Counted(FrozenCodec):
    """Counts the waves that it encodes."""

    waves = 0

    def encode(self, waves: Tensor) -> Tensor:
        self.waves += len(waves)
        return super().encode(waves)


def test_examples_that_come_again_are_encoded_once(make_config: Make) -> None:
    config = make_config(distinct_examples=5, batch={"seconds": (0.4, 0.4), "frames": 60})
    codec = Counted(config.codec, config.codec_config, torch.device("cpu"))
    encoder = BatchEncoder(codec, None, config.codec_config.sample_rate)
    batches = LatentBatches(config)
    parts = [part for number in range(4) for part in batches[number]]
    encoded = [encoder.encode(part) for part in parts]
    assert codec.waves == 3 * 5
    for part, found in zip(parts, encoded, strict=True):
        part.numbers = None
        alone = encoder.encode(part)
        for name in ("targets", "residuals", "context"):
            assert torch.allclose(getattr(found, name), getattr(alone, name), atol=1e-5), name
        assert found.heard is None

"""Validation of the separator in latents: held-out mixtures, separated by text, spans and both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.distributed as distributed
from torch import Tensor

from soundsift.checkpoints.state_dict import build
from soundsift.evaluation.metrics import si_sdr
from soundsift.models.dac_vae import DacVae
from soundsift.models.velocity_field import Conditioning
from soundsift.sampling.solvers import solve
from soundsift.training.latents.batches import LatentBatch, collate
from soundsift.training.latents.config import LatentTrainingConfig
from soundsift.training.latents.examples import open_examples
from soundsift.training.latents.networks import FrozenCodec
from soundsift.training.triplets import Example

KINDS = ("text", "span", "both")
_AT_A_TIME = 8
#: Targets below this share of the mixture's energy have no ratio to improve.
_LEAST_ENERGY = 1e-4

Velocity = Callable[[Tensor, Tensor, Conditioning], Tensor]


class LatentValidation:
    """A fixed set of held-out mixtures; every process separates its part.

    Args:
        config: the run.
        codec: the run's codec.
        rank, world: this process among those that evaluate the field together.
    """

    def __init__(
        self, config: LatentTrainingConfig, codec: FrozenCodec, rank: int = 0, world: int = 1
    ) -> None:
        self.config, self.codec, self.world = config, codec, world
        self.source = open_examples(config.data[0], config.seed, held_out=True)
        self.frames = max(1, round(config.batch.seconds[0] * config.codec_config.frame_rate))
        # All evaluate the field equally often: the last ones are separated twice, and count once.
        count = config.validation_examples
        most = -(-count // world)
        numbers = range(rank * most, (rank + 1) * most)
        self.numbers = [(min(n, count - 1), n < count) for n in numbers]
        self.vae: DacVae | None = None

    def run(
        self,
        velocity: Velocity,
        conditioning: Callable[[LatentBatch], Conditioning],
        device: torch.device,
    ) -> dict[str, float]:
        """Mean SI-SDR improvements of the targets over the mixture, in dB, by kind of prompt.

        Args:
            velocity: the field.
            conditioning: makes what the field is told of a batch.
            device: where to compute.
        """
        codec = self.config.codec_config
        length = self.frames / codec.frame_rate
        sums = torch.zeros(len(KINDS), 2, dtype=torch.float64, device=device)
        for start in range(0, len(self.numbers), _AT_A_TIME):
            part = self.numbers[start : start + _AT_A_TIME]
            numbers = [number for number, _ in part]
            examples = [self.source.example(n, length, codec.sample_rate) for n in numbers]
            for row, kind in zip(sums, KINDS, strict=True):
                gains = self._gains(numbers, examples, kind, velocity, conditioning, device)
                for gain, (_, counts) in zip(gains, part, strict=True):
                    if counts and gain is not None:
                        row += torch.tensor([gain, 1.0], device=device)
        if self.world > 1:
            distributed.all_reduce(sums)
        return {
            kind: total / count
            for kind, (total, count) in zip(KINDS, sums.tolist(), strict=True)
            if count
        }

    def _gains(
        self,
        numbers: list[int],
        examples: list[Example],
        kind: str,
        velocity: Velocity,
        conditioning: Callable[[LatentBatch], Conditioning],
        device: torch.device,
    ) -> list[float | None]:
        config = self.config
        codec = config.codec_config
        if kind == "text":
            examples = [replace(example, spans=()) for example in examples]
        elif kind == "span":
            examples = [replace(example, text=None) for example in examples]
        batch = collate(examples, self.frames, config).to(device)
        prompt = conditioning(batch)
        shape = batch.noise.shape[1:]
        # Of every example its own, so that the figures don't depend on who separates it.
        drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(n)) for n in numbers]
        noise = torch.stack(drawn).to(device)
        latents = solve(
            lambda noisy, time: velocity(noisy, time, prompt), noise, config.validation_steps
        )
        outputs = self._decoder(device).decode(latents[..., : codec.latent_channels])[:, 0]
        gains: list[float | None] = []
        for output, example in zip(outputs.cpu().numpy(), examples, strict=True):
            mixture = example.target + example.residual
            energy = float((example.target**2).sum())
            if energy <= _LEAST_ENERGY * float((mixture**2).sum()):
                gains.append(None)
                continue
            estimate = output[: len(example.target)]
            gains.append(si_sdr(estimate, example.target) - si_sdr(mixture, example.target))
        return gains

    def _decoder(self, device: torch.device) -> DacVae:
        if self.vae is None:
            config = self.config
            self.vae = build(
                lambda: DacVae(config.codec_config), self.codec.weights, config.codec, device
            )
        return self.vae

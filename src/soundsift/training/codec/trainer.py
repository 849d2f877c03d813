"""Training of DAC-VAE; the loop is `soundsift.training.loop`.

Every step first trains the discriminators on the decoded crops, then the codec. With several
processes each has a part of every batch, and gradients are averaged: the curve is that of one.

Shapes: B crops, N samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from soundsift.checkpoints.released_form import open_codec, write_codec
from soundsift.errors import SoundsiftError
from soundsift.evaluation.metrics import si_sdr
from soundsift.models.dac_vae import DacVae, ResidualUnit
from soundsift.training.checkpoint import RunningAverage
from soundsift.training.codec.audio import Crops
from soundsift.training.codec.balancer import Balancer
from soundsift.training.codec.config import CodecTrainingConfig
from soundsift.training.codec.discriminators import Discriminators
from soundsift.training.codec.losses import (
    adversarial_loss,
    discriminator_loss,
    draw_latents,
    feature_loss,
    mel_distance,
    stft_distance,
)
from soundsift.training.loader import batch_loader
from soundsift.training.loop import (
    FileCheckpoints,
    Loop,
    joined_processes,
    learning_rate,
    make_optimiser,
    process_device,
    set_rate,
)

_TRAINED = ("encoder", "to_gaussian", "from_latent", "decoder")
_VALIDATED_AT_A_TIME = 8
#: Level of a residual unit's branch at the beginning.
_BRANCH = 0.1
#: Sound has a level of about -20 dB, latents of 0.
_GAIN = 10.0


def train_codec(
    config: CodecTrainingConfig, until: int | None = None, minutes: float | None = None
) -> None:
    """Train a codec; see `soundsift.training.trainer.train`."""
    with joined_processes(config) as (rank, world):
        trainer = CodecTrainer(config, rank, world)
        checkpoints = FileCheckpoints(config.run / "checkpoint.pt", rank)
        loop = Loop(config, trainer, checkpoints, rank, world)
        loop.run(until, minutes)


class CodecTrainer:
    """Codec, discriminators and their optimisers: a `soundsift.training.loop.Task`.

    Args:
        config: the run.
        rank, world: this process among those that share every batch.

    Raises:
        SoundsiftError: if `start_from` is of other sizes.
    """

    def __init__(self, config: CodecTrainingConfig, rank: int = 0, world: int = 1) -> None:
        self.config, self.rank, self.world = config, rank, world
        self.device = process_device(config.device, world)
        self.crops = Crops(config, False, rank, world)
        self.vae = normalised(_beginning(config)).to(self.device)
        self.discriminators = Discriminators(config.discriminators).to(self.device)
        self.parameters = [p for p in self.vae.parameters() if p.requires_grad]
        self.average = RunningAverage(self.vae, config.optimiser.ema)
        self.optimiser = make_optimiser(_trained(self.vae), config.optimiser)
        self.judging = make_optimiser(self.discriminators, config.discriminators.optimiser)
        loss = config.loss
        weights = {
            "mel": loss.mel,
            "stft": loss.stft,
            "wave": loss.wave,
            "adversarial": loss.adversarial,
            "feature": loss.feature,
        }
        self.balancer = Balancer(weights, world)

    def batches(self, start: int) -> Iterator[Tensor]:
        """See `soundsift.training.loop.Task`."""
        return batch_loader(self.crops, start, self.config.workers)

    def headline(self, terms: Mapping[str, float]) -> dict[str, str]:
        """See `soundsift.training.loop.Task`."""
        return {"wave": f"{terms['wave']:.4f}"}

    def take_step(self, batch: Tensor, step: int) -> dict[str, float]:
        """See `soundsift.training.loop.Task`."""
        config, loss = self.config, self.config.loss
        rate = learning_rate(step, config.steps, config.optimiser)
        set_rate(self.optimiser, rate)
        judging = config.discriminators.optimiser
        set_rate(self.judging, learning_rate(step, config.steps, judging))
        real = batch.to(self.device)
        parameters = self.vae.to_gaussian(self.vae.encoder(real))
        noise = self._noise(step, parameters)
        latents, divergence = draw_latents(parameters, noise)
        decoded = self.vae.decoder(self.vae.from_latent(latents))
        adversarial = step >= loss.adversarial_from and loss.adversarial + loss.feature > 0
        terms: dict[str, Tensor] = {}
        if adversarial:
            terms["discriminator"] = self._train_discriminators(real, decoded.detach())
        flat, target = decoded.squeeze(1), real.squeeze(1)
        if loss.mel:
            terms["mel"] = mel_distance(flat, target, config.model.sample_rate)
        if loss.stft:
            terms["stft"] = stft_distance(flat, target)
        terms["wave"] = nn.functional.l1_loss(flat, target)
        if adversarial:
            terms |= self._judged(real, decoded)
        divergent = loss.kl * divergence
        if loss.balance:
            gradient = self.balancer.gradient(terms, decoded) / len(real)
            torch.autograd.backward([decoded, divergent], [gradient, None])
        else:
            total = divergent
            for name, weight in self.balancer.weights.items():
                if name in terms:
                    total = total + weight * terms[name]
            total.backward()  # type: ignore[no-untyped-call]
        norm = _update(self.optimiser, self.parameters, config.optimiser.clip, self.world)
        self.average.update(self.vae)
        terms |= {"kl": divergence, "gradient": norm}
        values = torch.stack([term.detach().float() for term in terms.values()])
        if self.world > 1:
            distributed.all_reduce(values)
            values /= self.world
        return dict(zip(terms, values.tolist(), strict=True)) | {"rate": rate}

    def _noise(self, step: int, parameters: Tensor) -> Tensor:
        """This process's part of the noise of a step's latents: of all crops the same as alone."""
        channels, frames = parameters.shape[1] // 2, parameters.shape[2]
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        noise = torch.randn(self.config.batch, channels, frames, generator=generator)
        return noise[self.rank :: self.world].to(parameters.device)

    def _train_discriminators(self, real: Tensor, decoded: Tensor) -> Tensor:
        self.discriminators.requires_grad_(True)
        # One pass for both: half of the calls.
        scores, _ = self.discriminators(torch.cat([real, decoded]))
        halves = [score.chunk(2) for score in scores]
        loss = discriminator_loss([r for r, _ in halves], [f for _, f in halves])
        loss.backward()  # type: ignore[no-untyped-call]
        clip = self.config.discriminators.optimiser.clip
        _update(self.judging, list(self.discriminators.parameters()), clip, self.world)
        return loss

    def _judged(self, real: Tensor, decoded: Tensor) -> dict[str, Tensor]:
        self.discriminators.requires_grad_(False)
        with torch.no_grad():
            _, real_features = self.discriminators(real)
        scores, features = self.discriminators(decoded)
        return {
            "adversarial": adversarial_loss(scores),
            "feature": feature_loss(real_features, features),
        }

    def validate(self) -> dict[str, float]:
        """Mel distance and SI-SDR of the round trip of held-out crops, by the mean of the latents.

        `latent` is the latents' standard deviation.
        """
        if self.rank > 0:
            return {}
        config = self.config
        vae = self.averaged()
        samples = round(config.validation_seconds * config.model.sample_rate)
        mel, wave, latent = [], [], []
        with torch.no_grad():
            for first in range(0, config.validation_crops, _VALIDATED_AT_A_TIME):
                last = min(first + _VALIDATED_AT_A_TIME, config.validation_crops)
                crops = [self.held_out.crop(number, samples) for number in range(first, last)]
                real = torch.stack(crops).to(self.device)
                latents = vae.encode(real)
                decoded = vae.decode(latents)[..., :samples]
                for one, two in zip(decoded, real, strict=True):
                    mel.append(float(mel_distance(one, two, config.model.sample_rate)))
                    wave.append(si_sdr(one[0].cpu().numpy(), two[0].cpu().numpy()))
                latent.append(float(latents.std()))
        figures = {"mel": mel, "si_sdr": wave, "latent": latent}
        return {name: sum(values) / len(values) for name, values in figures.items()}

    @cached_property
    def held_out(self) -> Crops:
        """Crops of sound that is not trained on."""
        return Crops(self.config, held_out=True)

    def averaged(self) -> DacVae:
        """The codec with the averaged weights, plain."""
        vae = DacVae(self.config.model)
        vae.load_state_dict(plain_weights(self.average.weights))
        return vae.to(self.device).eval()

    def state(self) -> dict[str, Any]:
        """See `soundsift.training.loop.Task`."""
        return {
            "codec": self.vae.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "discriminators": self.discriminators.state_dict(),
            "discriminators' optimiser": self.judging.state_dict(),
            "norms": self.balancer.norms,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """See `soundsift.training.loop.Task`."""
        self.vae.load_state_dict(state["codec"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.discriminators.load_state_dict(state["discriminators"])
        self.judging.load_state_dict(state["discriminators' optimiser"])
        self.balancer.norms = state["norms"]

    def save_model(self, folder: Path) -> None:
        """Write the averaged codec in the released form."""
        if self.rank == 0:
            write_codec(folder, self.config.model, plain_weights(self.average.weights))


def _beginning(config: CodecTrainingConfig) -> DacVae:
    """A fresh codec, or the one to start from."""
    vae = DacVae(config.model)
    if config.start_from is not None:
        sizes, weights = open_codec(config.start_from)
        if sizes != config.model:
            raise SoundsiftError(
                f"start_from: the codec in {config.start_from} has other sizes. Give model {sizes}."
            )
        vae.load_state_dict(dict(weights))
        return vae
    _draw_weights(vae)
    # No watermark is trained: the branch writes nothing.
    for parameter in vae.watermark.last.parameters():
        nn.init.zeros_(parameter)
    return vae


def _draw_weights(vae: DacVae) -> None:
    """Fresh weights that keep the variance of what passes: residual units begin near the identity.

    With DAC's (0.02 everywhere) a shallow codec hears nothing of its input for hundreds of steps.
    """
    for name in _TRAINED:
        for module in getattr(vae, name).modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                inputs = module.in_channels * module.kernel_size[0]
                if isinstance(module, nn.ConvTranspose1d):
                    inputs //= module.stride[0]
                nn.init.normal_(module.weight, std=inputs**-0.5)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
    for unit in vae.modules():
        if isinstance(unit, ResidualUnit):
            nn.init.normal_(unit.conv2.weight, std=_BRANCH * unit.conv2.in_channels**-0.5)
    assert vae.to_gaussian.bias is not None
    with torch.no_grad():
        mean, scale = vae.to_gaussian.weight.chunk(2)
        mean.mul_(_GAIN)
        scale.mul_(0.1)
        # The deviation begins at 0.05: what is drawn says something from the first step on.
        vae.to_gaussian.bias[vae.config.codebook_dim :] = -3.0
        vae.from_latent.weight.div_(_GAIN)


def normalised(vae: DacVae) -> DacVae:
    """Give the trained convolutions weight norm, as in the released codec; the rest is fixed."""
    vae.watermark.requires_grad_(False)
    for name in _TRAINED:
        for module in getattr(vae, name).modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                weight_norm(module)
    return vae


def plain_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a normalised codec, or their average, multiplied out for a plain one."""
    plain: dict[str, Tensor] = {}
    for name, weight in weights.items():
        base, marker, which = name.partition(".parametrizations.weight.original")
        if not marker:
            plain[name] = weight
        elif which == "1":
            length = weights[f"{base}{marker}0"]
            norm = torch.linalg.vector_norm(weight, dim=(1, 2), keepdim=True)
            plain[f"{base}.weight"] = weight * (length / norm)
    return plain


def _trained(vae: DacVae) -> nn.ModuleList:
    return nn.ModuleList(getattr(vae, name) for name in _TRAINED)


def _update(
    optimiser: torch.optim.Optimizer, parameters: Iterable[Tensor], clip: float, world: int
) -> Tensor:
    """Average gradients over processes, clip them and take a step; returns their norm."""
    with_gradient = [p for p in parameters if p.grad is not None]
    if world > 1:
        gradients = [p.grad for p in with_gradient if p.grad is not None]
        joined = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(joined)
        joined /= world
        parts = torch.split(joined, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
    norm = nn.utils.clip_grad_norm_(with_gradient, clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return norm

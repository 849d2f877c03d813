"""The plan of a codec's run: `soundsift train RECIPE.yaml --plan`."""

from __future__ import annotations

import torch
from torch import Tensor

from soundsift.models.dac_vae import DacVae
from soundsift.training.codec.config import CodecTrainingConfig
from soundsift.training.codec.discriminators import Discriminators
from soundsift.training.codec.losses import draw_latents
from soundsift.training.plan import Plan, measure, parameter_count, training_state


def plan(config: CodecTrainingConfig, processes: int = 1) -> Plan:
    """Memory and work of a run; the spectra of the losses are left out.

    Args:
        config: the run.
        processes: that share every batch equally.

    Raises:
        SoundsiftError: if they cannot.
    """
    crops = config.crops_of_each(processes)
    with torch.device("meta"):
        vae = DacVae(config.model)
        judges = Discriminators(config.discriminators)
        wave = torch.empty(crops, 1, config.samples)
        noise = torch.empty(
            crops, config.model.codebook_dim, config.samples // config.model.samples_per_frame
        )

    def coded() -> Tensor:
        latents, divergence = draw_latents(vae.to_gaussian(vae.encoder(wave)), noise)
        decoded: Tensor = vae.decoder(vae.from_latent(latents))
        return decoded.square().mean() + divergence

    def judged() -> Tensor:
        scores, _ = judges(wave)
        return torch.stack([score.square().mean() for score in scores]).sum()

    with torch.device("meta"):
        coding, judging = measure(coded, vae), measure(judged, judges)
    trained = parameter_count(vae) - parameter_count(vae.watermark)
    memory = training_state(trained)
    memory["discriminators and their moments"] = 16.0 * parameter_count(judges)
    # The codec's activations wait while real and decoded waves are judged, features included.
    memory["activations"] = coding.kept + 2 * judging.kept
    return Plan(
        parameters={"codec": trained, "discriminators": parameter_count(judges)},
        memory=memory,
        # Discriminators see real and decoded waves in their own step, and again in the codec's.
        operations=0.0,
        single=processes * (coding.operations + 4 * judging.operations),
        sound_seconds=config.batch * config.samples / config.model.sample_rate,
        steps=config.steps,
        processes=processes,
    )

"""The plan of a run in latents: `soundsift train RECIPE.yaml --plan`."""

from __future__ import annotations

from contextlib import nullcontext

import torch

from soundsift.config import TransformerConfig
from soundsift.models.dac_vae import LatentEncoder
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.training.latents.config import LatentTrainingConfig
from soundsift.training.latents.networks import with_projector
from soundsift.training.plan import (
    Cost,
    Plan,
    count_operations,
    measure,
    narrow_products,
    parameter_count,
    training_state,
)

#: Tokens of a phrase.
_TOKENS = 12
#: Weights of the text encoders, and of the smallest frame models.
_TEXT_WEIGHTS = {"minilm": 22_700_000, "t5-base": 109_628_544}
_FRAME_WEIGHTS = {"hearing": 7_200_000, "pe-a-frame": 450_000_000}
#: Widths of the frame models' embeddings.
_FRAME_WIDTH = {"hearing": 256, "pe-a-frame": 1024}
#: Waves encoded at a time, and layers' outputs that are alive at once.
_ENCODED, _ALIVE = 8, 3


def plan(config: LatentTrainingConfig, processes: int = 1) -> Plan:
    """Memory and work of a run; reads no files but the recipe.

    Args:
        config: the run.
        processes: that share every batch, each with its own accelerator.
    """
    codec, batch = config.codec_config, config.batch
    frames = round(batch.seconds[1] * codec.frame_rate)
    examples = max(processes * batch.accumulate, batch.frames // frames)
    part = -(-examples // (processes * batch.accumulate))
    layers = config.model.field.transformer.layers
    # Blocks are alike: two sizes tell the rest, which is the quicker the larger the model is.
    one, two = (_field_cost(config, part, frames, count) for count in (1, 2))
    block = two - one
    around = one - block
    cost = around + block * layers
    if config.checkpoint_activations:
        # Every block's input is kept, and the inside of one at a time; its forward pass is twice.
        dim = config.model.field.transformer.dim
        inputs = 4.0 * part * frames * dim * layers
        cost = Cost(
            around.kept + inputs + block.kept,
            cost.operations + block.operations * layers / 3,
        )
    with torch.device("meta"):
        encoder = LatentEncoder(codec)
        field = with_projector(VelocityField(config.model.field), config, _width(config))
        wave = torch.empty(1, 1, frames * codec.samples_per_frame)
        encoding = count_operations(lambda: encoder.to_gaussian(encoder.encoder(wave)))
    text = _TEXT_WEIGHTS[config.model.text_encoder]
    heard = _FRAME_WEIGHTS[config.frame_model.kind] if config.loss.alignment else 0
    weights = parameter_count(field)
    fixed = parameter_count(encoder) + text + heard
    memory = training_state(weights, processes)
    if processes > 1:
        # The weights around the blocks, and two blocks: one at work, one on its way.
        per_block = parameter_count(field.field.transformer.blocks[0])
        memory["gathered weights"] = 4.0 * (weights - per_block * (layers - 2))
    memory["networks that are not trained"] = 4.0 * fixed
    memory["activations"] = cost.kept
    memory["encoding"] = 4.0 * min(_ENCODED, part) * wave.shape[-1] * codec.encoder_dim * _ALIVE
    parts = processes * batch.accumulate
    single, transformer = config.precision == "float32", cost.operations * parts
    return Plan(
        parameters={
            "velocity field": parameter_count(field.field),
            "alignment network": weights - parameter_count(field.field),
            "not trained (codec's encoder, text encoder, frame model)": fixed,
        },
        memory=memory,
        operations=0.0 if single else transformer,
        # Target, residual and mixture are encoded.
        single=3 * encoding * part * parts + (transformer if single else 0.0),
        sound_seconds=examples * frames / codec.frame_rate,
        steps=config.steps,
        processes=processes,
    )


def _width(config: LatentTrainingConfig) -> int:
    return _FRAME_WIDTH[config.frame_model.kind]


def _field_cost(config: LatentTrainingConfig, part: int, frames: int, layers: int) -> Cost:
    """A forward and a backward pass of a field with so many blocks."""
    sizes = config.model.field.transformer.model_dump() | {"layers": layers}
    field = config.model.field.model_copy(
        update={"transformer": TransformerConfig.model_validate(sizes)}
    )
    loss = config.loss.model_copy(update={"alignment_block": 0})
    shallow = config.model_copy(update={"checkpoint_activations": False, "loss": loss})
    with torch.device("meta"):
        model = with_projector(VelocityField(field), shallow, _width(config))
        noisy = torch.empty(part, frames, 2 * field.latent_channels)
        prompt = Conditioning(
            context=torch.empty(part, frames, field.context_channels),
            text=torch.empty(part, _TOKENS, field.transformer.text_dim),
            anchors=torch.zeros(part, frames, dtype=torch.int64),
            video=None if field.video_dim is None else torch.empty(part, frames, field.video_dim),
        )
        time = torch.empty(part)

    def work() -> torch.Tensor:
        output, projected = model(noisy, time, prompt)
        total: torch.Tensor = output.float().square().mean()
        return total if projected is None else total + projected.float().square().mean()

    narrow = narrow_products(model) if config.precision == "bfloat16" else nullcontext()
    with narrow, torch.device("meta"):
        cost: Cost = measure(work, model, ((frames, frames), (frames, _TOKENS)))
    return cost

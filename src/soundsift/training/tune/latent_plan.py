"""What tuning a released model takes, from shapes alone: before weights are read."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor, nn

from soundsift.config import DacVaeConfig, SeparatorConfig, TransformerConfig, VelocityFieldConfig
from soundsift.models.dac_vae import DacVae
from soundsift.models.low_rank import LowRankLinear
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.training.plan import Cost, measure, narrow_products, parameter_count
from soundsift.training.tune.config import LatentTuningConfig
from soundsift.training.tune.latent_trainer import latent_layers, make_trainable
from soundsift.training.tune.scenes import QUERIES

#: Tokens of a phrase.
_TOKENS = 12
#: Weights of the text encoders.
_TEXT_WEIGHTS = {"minilm": 22_700_000, "t5-base": 109_628_544}
#: Outputs of the codec's layers that are alive at once.
_ALIVE = 3
#: Python, PyTorch and the libraries around them.
_PROGRAM = 5e8
#: Bytes of attention scores that autograd keeps where no fused kernel is used: once in float32,
#: once in the products' type.
_SCORE_BYTES = 4


def plan_memory(
    model: SeparatorConfig, config: LatentTuningConfig, device: torch.device, dtype: torch.dtype
) -> dict[str, float]:
    """Peak memory in bytes, by what it is for.

    Args:
        model: the model's sizes, with DAC-VAE as codec.
        config: the run.
        device: where it will compute.
        dtype: type of products and of the frozen matrices.
    """
    codec, sizes = model.codec, model.field.transformer
    assert isinstance(codec, DacVaeConfig)
    width = dtype.itemsize
    rows, frames = max(
        (_rows(config, seconds * codec.frame_rate) for seconds in config.seconds),
        key=lambda one: one[0] * one[1] ** 2,
    )
    one, two = (_cost(model.field, config, rows, frames, count, dtype) for count in (1, 2))
    block = two - one
    kept = one.kept - block.kept
    scores = 0.0
    if device.type == "cpu":
        scores = sizes.heads * frames * (frames + _TOKENS) * (_SCORE_BYTES + width) * rows
    if config.checkpoint_activations:
        kept += 4.0 * rows * frames * sizes.dim * sizes.layers + block.kept + scores
    else:
        kept += sizes.layers * (block.kept + scores)
    with torch.device("meta"):
        field, vae = VelocityField(model.field), DacVae(codec)
    frozen = {name: field.get_submodule(name) for name in latent_layers(model.field)}
    narrow = sum(layer.weight.numel() for layer in frozen.values() if isinstance(layer, nn.Linear))
    make_trainable(field, config)
    trained = sum(weight.numel() for weight in field.parameters() if weight.requires_grad)
    around = parameter_count(field) - trained - narrow
    samples = frames * codec.samples_per_frame
    memory = {
        "frozen weights": float(width * narrow + 4 * around),
        # Weights, gradients and two moments in float32.
        "adapter": 16.0 * trained,
        "activations": kept,
        "codec": 4.0 * (parameter_count(vae) + samples * codec.encoder_dim * _ALIVE),
        "text encoder": 4.0 * _TEXT_WEIGHTS[model.text_encoder],
    }
    if device.type == "cpu":
        memory["program"] = _PROGRAM
    return memory


def _rows(config: LatentTuningConfig, frames: float) -> tuple[int, int]:
    """Queries of a batch with scenes of so many latent frames, and the frames."""
    whole = max(1, round(frames))
    return QUERIES * max(1, config.frames // (whole * QUERIES)), whole


def _cost(
    field: VelocityFieldConfig,
    config: LatentTuningConfig,
    rows: int,
    frames: int,
    layers: int,
    dtype: torch.dtype,
) -> Cost:
    """A forward and a backward pass of a field with so many blocks, nothing computed again."""
    sizes = field.transformer.model_dump() | {"layers": layers}
    shallow = field.model_copy(update={"transformer": TransformerConfig.model_validate(sizes)})
    with torch.device("meta"):
        model = VelocityField(shallow).eval()
        make_trainable(model, config.model_copy(update={"checkpoint_activations": False}))
        noisy = torch.empty(rows, frames, 2 * field.latent_channels)
        prompt = Conditioning(
            context=torch.empty(rows, frames, field.context_channels),
            text=torch.empty(rows, _TOKENS, field.transformer.text_dim),
            anchors=torch.zeros(rows, frames, dtype=torch.int64),
        )
        time = torch.empty(rows)

    def work() -> Tensor:
        total: Tensor = model(noisy, time, prompt).float().square().mean()
        return total

    with ExitStack() as stack:
        if dtype != torch.float32:
            _narrow_changes(model, dtype)
            stack.enter_context(narrow_products(model))
        stack.enter_context(torch.device("meta"))
        cost: Cost = measure(work, model, ((frames, frames), (frames, _TOKENS)))
    return cost


def _narrow_changes(model: nn.Module, dtype: torch.dtype) -> None:
    """Low-rank products in a type, as under autocast, which the meta device does not have."""

    def cast(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(part.to(dtype) for part in given)

    for layer in model.modules():
        if isinstance(layer, LowRankLinear):
            layer.to(dtype).register_forward_pre_hook(cast)


def free_memory(device: torch.device) -> float | None:
    """Bytes that are free on a device; None where that is not known."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    try:
        with Path("/proc/meminfo").open() as lines:
            found = {line.split(":")[0]: line.split()[1] for line in lines}
        return 1024.0 * int(found["MemAvailable"])
    except (OSError, KeyError, ValueError):
        return None

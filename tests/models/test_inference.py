"""The velocity field arranged for inference, against the authors' outputs and its own definition.

The weights of `sam_tiny_trajectory.safetensors` are those of `sam_tiny_forward.safetensors`.
"""

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from soundsift.checkpoints.int8 import from_int8, to_int8
from soundsift.checkpoints.sam_audio import convert
from soundsift.checkpoints.state_dict import read_safetensors
from soundsift.config import TransformerConfig, VelocityFieldConfig
from soundsift.devices import pick_device, pick_dtype
from soundsift.models import onednn
from soundsift.models.inference import InferenceField
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.sampling.solvers import Solver, schedule, solve

DATA = Path(__file__).parents[1] / "data"
SIZES = TransformerConfig(
    dim=64, heads=4, layers=2, ffn_hidden=192, text_dim=32, out_channels=16, time_embedding_dim=32
)
CONFIG = VelocityFieldConfig(
    latent_channels=8, context_channels=32, anchor_dim=8, video_dim=24, transformer=SIZES
)
BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["f32", "bf16"])


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.cpu() - theirs).norm() / theirs.norm())


def cosine(ours: Tensor, theirs: Tensor) -> float:
    return float(torch.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0))


def conditioning(tensors: dict[str, Tensor], prefix: str = "in") -> Conditioning:
    mixture = tensors[f"{prefix}.audio_features"]
    return Conditioning(
        context=torch.cat((torch.zeros_like(mixture), mixture), dim=-1),
        text=tensors[f"{prefix}.text_features"],
        text_mask=tensors[f"{prefix}.text_mask"],
        anchors=tensors["in.anchor_ids"].gather(1, tensors["in.anchor_alignment"]),
        video=tensors["in.video" if prefix == "in" else "out.video_features"].transpose(1, 2),
        frame_mask=tensors["in.audio_pad_mask"],
    )


@pytest.fixture(scope="module")
def forward() -> dict[str, Tensor]:
    return load_file(DATA / "sam_tiny_forward.safetensors")


@pytest.fixture(scope="module")
def trajectory() -> dict[str, Tensor]:
    return load_file(DATA / "sam_tiny_trajectory.safetensors")


@pytest.fixture(scope="module")
def weights(forward: dict[str, Tensor]) -> dict[str, Tensor]:
    released = {k.removeprefix("sd."): v for k, v in forward.items() if k.startswith("sd.")}
    return dict(convert(released))


@pytest.fixture(params=[True, False], ids=["packed", "plain"])
def packing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(onednn, "is_available", lambda _: False)


@BOTH
@pytest.mark.usefixtures("packing")
def test_one_evaluation(
    weights: dict[str, Tensor], forward: dict[str, Tensor], dtype: torch.dtype
) -> None:
    bound = 1e-5 if dtype == torch.float32 else 1e-2
    field = InferenceField(CONFIG, weights, dtype)
    args = forward["in.noisy"], forward["in.time"]
    prompt = conditioning(forward)
    assert relative(field(*args, prompt), forward["out.full"]) < bound
    no_masks = replace(prompt, text_mask=None, frame_mask=None)
    assert relative(field(*args, no_masks), forward["out.no_mask"]) < bound
    assert relative(field(*args, replace(prompt, text=None)), forward["out.no_text"]) < bound


@pytest.mark.parametrize(
    ("solver", "steps", "name"),
    [("midpoint", 16, "state"), ("midpoint", 4, "state_midpoint4"), ("euler", 16, "state_euler16")],
)
@BOTH
def test_whole_trajectory(
    weights: dict[str, Tensor],
    trajectory: dict[str, Tensor],
    dtype: torch.dtype,
    solver: Solver,
    steps: int,
    name: str,
) -> None:
    """The authors' latents after all steps, from their noise and features."""
    field = InferenceField(CONFIG, weights, dtype)
    prompt = conditioning(trajectory, "out")
    prepared = field.prepare(prompt, [part.time for part in schedule(steps, solver)])
    ours = solve(lambda x, t: field(x, t, prepared), trajectory["in.noise"], steps, solver)
    theirs = trajectory[f"out.{name}"]
    assert cosine(ours, theirs) > (0.9999 if dtype == torch.float32 else 0.999)
    assert relative(ours, theirs) < (1e-4 if dtype == torch.float32 else 2e-2)


def test_definition_follows_the_same_trajectory(
    weights: dict[str, Tensor], trajectory: dict[str, Tensor]
) -> None:
    field = VelocityField(CONFIG)
    field.load_state_dict(weights)
    field.eval().requires_grad_(False)
    prepared = field.prepare(conditioning(trajectory, "out"))
    ours = solve(lambda x, t: field(x, t, prepared), trajectory["in.noise"], 16)
    assert relative(ours, trajectory["out.state"]) < 1e-4


@BOTH
def test_prepared_times_change_nothing(
    weights: dict[str, Tensor], forward: dict[str, Tensor], dtype: torch.dtype
) -> None:
    field = InferenceField(CONFIG, weights, dtype)
    prompt, noisy = conditioning(forward), forward["in.noisy"]
    prepared = field.prepare(prompt, [0.1, 0.7])
    for time in (0.1, 0.7, 0.3):
        scalar = torch.tensor(time)
        expected = field(noisy, scalar.expand(2), prompt)  # each item with a time of its own
        assert relative(field(noisy, scalar, prepared), expected) < (
            1e-5 if dtype == torch.float32 else 1e-2
        )


def test_prepared_times_are_not_computed_again(
    weights: dict[str, Tensor], forward: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    field = InferenceField(CONFIG, weights, torch.float32)
    prepared = field.prepare(conditioning(forward), [0.1])
    monkeypatch.setattr(field, "_moments", lambda *_: pytest.fail("computed again"))
    field(forward["in.noisy"], torch.tensor(0.1, dtype=torch.float64), prepared)


@pytest.mark.parametrize("texts", [[0, 0, 0, 0], [0, 1, 0, 1], [0, 1, 2, 3]])
def test_items_share_equal_texts(texts: list[int]) -> None:
    """Windows of a recording, several prompts: against the definition, with the text pooled too."""
    torch.manual_seed(0)
    sizes = SIZES.model_copy(update={"pooled_text": True, "qk_norm": False})
    config = CONFIG.model_copy(update={"transformer": sizes, "video_dim": None})
    definition = VelocityField(config).eval().requires_grad_(False)
    for parameter in definition.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    field = InferenceField(config, definition.state_dict(), torch.float32)
    context, text = torch.randn(4, 6, 32), torch.randn(len(set(texts)), 3, 32)
    mask = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]]).bool()
    mask = mask[: len(text)]
    noisy, time = torch.randn(4, 6, 16), torch.tensor(0.25)
    prepared = field.prepare(Conditioning(context, text, mask), [0.25], torch.tensor(texts))
    assert prepared.prepared.text is not None
    assert prepared.prepared.text.shape[0] == len(text)
    expected = definition(noisy, time, Conditioning(context, text[texts], mask[texts]))
    assert relative(field(noisy, time, prepared), expected) < 1e-5


def test_autocast_around_it_changes_nothing(
    weights: dict[str, Tensor], forward: dict[str, Tensor]
) -> None:
    field = InferenceField(CONFIG, weights, torch.float32)
    args = forward["in.noisy"], torch.tensor(0.5), conditioning(forward)
    with torch.autocast("cpu", torch.bfloat16):
        inside = field(*args)
    assert torch.equal(inside, field(*args))


def test_on_the_device_there_is(weights: dict[str, Tensor], forward: dict[str, Tensor]) -> None:
    device = pick_device()
    field = InferenceField(CONFIG, weights, pick_dtype(device), device)
    prompt = conditioning(forward)
    moved = Conditioning(**{name: value.to(device) for name, value in vars(prompt).items()})
    out = field(forward["in.noisy"].to(device), forward["in.time"].to(device), moved)
    assert out.device.type == device.type
    assert relative(out, forward["out.full"]) < 1e-2


def test_weights_must_fit(weights: dict[str, Tensor], forward: dict[str, Tensor]) -> None:
    with pytest.raises(RuntimeError, match="strange"):
        InferenceField(CONFIG, {**weights, "strange": torch.zeros(1)}, torch.float32)
    with pytest.raises(KeyError, match="noisy_projection"):
        fewer = {k: v for k, v in weights.items() if k != "noisy_projection.weight"}
        InferenceField(CONFIG, fewer, torch.float32)
    with pytest.raises(RuntimeError, match=r"noisy_projection.weight is \(1, 2\)"):
        wrong = {**weights, "noisy_projection.weight": torch.zeros(1, 2)}
        InferenceField(CONFIG, wrong, torch.float32)
    field = InferenceField(CONFIG, weights, torch.float32)
    with pytest.raises(ValueError, match="noisy is"):
        field(forward["in.noisy"][:, 1:], torch.tensor(0.5), conditioning(forward))


class Watched(Mapping[str, Tensor]):
    """Hands out copies, and notes how many bytes of them were held at once."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.weights, self.now, self.most = weights, 0, 0

    def __getitem__(self, name: str) -> Tensor:
        copy = self.weights[name].clone()
        self.now += copy.nbytes
        self.most = max(self.most, self.now)
        weakref.finalize(copy, self._let_go, copy.nbytes)
        return copy

    def _let_go(self, size: int) -> None:
        self.now -= size

    def __iter__(self) -> Iterator[str]:
        return iter(self.weights)

    def __len__(self) -> int:
        return len(self.weights)


def test_one_weight_is_held_at_a_time(weights: dict[str, Tensor]) -> None:
    """No second copy of the model is made on the way from float32 to bfloat16."""
    watched = Watched(weights)
    field = InferenceField(CONFIG, watched, torch.bfloat16)
    assert watched.most == max(weight.nbytes for weight in weights.values())
    assert watched.now == 0
    assert field.dtype == torch.bfloat16


def test_from_a_file_of_eight_bits(
    weights: dict[str, Tensor], forward: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file(to_int8(weights), tmp_path / "small.safetensors")
    save_file(weights, tmp_path / "large.safetensors")
    files = [tmp_path / f"{name}.safetensors" for name in ("small", "large")]
    sizes = [file.stat().st_size for file in files]
    assert sizes[0] < 0.6 * sizes[1]  # most of this model is not in its blocks
    small, large = (read_safetensors(file) for file in files)
    args = forward["in.noisy"], forward["in.time"], conditioning(forward)
    exact = InferenceField(CONFIG, from_int8(large, "large"), torch.float32)(*args)
    assert relative(exact, forward["out.full"]) < 1e-5
    rounded = InferenceField(CONFIG, from_int8(small, "small"), torch.float32)(*args)
    assert 1e-4 < relative(rounded, forward["out.full"]) < 2e-2

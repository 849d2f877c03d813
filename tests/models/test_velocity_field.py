"""The velocity field against the authors' outputs, the released sizes, and as a fresh model."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from soundsift.checkpoints.sam_audio import RELEASED, convert
from soundsift.config import TransformerConfig, VelocityFieldConfig
from soundsift.errors import SoundsiftError
from soundsift.models.conditioning import VideoEmbedding
from soundsift.models.velocity_field import Conditioning, VelocityField

DATA = Path(__file__).parents[1] / "data"
CONFIG = VelocityFieldConfig(
    latent_channels=8,
    context_channels=32,
    anchor_dim=8,
    video_dim=24,
    transformer=TransformerConfig(
        dim=64,
        heads=4,
        layers=2,
        ffn_hidden=192,
        text_dim=32,
        out_channels=16,
        time_embedding_dim=32,
    ),
)


def assert_near(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-5


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(DATA / "sam_tiny_forward.safetensors")


@pytest.fixture
def model(tensors: dict[str, Tensor]) -> VelocityField:
    model = VelocityField(CONFIG)
    weights = {k.removeprefix("sd."): v for k, v in tensors.items() if k.startswith("sd.")}
    model.load_state_dict(convert(weights))
    return model.eval().requires_grad_(False)


@pytest.fixture
def prompt(tensors: dict[str, Tensor]) -> Conditioning:
    mixture = tensors["in.audio_features"]
    return Conditioning(
        context=torch.cat((torch.zeros_like(mixture), mixture), dim=-1),
        text=tensors["in.text_features"],
        text_mask=tensors["in.text_mask"],
        anchors=tensors["in.anchor_ids"].gather(1, tensors["in.anchor_alignment"]),
        video=tensors["in.video"].transpose(1, 2),
        frame_mask=tensors["in.audio_pad_mask"],
    )


def test_parts(model: VelocityField, prompt: Conditioning, tensors: dict[str, Tensor]) -> None:
    assert model.video is not None
    noisy, time = tensors["in.noisy"], tensors["in.time"]
    projected = model.noisy_projection(noisy) + model.context_projection(prompt.context)
    assert_near(projected, tensors["out.proj"])
    assert_near(projected + model.video(prompt.video), tensors["out.proj_video"])
    assert_near(projected + model.anchors(prompt.anchors), tensors["out.anchors_only"])
    prepared = model.prepare(prompt)
    assert_near(prepared.frames + model.noisy_projection(noisy), tensors["out.aligned_inputs"])
    text = model.text_projection(tensors["in.text_features"])
    assert_near(model.memory(text, time), tensors["out.memory"])
    assert_near(model.memory(None, time)[:, 0], tensors["out.timestep_emb"])


def test_whole(model: VelocityField, prompt: Conditioning, tensors: dict[str, Tensor]) -> None:
    args = tensors["in.noisy"], tensors["in.time"]
    assert_near(model(*args, prompt), tensors["out.full"])
    assert_near(model(*args, model.prepare(prompt)), tensors["out.full"])
    no_masks = replace(prompt, text_mask=None, frame_mask=None)
    assert_near(model(*args, no_masks), tensors["out.no_mask"])
    assert_near(model(*args, replace(prompt, text=None)), tensors["out.no_text"])


def test_branch_left_out(
    model: VelocityField, prompt: Conditioning, tensors: dict[str, Tensor]
) -> None:
    """The fixtures leave a branch out entirely, which here is a closed gate."""
    assert model.video is not None
    args = tensors["in.noisy"], tensors["in.time"]
    gate = model.anchors.gate.clone()
    model.anchors.gate.zero_()
    assert_near(model(*args, prompt), tensors["out.no_anchor"])
    model.anchors.gate.copy_(gate)
    model.video.gate.zero_()
    assert_near(model(*args, prompt), tensors["out.no_video"])


def test_absent_prompt_is_the_empty_prompt(
    model: VelocityField, prompt: Conditioning, tensors: dict[str, Tensor]
) -> None:
    """None means what the authors' pipeline feeds: zero features, unmarked frames."""
    assert prompt.video is not None and prompt.frame_mask is not None
    args = tensors["in.noisy"], tensors["in.time"]
    absent = model(*args, replace(prompt, video=None, anchors=None))
    unmarked = torch.where(prompt.frame_mask, 0, 3)
    empty = replace(prompt, video=torch.zeros_like(prompt.video), anchors=unmarked)
    torch.testing.assert_close(absent, model(*args, empty))


def test_text_missing_for_some_items(
    model: VelocityField, prompt: Conditioning, tensors: dict[str, Tensor]
) -> None:
    assert prompt.text is not None and prompt.text_mask is not None
    args = tensors["in.noisy"], tensors["in.time"]
    mask = prompt.text_mask.clone()
    mask[1] = False
    text = prompt.text.clone()
    text[1] = torch.nan  # what is masked must not leak, whatever it is
    mixed = model(*args, replace(prompt, text=text, text_mask=mask))
    assert_near(mixed[0], tensors["out.full"][0])
    assert_near(mixed[1], tensors["out.no_text"][1])


def test_video_embedding_matches_aligned_modalities() -> None:
    tensors = load_file(DATA / "align_modalities.safetensors")
    branch = VideoEmbedding(video_dim=6, dim=10).requires_grad_(False)
    branch.load_state_dict(
        {
            "gate": tensors["sd.sam.gate"],
            "projection.weight": tensors["sd.sam.conv.weight"].squeeze(-1),
            "projection.bias": tensors["sd.sam.conv.bias"],
            "norm.weight": tensors["sd.sam.layer_norm.weight"],
            "norm.bias": tensors["sd.sam.layer_norm.bias"],
        }
    )
    frames = tensors["in.sam.anchor"]
    video = tensors["in.sam.tgt"].transpose(1, 2)
    assert_near(frames + branch(video), tensors["out.sam"])
    assert_near(frames + branch(None), tensors["out.sam_zero_video"])


@pytest.mark.parametrize("size", ["small", "base", "large"])
def test_released_names_and_shapes(size: str) -> None:
    """Shapes only, on the meta device; layer 0 stands for all of them in the file."""
    listed = json.loads((DATA / "released_velocity_field.json").read_text())[size]
    released = {
        name.replace("*", str(layer)): torch.empty(shape, device="meta")
        for name, shape in listed["weights"].items()
        for layer in (range(listed["layers"]) if "*" in name else [0])
    }
    released["audio_codec.encoder.bias"] = torch.empty(1, device="meta")
    with torch.device("meta"):
        ours = VelocityField(RELEASED[size]).state_dict()
    converted = convert(released)
    assert {n: t.shape for n, t in converted.items()} == {n: t.shape for n, t in ours.items()}


def test_conversion_names_what_is_wrong(tensors: dict[str, Tensor]) -> None:
    weights = {k.removeprefix("sd."): v for k, v in tensors.items() if k.startswith("sd.")}
    with pytest.raises(SoundsiftError, match=r"strange\.weight"):
        convert({**weights, "strange.weight": torch.zeros(1)})
    del weights["proj.bias"]
    with pytest.raises(SoundsiftError, match=r"proj\.bias"):
        convert(weights)


def test_fresh_model_predicts_zero_and_learns() -> None:
    torch.manual_seed(0)
    model = VelocityField(CONFIG)
    noisy, context = torch.randn(4, 6, 16), torch.randn(4, 6, 32)
    text, time = torch.randn(4, 3, 32), torch.rand(4)
    prompt = Conditioning(context, text, anchors=torch.randint(0, 3, (4, 6)))
    assert not model(noisy, time, prompt).any()
    goal = context[..., :16] - noisy
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    for step in range(30):
        loss = (model(noisy, time, prompt) - goal).square().mean()
        optimiser.zero_grad()
        loss.backward()
        if step == 2:  # all that starts at zero has let gradients through by now
            silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
            # Absent video reaches the model through bias and norm alone.
            assert silent == ["video.projection.weight"]
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_bfloat16_autocast(
    model: VelocityField, prompt: Conditioning, tensors: dict[str, Tensor]
) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        prepared = model.prepare(prompt)
        out = model(tensors["in.noisy"], tensors["in.time"], prepared)
    assert prepared.frames.dtype == out.dtype == torch.float32
    assert float((out - tensors["out.full"]).norm() / tensors["out.full"].norm()) < 0.03


def test_full_masks_are_dropped(model: VelocityField, prompt: Conditioning) -> None:
    full = replace(prompt, text_mask=torch.ones(2, 4).bool(), frame_mask=torch.ones(2, 11).bool())
    prepared = model.prepare(full)
    assert prepared.text_mask is None and prepared.frame_mask is None


def test_wrong_shapes(model: VelocityField, prompt: Conditioning) -> None:
    with pytest.raises(ValueError, match="noisy is"):
        model(torch.zeros(2, 10, 16), torch.zeros(2), prompt)
    with pytest.raises(ValueError, match="context is"):
        model.prepare(Conditioning(torch.zeros(2, 10, 31)))
    blind = VelocityField(CONFIG.model_copy(update={"video_dim": None}))
    with pytest.raises(ValueError, match="no video branch"):
        blind.prepare(prompt)

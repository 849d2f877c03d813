import pytest
import torch
from tests.checkpoints.tiny import distance, fixture
from torch import Tensor

from soundsift.checkpoints.pe_a_frame import config_from, convert
from soundsift.models.pe_a_frame import PeAFrame


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return fixture("pe_a_frame_tiny")[0]


@pytest.fixture(scope="module")
def model() -> PeAFrame:
    _, config, weights = fixture("pe_a_frame_tiny")
    config["audio_model"]["dac_vae_encoder"]["codebook_dim"] = 8
    network = PeAFrame(config_from(config, "tiny"))
    network.load_state_dict(convert(weights))
    return network.eval().requires_grad_(False)


def test_embeddings_are_the_authors(model: PeAFrame, tensors: dict[str, Tensor]) -> None:
    latents, mask = tensors["in.features"], tensors["in.padding_mask"]
    assert not mask.all()
    assert distance(model.embed_audio(latents), tensors["out.audio_embeds_nomask"]) < 1e-5
    # With a mask theirs are compared in the padding, too: it is not seen, but embedded alike.
    assert distance(model.embed_audio(latents, mask), tensors["out.audio_embeds"]) < 1e-5
    states = tensors["out.text_hidden_nth"][:, 0]
    assert distance(model.embed_text(states), tensors["out.text_embeds"]) < 1e-5


def test_logits_are_scaled_products(model: PeAFrame, tensors: dict[str, Tensor]) -> None:
    latents, mask = tensors["in.features"], tensors["in.padding_mask"]
    logits = model(latents, tensors["out.text_hidden_nth"][:, 0], mask)
    products = torch.einsum("bte,be->bt", tensors["out.audio_embeds"], tensors["out.text_embeds"])
    assert distance(logits, products * model.scale + model.bias) < 1e-5


def test_padding_is_not_seen(model: PeAFrame, tensors: dict[str, Tensor]) -> None:
    latents, mask = tensors["in.features"], tensors["in.padding_mask"]
    length = int(mask[1].sum())
    alone = model.embed_audio(latents[1:, :length])
    together = model.embed_audio(latents, mask)[1:, :length]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    noisy = torch.where(mask[..., None], latents, 100.0)
    torch.testing.assert_close(
        model.embed_audio(noisy, mask)[1:, :length], alone, atol=1e-4, rtol=1e-4
    )

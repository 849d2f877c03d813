from pathlib import Path
from typing import Any

import pytest
import torch
from tests.checkpoints.tiny import (
    distance,
    fixture,
    phrases,
    released,
    write_model,
    write_tokenizer,
)
from torch import Tensor

from soundsift.checkpoints import modernbert
from soundsift.checkpoints.modernbert import load_modernbert
from soundsift.checkpoints.pe_a_frame import (
    config_from,
    convert,
    load_span_predictor,
)
from soundsift.checkpoints.state_dict import select
from soundsift.errors import SoundsiftError
from soundsift.models.pe_a_frame import PeAFrame

SIZES = ["small", "base", "large"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As on the authors' branch, with a weight of the codec."""
    _, config, weights = fixture("pe_a_frame_tiny")
    weights["audio_model.dac_vae_encoder.encoder.conv1.bias"] = torch.ones(4)
    write_model(tmp_path, config, weights)
    write_tokenizer(tmp_path, 120, "w1 $A w1")
    return tmp_path


@pytest.mark.parametrize("size", SIZES)
def test_released_names_and_shapes(size: str) -> None:
    from transformers import ModernBertModel

    config, weights = released(f"pe_a_frame_{size}")
    # The text encoder's sizes are the same for all and not in the list.
    config["text_model"] = {"hidden_size": 1024, "intermediate_size": 2624}
    config["text_model"] |= {"num_hidden_layers": 28, "num_attention_heads": 16}
    with torch.device("meta"):
        ours = PeAFrame(config_from(config, size)).state_dict()
        text = ModernBertModel(modernbert.config_from(config["text_model"])).state_dict()
    assert _shapes(convert(weights)) == _shapes(ours)
    assert _shapes(select(weights, "text_model.")) == _shapes(text)


def _shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def test_probabilities_from_phrases(folder: Path) -> None:
    tensors, _, weights = fixture("pe_a_frame_tiny")
    predictor = load_span_predictor(folder)
    words = phrases(tensors["in.ids"], tensors["in.attention_mask"])
    states = predictor.text.encode(words)
    assert distance(states, tensors["out.text_hidden_nth"][:, 0]) < 1e-5
    ours = predictor.probabilities(tensors["in.features"], words, tensors["in.padding_mask"])
    products = torch.einsum("bte,be->bt", tensors["out.audio_embeds"], tensors["out.text_embeds"])
    logits = products * weights["logit_scale"] + weights["logit_bias"]
    torch.testing.assert_close(ours, logits.sigmoid(), atol=1e-4, rtol=0)


def test_dropping_later_text_layers_changes_no_bit() -> None:
    tensors, config, weights = fixture("pe_a_frame_tiny")
    text = select(weights, "text_model.")
    inputs = {"input_ids": tensors["in.ids"], "attention_mask": tensors["in.attention_mask"]}
    cut = load_modernbert(config["text_model"], text, 3, "tiny")
    whole = load_modernbert(config["text_model"], text, None, "tiny")
    states = whole(**inputs, output_hidden_states=True).hidden_states
    assert len(cut.layers) == 3 and len(whole.layers) == 4
    assert torch.equal(cut(**inputs).last_hidden_state, states[3])
    # The last state is the normed one, as in Transformers.
    last = load_modernbert(config["text_model"], text, 4, "tiny")
    assert torch.equal(last(**inputs).last_hidden_state, states[4])


def test_lower_precision_keeps_rotary_frequencies(folder: Path) -> None:
    tensors, *_ = fixture("pe_a_frame_tiny")
    words = phrases(tensors["in.ids"], tensors["in.attention_mask"])
    exact = load_span_predictor(folder).probabilities(tensors["in.features"], words)
    predictor = load_span_predictor(folder, dtype=torch.bfloat16)
    assert {weight.dtype for weight in predictor.model.state_dict().values()} == {torch.bfloat16}
    buffers = [b.dtype for b in predictor.text.model.buffers() if b.is_floating_point()]
    assert buffers and set(buffers) == {torch.float32}
    rough = predictor.probabilities(tensors["in.features"], words)
    assert rough.dtype == torch.float32
    assert 0 < float((rough - exact).abs().mean()) < 0.05


def test_layout_of_transformers(tmp_path: Path) -> None:
    """The same numbers as the library's own model, but for the norm of the text that it adds."""
    from transformers import PeAudioConfig, PeAudioFrameLevelModel

    torch.manual_seed(0)
    text: dict[str, Any] = fixture("pe_a_frame_tiny")[1]["text_model"]
    del text["reference_compile"]
    codec = {"encoder_hidden_size": 4, "hidden_size": 64, "codebook_dim": 8}
    audio = {"hidden_size": 32, "intermediate_size": 80, "num_hidden_layers": 2}
    audio |= {"num_attention_heads": 4, "head_dim": 8, "dac_config": codec}
    theirs = PeAudioFrameLevelModel(
        PeAudioConfig(text_config={"model_type": "modernbert", **text}, audio_config=audio)
    ).eval()
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    torch.nn.init.ones_(theirs.text_model.final_norm.weight)
    theirs.save_pretrained(tmp_path)
    write_tokenizer(tmp_path, 120, "w1 $A w1")
    predictor = load_span_predictor(tmp_path)

    latents = torch.randn(2, 9, 8)
    with torch.no_grad():
        encoder = theirs.audio_encoder
        embedded, _ = encoder.patch_embedder(encoder.embedder.data_proj(latents))
        positions = encoder.rotary_emb(embedded, torch.arange(10)[None])
        for layer in encoder.layers:
            embedded = layer(embedded, position_embeddings=positions)
        expected = theirs.audio_head(encoder.output(encoder.norm(embedded))[:, 1:])
        ids = torch.tensor([[1, 7, 44, 1]])
        words = theirs.text_audio_head(theirs.text_model(ids).last_hidden_state[:, 0])
    assert distance(predictor.model.embed_audio(latents), expected) < 1e-5
    # With weights of 1 in that norm, a norm after a norm is the norm: here they must agree.
    states = predictor.text.encode(["w7 w44"])
    assert distance(predictor.model.embed_text(states), words) < 1e-3
    assert predictor.model.scale == theirs.text_audio_logit_scale


def test_what_is_wrong_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    _, config, weights = fixture("pe_a_frame_tiny")
    write_model(folder, config, {**weights, "strange.weight": torch.ones(1)})
    with pytest.raises(SoundsiftError, match=r"strange\.weight"):
        load_span_predictor(folder)
    write_model(folder, config, {k: v for k, v in weights.items() if "layers.1.mlp.up" not in k})
    with pytest.raises(SoundsiftError, match=r"no transformer\.blocks\.1\.feed_forward\.up"):
        load_span_predictor(folder)
    write_model(folder, config, {**weights, "audio_head.proj.weight": torch.ones(16, 31)})
    with pytest.raises(SoundsiftError, match=r"audio_projection\.weight is \(16, 31\), expected"):
        load_span_predictor(folder)
    write_model(folder, {"model_type": "t5"}, weights)
    with pytest.raises(SoundsiftError, match="not the configuration of a PE-A-Frame"):
        load_span_predictor(folder)
    (folder / "config.json").unlink()
    with pytest.raises(SoundsiftError, match=r"it has no config\.json"):
        load_span_predictor(folder)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    with pytest.raises(SoundsiftError, match=r"`hf download facebook/pe-a-frame-small`\.$"):
        load_span_predictor("facebook/pe-a-frame-small")

import json
import resource
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.checkpoints.tiny import (
    distance,
    fixture,
    phrases,
    released,
    write_model,
    write_tokenizer,
)
from torch import Tensor

from soundsift.checkpoints.t5 import T5TextEncoder
from soundsift.errors import SoundsiftError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As t5-base on the Hub: the decoder's weights are in the file, too."""
    _, config, weights = fixture("t5_tiny")
    weights["decoder.final_layer_norm.weight"] = torch.ones(32)
    write_model(tmp_path, {"model_type": "t5", **config}, weights)
    write_tokenizer(tmp_path, config["vocab_size"], "$A w1")
    return tmp_path


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_layers": 10**30}, "num_layers is 1000000000"),
        ({"num_layers": 10**5}, "num_layers is 100000"),
        ({"vocab_size": 10**9}, "vocab_size is 1000000000"),
        ({"d_ff": 10**6}, "asks for .* weights, more than its files"),
        ({"vocab_size": 10**6}, "asks for .* weights, more than its files"),
        ({"num_layers": 100}, "asks for .* weights, more than its files"),
    ],
)
def test_sizes_that_no_file_holds_are_refused_before_anything_is_built(
    folder: Path, change: dict[str, int], words: str
) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SoundsiftError, match=words):
        T5TextEncoder(folder).load()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_states_are_the_authors(folder: Path) -> None:
    tensors, *_ = fixture("t5_tiny")
    mask = tensors["in.mask"].bool()
    encoder = T5TextEncoder(folder)
    together = encoder.load()(input_ids=tensors["in.ids"], attention_mask=tensors["in.mask"])
    assert distance(together.last_hidden_state, tensors["out.last"]) < 1e-5
    states, ours = encoder.encode_batch(phrases(tensors["in.ids"], mask))
    assert torch.equal(ours, mask)
    assert distance(states[mask], tensors["out.last"][mask]) < 1e-5
    assert states[~mask].abs().sum() == 0


def test_no_text_is_the_empty_phrase(folder: Path) -> None:
    encoder = T5TextEncoder(folder)
    states, mask = encoder.encode_batch([None, "w7 w44", ""])
    assert mask.tolist() == [[True, False, False], [True] * 3, [True, False, False]]
    end = encoder.load()(input_ids=torch.tensor([[1]])).last_hidden_state[0]
    torch.testing.assert_close(states[0, :1], end)
    assert torch.equal(states[0], states[2])
    states, mask = encoder.encode_batch([None])
    assert states.shape == (1, 1, 32) and mask.all()


def test_a_phrase_is_encoded_once_and_cut_after_512_tokens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And in memory is the network only meanwhile."""
    loaded: list[weakref.ref[Any]] = []
    calls: list[int] = []
    load = T5TextEncoder.load

    def counted(encoder: T5TextEncoder) -> Any:
        model = load(encoder)
        model.register_forward_hook(lambda *_: calls.append(1))
        loaded.append(weakref.ref(model))
        return model

    monkeypatch.setattr(T5TextEncoder, "load", counted)
    encoder = T5TextEncoder(folder)
    assert not loaded
    encoder.encode_batch(["w7", "w9", "w7"])
    assert encoder.encode("w7") is encoder.encode("w7")
    assert len(calls) == 2 and len(loaded) == 1
    assert encoder.encode(" ".join(["w7"] * 600)).shape == (512, 32)
    assert len(calls) == 3 and len(loaded) == 2
    assert all(model() is None for model in loaded)


def test_only_the_encoder_is_loaded_in_the_type_asked_for(folder: Path) -> None:
    encoder = T5TextEncoder(folder, dtype=torch.bfloat16)
    model = encoder.load()
    weights = model.state_dict()
    assert not any("decoder" in name for name in weights)
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())
    state, exact = encoder.encode("w7 w44"), T5TextEncoder(folder).encode("w7 w44")
    assert state.dtype == torch.float32
    assert 0 < distance(state, exact) < 0.05


def test_weights_in_a_pickle(folder: Path) -> None:
    exact = T5TextEncoder(folder).encode("w7")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert torch.equal(T5TextEncoder(folder).encode("w7"), exact)


def test_released_names_and_shapes() -> None:
    from transformers import T5Config, T5EncoderModel

    _, weights = released("t5_base_encoder")
    config = T5Config(d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12)
    with torch.device("meta"):
        ours = T5EncoderModel(config).state_dict()
    assert _shapes(ours) == _shapes(weights)


def _shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def test_a_missing_model_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SoundsiftError, match=r"^t5-base is neither .*`hf download t5-base`\.$"):
        T5TextEncoder()


def test_what_is_wrong_with_a_folder_is_named(folder: Path) -> None:
    encoder = T5TextEncoder(folder)
    weights = load_file(folder / "model.safetensors")
    norm = "encoder.final_layer_norm.weight"
    save_file({k: v for k, v in weights.items() if k != norm}, folder / "model.safetensors")
    with pytest.raises(SoundsiftError, match=rf"disagree: no {norm}\.$"):
        encoder.encode("w7")
    save_file({**weights, norm: torch.ones(31)}, folder / "model.safetensors")
    with pytest.raises(SoundsiftError, match=rf"{norm} is \(31,\), expected \(32,\)"):
        encoder.encode("w7")
    save_file({**weights, "strange": torch.ones(1)}, folder / "model.safetensors")
    with pytest.raises(SoundsiftError, match="strange, not known"):
        encoder.encode("w7")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(SoundsiftError, match="damaged"):
        encoder.encode("w7")
    (folder / "model.safetensors").unlink()
    with pytest.raises(SoundsiftError, match=str(folder)):
        encoder.encode("w7")
    (folder / "tokenizer.json").write_text(json.dumps({"version": 1}))
    with pytest.raises(SoundsiftError, match=r"tokenizer\.json: not a tokenizer"):
        T5TextEncoder(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(SoundsiftError, match=r"has no tokenizer\.json"):
        T5TextEncoder(folder)


def test_a_missing_library_is_named_before_any_phrase(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SoundsiftError, match=r"library transformers\. .*soundsift\[released\]"):
        T5TextEncoder(folder)

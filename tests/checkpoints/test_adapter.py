"""Adapters: written, read, applied, and refused where they do not fit."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.released import write_released
from tests.tiny_model import CONFIG, write_tiny_model

import soundsift
from soundsift.checkpoints import sam_audio
from soundsift.checkpoints.adapter import (
    AdapterFacts,
    apply_adapter,
    fingerprint,
    load_adapter,
    read_facts,
    save_adapter,
)
from soundsift.checkpoints.load import open_model
from soundsift.checkpoints.store import load_weights
from soundsift.errors import SoundsiftError
from soundsift.models.low_rank import (
    LowRankChange,
    add_low_rank,
    low_rank_changes,
    without_low_rank,
)
from soundsift.models.velocity_field import Conditioning, VelocityField

LAYERS = ("transformer.blocks.0.self_attention.qkv", "transformer.blocks.0.feed_forward.down")


def drawn_changes(weights, rank=2):
    generator = torch.Generator().manual_seed(1)
    changes = {}
    for layer in LAYERS:
        rows, columns = weights[f"{layer}.weight"].shape
        down, up = torch.randn(rank, columns, generator=generator), torch.randn(rows, rank)
        changes[layer] = LowRankChange(down, up, 4.0 / rank)
    return changes


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def weights(model):
    return load_weights(model)


def saved(path, weights, **facts):
    changes = drawn_changes(weights)
    facts = AdapterFacts(model="tiny", weights=fingerprint(weights, changes), **facts)
    save_adapter(path, changes, facts, alpha=4.0)
    return changes


@pytest.mark.parametrize("name", ["own.safetensors", "folder"])
def test_an_adapter_comes_back_as_it_was_written(name, weights, tmp_path):
    changes = saved(tmp_path / name, weights, phrase="my dog", check={"sound_after_db": 7.5})
    adapter = load_adapter(tmp_path / name)
    assert adapter.facts == read_facts(tmp_path / name)
    assert adapter.facts.phrase == "my dog"
    assert adapter.facts.check == {"sound_after_db": 7.5}
    merged = apply_adapter(adapter, weights, "tiny")
    assert set(merged) == set(weights)
    for layer in LAYERS:
        name = f"{layer}.weight"
        product = changes[layer].up @ changes[layer].down * changes[layer].scale
        torch.testing.assert_close(merged[name], weights[name] + product)
    untouched = "transformer.blocks.0.cross_attention.query.weight"
    assert merged[untouched] is weights[untouched]


def test_the_changed_model_computes_what_training_computed(model, weights, tmp_path):
    field = VelocityField(CONFIG.field)
    field.load_state_dict(weights)
    prompt = Conditioning(context=torch.randn(1, 5, 384))
    noisy, time = torch.zeros(1, 5, 256), torch.zeros(())
    before = field(noisy, time, prompt)
    add_low_rank(field, dict.fromkeys(LAYERS, 2), alpha=4.0)
    torch.testing.assert_close(field(noisy, time, prompt), before)  # the product begins at zero
    for layer in LAYERS:
        torch.nn.init.normal_(field.get_submodule(layer).up, std=0.1)
    trained = field(noisy, time, prompt)
    assert (trained - before).abs().max() > 1e-3
    with without_low_rank(field):
        torch.testing.assert_close(field(noisy, time, prompt), before)
    save_adapter(tmp_path / "a.safetensors", low_rank_changes(field), AdapterFacts(), alpha=4.0)
    merged = apply_adapter(load_adapter(tmp_path / "a.safetensors"), weights, "tiny")
    loaded = VelocityField(CONFIG.field)
    loaded.load_state_dict(dict(merged))
    torch.testing.assert_close(loaded(noisy, time, prompt), trained, atol=1e-5, rtol=1e-4)


def test_a_loaded_adapter_changes_the_separation_and_is_in_the_settings(model, weights, tmp_path):
    file = tmp_path / "own.safetensors"
    saved(file, weights, phrase="my dog")
    sound = np.random.default_rng(0).normal(0, 0.1, (1, 8000)).astype(np.float32)
    plain = soundsift.load(model).separate(sound, sample_rate=16_000, text="my dog")
    separator = soundsift.load(model, adapter=file)
    tuned = separator.separate(sound, sample_rate=16_000, text="my dog")
    assert np.abs(tuned.target - plain.target).max() > 1e-4
    np.testing.assert_allclose(tuned.target + tuned.residual, sound, atol=1e-6)
    assert plain.settings["adapter"] is None
    assert tuned.settings["adapter"]["name"] == "own.safetensors"
    assert tuned.settings["adapter"]["phrase"] == "my dog"
    function, arguments = separator.__reduce__()
    again = function(*arguments).separate(sound, sample_rate=16_000, text="my dog")
    np.testing.assert_array_equal(again.target, tuned.target)


def test_adapters_of_other_weights_are_refused(model, weights, tmp_path):
    file = tmp_path / "own.safetensors"
    saved(file, weights)
    others = {name: weight + 1e-3 for name, weight in weights.items()}
    with pytest.raises(
        SoundsiftError, match=r"own.safetensors was made for other weights \(tiny\)"
    ):
        apply_adapter(load_adapter(file), others, "another")
    fewer = {name: weight for name, weight in weights.items() if "feed_forward" not in name}
    with pytest.raises(SoundsiftError, match=r"no layer transformer.blocks.0.feed_forward.down"):
        apply_adapter(load_adapter(file), fewer, "another")


def test_the_fingerprint_does_not_depend_on_the_layer_order_but_on_values(weights):
    known = fingerprint(weights, dict.fromkeys(LAYERS))
    assert known == fingerprint(weights, dict.fromkeys(reversed(LAYERS)))
    assert known != fingerprint({n: w * 1.001 for n, w in weights.items()}, dict.fromkeys(LAYERS))


def peft_folder(folder: Path, tensors, **config) -> Path:
    folder.mkdir()
    named = {f"base_model.model.{name}.weight": tensor for name, tensor in tensors.items()}
    save_file(named, folder / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 6.0, "target_modules": ["wq"]} | config
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def test_lora_with_released_names_changes_a_released_model(tmp_path):
    folder = write_released(tmp_path / "released")
    checkpoint = sam_audio.map_checkpoint(folder)
    layer = "transformer.layers.0.attention.wk"
    rows, columns = checkpoint[f"{layer}.weight"].shape
    down, up = torch.randn(2, columns), torch.randn(rows, 2)
    tensors = {f"{layer}.lora_A": down, f"{layer}.lora_B": up}
    adapter = load_adapter(peft_folder(tmp_path / "lora", tensors))
    changed = open_model(folder, adapter=adapter).field
    by_hand = dict(checkpoint)
    by_hand[f"{layer}.weight"] = checkpoint[f"{layer}.weight"] + 3.0 * up @ down
    expected = sam_audio.convert(by_hand)
    name = "transformer.blocks.0.self_attention.qkv.weight"
    torch.testing.assert_close(changed[name], expected[name])
    assert not torch.allclose(changed[name], open_model(folder).field[name])


def test_rank_stabilised_scale_and_patterns_are_read(tmp_path):
    tensors = {"a.b.lora_A": torch.ones(4, 3), "a.b.lora_B": torch.ones(5, 4)}
    patterns = {"rank_pattern": {"b": 4}, "alpha_pattern": {"b": 8.0}}
    plain = load_adapter(peft_folder(tmp_path / "plain", tensors, **patterns))
    assert plain.changes["a.b"].scale == 2.0
    anchored = {"rank_pattern": {"^a.b": 4}, "alpha_pattern": {"c.*": 1.0}, "r": 8}
    scale = load_adapter(peft_folder(tmp_path / "anchored", tensors, **anchored)).changes["a.b"]
    assert scale.scale == 1.5  # PEFT tries the whole name, too
    stable = load_adapter(peft_folder(tmp_path / "stable", tensors, r=4, use_rslora=True))
    assert stable.changes["a.b"].scale == 3.0


@pytest.mark.parametrize(
    ("config", "culprit"),
    [
        ({"peft_type": "IA3"}, "type IA3"),
        ({"use_dora": True}, "DoRA"),
        ({"bias": "all"}, "biases"),
        ({"modules_to_save": ["output"]}, "whole layers"),
        ({"fan_in_fan_out": True}, "transposed"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa"),
        ({"lora_bias": True}, "biases"),
        ({"target_parameters": ["wq"]}, "target_parameters"),
        ({"r": 3}, "rank 2, but the adapter's settings say 3"),
        ({"rank_pattern": {"(a+)+": 2}}, "pattern"),
        ({"r": 0}, "not an adapter's settings"),
    ],
)
def test_other_kinds_are_refused(config, culprit, tmp_path):
    tensors = {"a.lora_A": torch.ones(2, 3), "a.lora_B": torch.ones(5, 2)}
    with pytest.raises(SoundsiftError, match=culprit):
        load_adapter(peft_folder(tmp_path / "lora", tensors, **config))


def test_damaged_files_are_refused(model, weights, tmp_path):
    file = tmp_path / "own.safetensors"
    saved(file, weights)
    data = file.read_bytes()
    cases = {"cut.safetensors": data[: len(data) // 2], "text.safetensors": b"hello", "empty": b""}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SoundsiftError, match=name):
            load_adapter(tmp_path / name)
    with pytest.raises(SoundsiftError, match="no such adapter"):
        load_adapter(tmp_path / "missing.safetensors")
    with pytest.raises(SoundsiftError, match="not an adapter"):
        load_adapter(model / "model.safetensors")
    with pytest.raises(SoundsiftError, match="not an adapter"):
        load_adapter(model)
    tensors = {"a.lora_A": torch.full((2, 3), torch.nan), "a.lora_B": torch.ones(5, 2)}
    with pytest.raises(SoundsiftError, match="NaN"):
        load_adapter(peft_folder(tmp_path / "nan", tensors))
    tensors = {"a.lora_A": torch.ones(3, 3), "a.lora_B": torch.ones(5, 2)}
    with pytest.raises(SoundsiftError, match="do not fit together"):
        load_adapter(peft_folder(tmp_path / "unequal", tensors))

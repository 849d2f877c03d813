"""Tuning of a released model: a tiny one, from the recordings to waves that differ."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.released import TINY_VISION, write_released
from tests.tiny_model import write_tiny_model
from typer.testing import CliRunner

import soundsift
from soundsift.checkpoints import pe_vision
from soundsift.checkpoints.adapter import AdapterFacts, load_adapter, read_facts, save_adapter
from soundsift.checkpoints.convert import convert
from soundsift.checkpoints.load import build_codec, build_text_encoder, open_model
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.released_form import released_changes
from soundsift.checkpoints.sam_audio import convert_changes
from soundsift.cli import app
from soundsift.cli.studio import offered
from soundsift.errors import SoundsiftError
from soundsift.models.low_rank import low_rank_changes
from soundsift.presets import VELOCITY_PRESETS
from soundsift.reference import separate_window
from soundsift.training.tune import check
from soundsift.training.tune.backgrounds import find_backgrounds, other_phrases, tuned_bank
from soundsift.training.tune.config import LatentTuningConfig
from soundsift.training.tune.latent_plan import plan_memory
from soundsift.training.tune.latent_scenes import LatentTuningScenes
from soundsift.training.tune.latent_trainer import (
    latent_losses,
    load_field,
    make_trainable,
    train_latent_adapter,
)
from soundsift.training.tune.recordings import read_recordings
from soundsift.training.tune.scenes import SceneDrawer

pytest.importorskip("transformers", reason="the released models need the extra `released`")

RATE = 48_000
CPU = torch.device("cpu")
SMALL = LatentTuningConfig(
    steps=2, rank=2, seconds=(0.4,), frames=30, warmup=1, checked_scenes=1, precision="float32"
)


@pytest.fixture(scope="module", autouse=True)
def tiny_vision():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pe_vision, "CONFIGS", {"PE-Core-L14-336": TINY_VISION})
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_released(tmp_path_factory.mktemp("released") / "sam-audio-tiny")


@pytest.fixture(scope="module")
def scenes(clips, bank_folder, model):
    found = read_recordings(clips, "my whistle")
    others = find_backgrounds(bank_folder, [], held_out=False)
    names = other_phrases(["whistle"], TextEncoder())
    own = [one.clip for one in found]
    drawer = SceneDrawer(tuned_bank(found, others), own, others.clips, names, SMALL, 3)
    return LatentTuningScenes(drawer, ["whistle"], SMALL, open_model(model).config.codec)


@pytest.fixture(scope="module")
def parts(model):
    """Codec and text encoder."""
    stored = open_model(model)
    codec = build_codec(stored.config.codec, stored.codec, model, CPU)
    return codec, build_text_encoder(stored.config, model, CPU)


@pytest.fixture(scope="module")
def tuned(model, clips, bank_folder, tmp_path_factory):
    """An adapter that the command wrote, and what the command said."""
    folder = tmp_path_factory.mktemp("tuned")
    recipe = folder / "recipe.yaml"
    values = SMALL.model_dump(mode="json", exclude={"scenes", "drop"}) | {"rate": 0.03}
    recipe.write_text(json.dumps(values))
    asked = ["tune", str(clips), "--caption", "my whistle", "--model", str(model), "--json"]
    asked += ["--bank", str(bank_folder), "--workers", "0", "--output", str(folder / "whistle")]
    asked += ["--config", str(recipe), "--steps", "3", "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "SECONDS", 1.0)
        result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    return folder / "whistle", result


def test_batches_hold_each_wave_once_and_add_up(scenes):
    drawn = [scenes[number] for number in range(6)]
    for batch in drawn:
        assert batch.waves.shape[1] == 10 * 1920
        assert not batch.waves[0].any()
        assert len({wave.numpy().tobytes() for wave in batch.waves}) >= len(batch.waves) - 1
        sums = batch.waves[batch.target] + batch.waves[batch.residual]
        torch.testing.assert_close(sums, batch.waves[batch.mixture], atol=1e-5, rtol=1e-4)
        marked = batch.anchors.bool().any(dim=1)
        for text, spans, own in zip(batch.phrases, marked, batch.tuned, strict=True):
            assert not own or text is None or "whistle" in text
            assert not own or text is not None or spans  # a tuned query asks for something
    tuned = torch.cat([batch.tuned for batch in drawn])
    assert tuned.any()
    assert not tuned.all()
    torch.testing.assert_close(scenes[3].noise, drawn[3].noise, rtol=0, atol=0)


def test_training_lowers_the_loss_and_keeps_the_rest(model, scenes, parts):
    codec, text = parts
    stored = open_model(model)
    config = SMALL.model_copy(update={"steps": 25, "rate": 3e-2, "rank": 4})
    longer = LatentTuningScenes(scenes.drawer, ["whistle"], config, scenes.codec)
    field = load_field(stored, model, CPU, torch.float32)
    terms = []
    args = (longer, codec, text, 1, lambda _, own: terms.append(own), 0)
    train_latent_adapter(field, config, *args)
    assert terms[0].get("kept", 0.0) == pytest.approx(0.0, abs=1e-9)
    # The same batches before and after: flow times and noise alone move the loss by more.
    fresh = load_field(stored, model, CPU, torch.float32)
    make_trainable(fresh, config)
    with torch.no_grad():
        before, after = (
            np.mean([latent_losses(one, longer[n], config, codec, text)["tuned"] for n in range(6)])
            for one in (fresh.eval(), field)
        )
    assert after < 0.8 * before


def test_blocks_computed_again_give_the_same_gradients_as_kept_ones(model, scenes, parts):
    stored = open_model(model)
    gradients = []
    for again in (False, True):
        field = load_field(stored, model, CPU, torch.float32)
        torch.manual_seed(0)
        make_trainable(field, SMALL.model_copy(update={"checkpoint_activations": again}))
        terms = latent_losses(field, scenes[0], SMALL, *parts)
        torch.stack(list(terms.values())).sum().backward()
        gradients.append([p.grad for p in field.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 0
    for kept, computed in zip(*gradients, strict=True):
        torch.testing.assert_close(kept, computed)


def test_products_in_bfloat16_train_as_well(model, scenes, parts):
    field = load_field(open_model(model), model, CPU, torch.bfloat16)
    block = field.transformer.blocks[0]
    assert block.self_attention.qkv.weight.dtype == torch.bfloat16
    assert block.self_attention_norm.weight.dtype == torch.float32
    changes = train_latent_adapter(field, SMALL, scenes, *parts, 1, lambda *_: None, 0)
    assert all(change.up.dtype == torch.float32 for change in changes.values())
    assert any(change.up.abs().max() > 0 for change in changes.values())


def test_merged_and_unmerged_give_the_same_wave(model, tmp_path):
    stored = open_model(model)
    field = load_field(stored, model, CPU, torch.float32)
    torch.manual_seed(0)
    make_trainable(field, SMALL)
    for name, weight in field.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(weight, std=0.2)
    released = released_changes(low_rank_changes(field), stored.config.field)
    save_adapter(tmp_path / "lora", released, AdapterFacts(), SMALL.alpha)
    adapter = load_adapter(tmp_path / "lora")
    merged = load_field(open_model(model, adapter=adapter), model, CPU, torch.float32)
    plain = soundsift.load(model, "cpu", "float32")
    untouched = load_field(stored, model, CPU, torch.float32)
    wave = torch.from_numpy(np.random.default_rng(0).normal(0, 0.2, (1, 1, 19_200))).float()
    waves = [
        separate_window(one.eval(), plain.model, wave, VELOCITY_PRESETS["draft"], "w7 w44")
        for one in (field, merged, untouched)
    ]
    torch.testing.assert_close(waves[1], waves[0], atol=3e-4, rtol=0)
    assert (waves[1] - waves[2]).abs().max() > 0.1


def test_a_loaded_adapter_changes_the_separation(tuned, model):
    folder, _ = tuned
    wave = np.random.default_rng(0).normal(0, 0.2, (1, 19_200)).astype(np.float32)
    options = {"sample_rate": RATE, "text": "my whistle", "preset": "draft"}
    results = [
        soundsift.load(model, "cpu", "float32", adapter=one).separate(wave, **options)
        for one in (None, folder)
    ]
    assert np.abs(results[1].target - results[0].target).max() > 1e-3
    assert results[1].settings["adapter"]["phrase"] == "my whistle"


def test_names_and_heads_survive_the_way_there_and_back(model):
    stored = open_model(model)
    field = load_field(stored, model, CPU, torch.float32)
    make_trainable(field, SMALL)
    for weight in field.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight)
    changes = low_rank_changes(field)
    released = released_changes(changes, stored.config.field)
    assert {len(one.down) for one in released.values()} == {SMALL.rank}
    kinds = {name.split(".", 3)[3] for name in released}
    projections = {
        f"{kind}.w{letter}" for kind in ("attention", "cross_attention") for letter in "qkvo"
    }
    assert kinds == projections | {f"feed_forward.w{n}" for n in "123"}
    back = convert_changes(released, stored.config.field)
    assert back.keys() == changes.keys()
    for layer, change in changes.items():
        rows, columns = change.shape
        zero = torch.zeros(rows, columns)
        torch.testing.assert_close(back[layer].added_to(zero), change.added_to(zero))


def test_the_command_writes_what_peft_reads(tuned, model):
    folder, result = tuned
    assert "Tuning takes about" in result.stderr
    report = json.loads(result.stdout)
    assert read_facts(folder).check["sound_after_db"] == report["sound_db"][1]
    settings = json.loads((folder / "adapter_config.json").read_text())
    assert (settings["peft_type"], settings["r"], settings["lora_alpha"]) == ("LORA", 2, 32.0)
    names = settings["target_modules"]
    assert len(names) == 2 * 11
    tensors = load_file(folder / "adapter_model.safetensors")
    assert set(tensors) == {
        f"base_model.model.{name}.lora_{part}.weight" for name in names for part in "AB"
    }
    checkpoint = torch.load(model / "checkpoint.pt")
    for name in names:
        rows, columns = checkpoint[f"{name}.weight"].shape
        assert tensors[f"base_model.model.{name}.lora_A.weight"].shape == (2, columns)
        assert tensors[f"base_model.model.{name}.lora_B.weight"].shape == (rows, 2)


def test_the_adapter_changes_the_released_model_and_its_conversions(tuned, model, tmp_path):
    folder, _ = tuned
    adapter = load_adapter(folder)
    plain = open_model(model).field
    layer = "transformer.blocks.1.cross_attention.key_value.weight"
    expected = open_model(model, adapter=adapter).field[layer]
    assert not torch.allclose(expected, plain[layer])
    for stored, tolerance in (("float32", 1e-6), ("bfloat16", 2e-2), ("int8", 5e-2)):
        convert(model, tmp_path / stored, stored)
        found = open_model(tmp_path / stored, adapter=adapter).field[layer].float()
        torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)
    assert list(offered([folder], [str(model)])) == [f"{model} for my whistle"]


def test_adapters_are_refused_by_other_models(tuned, model, tmp_path):
    folder, _ = tuned
    adapter = load_adapter(folder)
    default = write_tiny_model(tmp_path / "default")
    with pytest.raises(SoundsiftError, match=r"made for another model \(sam-audio-tiny\)"):
        open_model(default, adapter=adapter)
    other = write_released(tmp_path / "other")
    checkpoint = torch.load(other / "checkpoint.pt")
    checkpoint["transformer.layers.1.ffn_norm.weight"] += 0.01
    torch.save(checkpoint, other / "checkpoint.pt")
    with pytest.raises(SoundsiftError, match=r"made for other weights \(sam-audio-tiny\)"):
        open_model(other, adapter=adapter)
    with pytest.raises(SoundsiftError, match="Offer it with --model"):
        offered([folder], [])


def test_the_plan_follows_sizes_and_settings(model):
    config = open_model(model).config
    plans = {
        (dtype, again): plan_memory(
            config, SMALL.model_copy(update={"checkpoint_activations": again}), CPU, dtype
        )
        for dtype in (torch.float32, torch.bfloat16)
        for again in (False, True)
    }
    wide, narrow = plans[torch.float32, True], plans[torch.bfloat16, True]
    assert narrow["frozen weights"] < wide["frozen weights"]
    assert narrow["activations"] < wide["activations"] < plans[torch.float32, False]["activations"]
    stored = open_model(model).field
    own = 4 * sum(stored[name].numel() for name in stored)
    assert wide["frozen weights"] == own

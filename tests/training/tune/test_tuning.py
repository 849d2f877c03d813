"""Tuning of a tiny model on a tiny bank, from the command line to the adapter."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
import yaml
from tests.tiny_model import CONFIG, write_tiny_model
from typer.testing import CliRunner

import soundsift
from soundsift.checkpoints.adapter import read_facts
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.store import load_weights
from soundsift.cli import app
from soundsift.data.procedural import table
from soundsift.errors import SoundsiftError
from soundsift.models.low_rank import without_low_rank
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import VelocityField
from soundsift.training.tune import backgrounds as backgrounds_module
from soundsift.training.tune import check
from soundsift.training.tune.backgrounds import (
    find_backgrounds,
    other_phrases,
    tuned_bank,
    without_meaning,
)
from soundsift.training.tune.config import TuningConfig
from soundsift.training.tune.recordings import hold_out, read_recordings, spoken
from soundsift.training.tune.scenes import SceneDrawer, TuningScenes
from soundsift.training.tune.trainer import hold_loss, train_adapter
from soundsift.training.tune.tuning import tune
from soundsift.training.validation import predict

RATE = 16_000
SMALL = TuningConfig(steps=3, rank=2, seconds=(1.0,), frames=75, warmup=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def drawer_of(clips, bank_folder, config=SMALL, seed=0):
    found = read_recordings(clips, "my whistle")
    others = find_backgrounds(bank_folder, [], held_out=False)
    bank = tuned_bank(found, others)
    own = [one.clip for one in found]
    return SceneDrawer(bank, own, others.clips, ["rain", "piano"], config, seed)


def test_recordings_are_held_out_by_caption_and_copies_go(clips, tmp_path):
    rows = ["file,caption"] + [f"{n}.wav,{'low' if n < 4 else 'high'} whistle" for n in range(8)]
    captions = tmp_path / "captions.csv"
    captions.write_text("\n".join([*rows, "0.wav,low whistle"]))
    found = read_recordings(clips, None, captions)
    assert len(found) == 8
    training, held = hold_out(found, 0.25, seed=5)
    assert (len(training), len(held)) == (6, 2)
    assert {one.clip.concept for one in held} == {"low whistle", "high whistle"}
    again = hold_out(found, 0.25, seed=5)
    assert [one.clip.path for one in again[1]] == [one.clip.path for one in held]
    captions.write_text("file,caption\n0.wav,\n")
    with pytest.raises(SoundsiftError, match="row 1: no file and caption"):
        read_recordings(clips, None, captions)


def test_captions_are_read_as_prompts_are(clips):
    assert spoken("The sound of My Whistle") == "whistle"
    assert {one.clip.concept for one in read_recordings(clips, "my whistle")} == {"whistle"}
    for caption in ("dog, cat", "everything but the dog", "..."):
        with pytest.raises(SoundsiftError):
            spoken(caption)


def test_too_few_or_silent_recordings_are_refused(tmp_path):
    folder = tmp_path / "few"
    folder.mkdir()
    soundfile.write(folder / "a.wav", np.sin(np.arange(8000)), RATE)
    with pytest.raises(SoundsiftError, match="1 different recordings, expected 4"):
        read_recordings(folder, "a")
    soundfile.write(folder / "b.wav", np.zeros(8000), RATE)
    with pytest.raises(SoundsiftError, match=r"b.wav: the recording is silent"):
        read_recordings(folder, "a")
    with pytest.raises(SoundsiftError, match="not a folder"):
        read_recordings(tmp_path / "missing", "a")


def test_batches_ask_for_the_sound_where_it_is_and_where_it_is_not(clips, bank_folder):
    scenes = TuningScenes(drawer_of(clips, bank_folder), ["my whistle"], MelCodec(CONFIG.codec))
    drawn = [scenes[number] for number in range(8)]
    present = torch.cat([one.batch.present for one in drawn])
    tuned = torch.cat([one.tuned for one in drawn])
    phrases = [phrase for one in drawn for phrase in one.batch.phrases]
    asked = [p for p, own in zip(phrases, tuned.tolist(), strict=True) if own and p]
    others = [p for p, own in zip(phrases, tuned.tolist(), strict=True) if not own and p]
    assert all("whistle" in phrase for phrase in asked)
    assert not any("whistle" in phrase for phrase in others)
    assert (tuned & present).any()
    assert (tuned & ~present).any()
    assert (~tuned & present).any()
    again = scenes[2]
    torch.testing.assert_close(again.batch.context, drawn[2].batch.context, rtol=0, atol=0)


def test_own_backgrounds_are_heard_and_never_named(clips, bank_folder):
    noise = np.random.default_rng(0).normal(0, 0.1, 96_000).astype(np.float32)
    others = find_backgrounds(bank_folder, [("street", noise)], held_out=False)
    own = [clip for clip in others.clips if clip.source == backgrounds_module.OWN]
    assert len(own) == 1
    found = read_recordings(clips, "my whistle")
    clips_of = [one.clip for one in found]
    drawer = SceneDrawer(tuned_bank(found, others), clips_of, own, ["rain"], SMALL, 0)
    scene = drawer.scene(np.random.default_rng(1), 1.0, with_own=True)
    assert scene.named == [0]
    assert len(scene.sources) > 1


@pytest.mark.slow
def test_procedural_sound_stands_in_for_a_bank(monkeypatch):
    few = {name: table.SOUNDS[name] for name in ("beep", "door_knock")}
    monkeypatch.setattr(backgrounds_module, "SOUNDS", few)
    training = find_backgrounds(None, [], held_out=False)
    held = find_backgrounds(None, [], held_out=True)
    assert {clip.concept for clip in training.clips} == {"beep", "door knocking"}
    assert not {clip.path for clip in training.clips} & {clip.path for clip in held.clips}
    assert training.audio(training.clips[0], 100, 50).shape == (50,)
    left = without_meaning(training, ["a loud beep"], TextEncoder())
    assert {clip.concept for clip in left} == {"door knocking"}
    phrases = other_phrases(["a loud beep"], TextEncoder())
    assert {"door knocking", "speech", "violin"} <= set(phrases)
    assert "beep" not in phrases


def test_training_learns_the_sound(model, clips, bank_folder):
    text, codec = TextEncoder(), MelCodec(CONFIG.codec)
    config = SMALL.model_copy(update={"steps": 30, "rank": 4, "rate": 1e-2})
    scenes = TuningScenes(drawer_of(clips, bank_folder, config), ["my whistle"], codec)
    field = VelocityField(CONFIG.field)
    field.load_state_dict(load_weights(model))
    terms = []
    train_adapter(field, config, scenes, codec, text, 3, lambda _, own: terms.append(own), 0)
    losses = [one.get("tuned", np.nan) for one in terms]
    assert np.nanmean(losses[-10:]) < np.nanmean(losses[:10]) - 0.05
    # At the first step nothing has changed, so nothing is lost yet.
    assert terms[0]["kept"] == pytest.approx(0.0, abs=0.05)
    with torch.no_grad(), without_low_rank(field):
        plain = predict(field, scenes[0].batch, text)
    fresh = VelocityField(CONFIG.field)
    fresh.load_state_dict(load_weights(model))
    with torch.no_grad():
        torch.testing.assert_close(predict(fresh.eval(), scenes[0].batch, text), plain)


def test_what_is_held_is_the_output():
    energy = torch.ones(1, 2, 10)
    before = torch.full((1, 2, 10), 0.5)
    assert hold_loss(before, before, energy) == pytest.approx(0.0, abs=1e-6)
    tenth = hold_loss(before + 0.05, before, energy)  # -20 dB
    assert tenth == pytest.approx(np.log10(1 + 10**0.5), abs=1e-3)
    silent = torch.zeros(1, 2, 10)
    assert hold_loss(silent + 0.01, silent, energy) < tenth + 0.2  # -40 dB of the mixture


def test_the_command_writes_an_adapter_that_loads(model, clips, bank_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "SECONDS", 1.0)
    out = tmp_path / "whistle.safetensors"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(SMALL.model_dump(mode="json", exclude={"scenes"})))
    asked = ["tune", str(clips), "--caption", "my whistle", "--model", str(model), "--steps", "2"]
    asked += ["--bank", str(bank_folder), "--workers", "0", "--output", str(out)]
    asked += ["--config", str(recipe)]
    result = CliRunner().invoke(app, [*asked, "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["trained"], report["held_out"], report["phrase"]) == (6, 2, "my whistle")
    facts = read_facts(out)
    assert facts.check["sound_after_db"] == report["sound_db"][1]
    separator = soundsift.load(model, adapter=out)
    assert separator.model.adapter.phrase == "my whistle"
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 2
    assert "exists" in refused.stderr
    mix = tmp_path / "mix.wav"
    soundfile.write(mix, np.random.default_rng(0).normal(0, 0.1, RATE), RATE)
    separate = ["separate", str(mix), "--model", str(model), "--adapter", str(out)]
    separate += ["--out", str(tmp_path / "stems")]
    empty = CliRunner().invoke(app, separate)
    assert empty.exit_code == 2
    assert "tuned for 'my whistle': add --text 'my whistle'" in empty.stderr
    done = CliRunner().invoke(app, [*separate, "--text", "my whistle"])
    assert done.exit_code == 0, done.stderr
    again = CliRunner().invoke(app, [*separate, "--text", "my whistle"])
    assert "is done already" in again.stdout
    plain = [one for one in separate if one not in ("--adapter", str(out))]
    # Another request, so another file: results with and without the adapter are not confused.
    assert "is done already" not in CliRunner().invoke(app, [*plain, "--text", "my whistle"]).stdout


def test_other_kinds_of_model_are_not_tuned(clips, tmp_path):
    with pytest.raises(SoundsiftError, match="not a model"):
        tune(clips, "my whistle", output=tmp_path / "a.safetensors", model=tmp_path)
    pooled = CONFIG.model_dump() | {"prediction": "velocity"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(pooled))
    with pytest.raises(SoundsiftError, match="can't be tuned"):
        tune(clips, "my whistle", output=tmp_path / "a.safetensors", model=tmp_path)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_file(model, clips, bank_folder, tmp_path):
    """With threads and a process that makes scenes, as users run it."""
    for name in ("one", "two"):
        command = [sys.executable, "-m", "soundsift.cli", "tune", str(clips), "--steps", "2"]
        command += ["--caption", "my whistle", "--model", str(model), "--bank", str(bank_folder)]
        command += ["--seed", "7", "--output", str(tmp_path / f"{name}.safetensors")]
        done = subprocess.run(
            command, env=os.environ | {"OMP_NUM_THREADS": "2"}, timeout=900, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
    one, two = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two

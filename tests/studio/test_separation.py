"""From an upload to the sound of a real, if tiny, model; the same as without a server."""

import io
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

import soundfile
import torch
from clients import Opens, sound, tone
from processes import memory
from tests.tiny_model import write_tiny_model

import soundsift
from soundsift.checkpoints.adapter import AdapterFacts, fingerprint, save_adapter
from soundsift.checkpoints.store import load_weights
from soundsift.cli.studio import offered
from soundsift.errors import SoundsiftError
from soundsift.models.low_rank import LowRankChange
from soundsift.studio.engine import Separators, Task
from soundsift.studio.schemas import Rating

PRESET = {"preset": "standard", "seed": 0}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.mark.slow
def test_server_and_library_agree(opens: Opens, model: Path, tmp_path: Path) -> None:
    own = tmp_path / "street.wav"
    own.write_bytes(sound(1.5))
    models = {"tiny": str(model)}
    with opens(tmp_path, engine=Separators(models, "cpu", "float32"), models=models) as client:
        recording = client.upload(own.read_bytes()).json()["id"]
        asked = {"model": "tiny", "spans": [[0.2, 0.8]], "not_spans": [[1.0, 1.2]]}
        first = client.do(recording, "dog barking", **asked)
        second = client.do({"job": first["id"], "stem": "residual"}, "cat", model="tiny")
        assert (first["error"], second["error"]) == (None, None)
        assert first["settings"]["model"] == "tiny"
        assert first["settings"]["input"] == "street.wav"
        assert str(tmp_path) not in client.http.get(f"/api/jobs/{first['id']}").text
        target = client.http.get(f"/api/jobs/{first['id']}/stems/target").content
        residual = client.http.get(f"/api/jobs/{second['id']}/stems/residual").content
        unseen = client.do(
            recording, None, model="tiny", spans=[[0, 1]], preset="best", seed=3, mode="remove"
        )
        assert unseen["settings"]["preset"] == "best"
    separator = soundsift.load(model, "cpu", "float32")
    expected = separator.separate(
        own, text="dog barking", spans=[(0.2, 0.8)], not_spans=[(1.0, 1.2)]
    )
    heard = soundfile.read(io.BytesIO(target), dtype="float32")[0].T
    np.testing.assert_array_equal(heard, expected.target)
    assert first["target_level_db"] == pytest.approx(expected.target_level_db, abs=0.01)
    again = separator.separate(expected.residual, sample_rate=16_000, text="cat")
    heard = soundfile.read(io.BytesIO(residual), dtype="float32")[0].T
    np.testing.assert_allclose(heard, again.residual, atol=2 / 32768)


def memory_of(model: Path, folder: Path, minutes: int) -> float:
    """MiB that a worker takes at most for so long a recording."""
    source = folder / f"{minutes}.wav"
    with soundfile.SoundFile(source, "w", 16_000, 2, "PCM_16") as file:
        for _ in range(minutes):
            file.write(tone(60.0))
    asked = {"model": "tiny", "text": "dog", "spans": [], "not_spans": [], "boxes": []}
    task = Task("x", source, "long.wav", None, folder / f"{minutes}", asked | PRESET)
    Separators({"tiny": str(model)}, "cpu", "float32").separate(task, lambda _: None)
    assert soundfile.info(folder / f"{minutes}" / "stem.target.wav").frames == 960_000 * minutes
    return memory(os.getpid(), "VmHWM")


def test_an_adapter_is_offered_as_a_model_of_its_own(model: Path, tmp_path: Path) -> None:
    weights = load_weights(model)
    layer = "transformer.blocks.0.self_attention.out"
    changes = {layer: LowRankChange(torch.ones(1, 32), torch.ones(32, 1), 1.0)}
    adapter = tmp_path / "dog.safetensors"
    facts = AdapterFacts(phrase="my dog", weights=fingerprint(weights, changes))
    save_adapter(adapter, changes, facts, alpha=1.0)
    with pytest.raises(SoundsiftError, match="made for other weights"):
        offered([adapter], [])
    assert offered([adapter], [str(model)]) == {f"{model} for my dog": (str(model), adapter)}
    source = tmp_path / "street.wav"
    source.write_bytes(sound(0.5))
    models = dict.fromkeys(("tiny", "tuned"), str(model))
    engine = Separators(models, "cpu", "float32", {"tuned": adapter})
    stems = {}
    for name in models:
        asked = {"model": name, "text": "dog", "spans": [], "not_spans": [], "boxes": []}
        task = Task(name, source, "street.wav", None, tmp_path / name, asked | PRESET)
        settings = engine.separate(task, lambda _: None).settings
        assert (settings["adapter"] is not None) == (name == "tuned")
        stems[name] = soundfile.read(tmp_path / name / "stem.target.wav")[0]
    assert np.any(stems["tiny"] != stems["tuned"])


def test_results_are_rated_by_models_with_a_judge(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "street.wav"
    source.write_bytes(sound(0.5))
    engine = Separators({"tiny": str(model)}, "cpu", "float32")

    def settings(name: str, **more: bool) -> dict[str, object]:
        asked = {"model": "tiny", "text": "dog", "spans": [], "not_spans": [], "boxes": []}
        task = Task(name, source, "street.wav", None, tmp_path / name, asked | PRESET | more)
        return engine.separate(task, lambda _: None).settings

    # What to do about a poor one is said where the job is described.
    assert Rating.model_validate(settings("rated")["judge"] | {"advice": None})
    assert "judge" not in settings("declined", judge=False)
    monkeypatch.setattr("soundsift.checkpoints.default_judge.is_there", lambda: False)
    assert "judge" not in settings("without a judge", judge=True)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_recording(model: Path, tmp_path: Path) -> None:
    # Processes of their own: what a process took at most it never forgets.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        short, long = (pool.apply(memory_of, (model, tmp_path, minutes)) for minutes in (1, 10))
    print(f"1 minute takes {short:.0f} MiB, 10 minutes take {long:.0f} MiB")
    # Nine minutes are 66 MiB as floats, and in memory they would be there several times.
    assert long < short + 100


@pytest.mark.slow
def test_a_silent_residual_can_be_separated(model: Path, opens: Opens, tmp_path: Path) -> None:
    models = {"tiny": str(model)}
    with opens(tmp_path, engine=Separators(models, "cpu", "float32"), models=models) as client:
        first = client.do(client.recording(1.0), "dog", model="tiny")
        stem = client.studio.storage.stem(first["id"], "residual")
        soundfile.write(stem, np.zeros((16_000, 2)), 16_000, "PCM_16")
        second = client.do({"job": first["id"], "stem": "residual"}, "cat", model="tiny")
        assert second["error"] is None
        assert not client.stem(second["id"], "target").any()

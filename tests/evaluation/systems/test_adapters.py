"""Adapters: what each says of itself, and requests through `serve.py`."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tests.tiny_model import write_tiny_model

from soundsift.checkpoints.adapter import AdapterFacts, fingerprint, save_adapter
from soundsift.checkpoints.store import load_weights
from soundsift.errors import SoundsiftError
from soundsift.evaluation.systems import ADAPTERS, describe, open_adapter, open_command, serve
from soundsift.models.low_rank import LowRankChange

ADAPTER = """
import numpy as np
SAMPLE_RATE, CHANNELS = {rate}, {channels}
def open_system(settings):
    print("loading")
    def separate(mixture, sample_rate, request):
        assert sample_rate == {rate} and mixture.dtype == np.float32
        if request["text"] == "fail":
            raise ValueError("no")
        return {{"target": settings["gain"] * mixture, "rest": mixture[:1]}}
    return separate
"""


def ask(tmp_path: Path, adapter: str, wave: np.ndarray, text: str = "dog") -> dict[str, object]:
    """One request to an adapter, in a process of its own, without our package on its path."""
    soundfile.write(tmp_path / "m.wav", wave.T, 8000, subtype="FLOAT")
    (tmp_path / "adapter.py").write_text(adapter)
    (tmp_path / "out").mkdir(exist_ok=True)
    request = {"id": "a", "mixture": str(tmp_path / "m.wav"), "text": text, "spans": []}
    done = subprocess.run(
        [sys.executable, "-I", serve.__file__, str(tmp_path / "adapter.py"), '{"gain": 0.5}'],
        input=json.dumps(request | {"output": str(tmp_path / "out")}) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    reply: dict[str, object] = json.loads(done.stdout)
    return reply


@pytest.mark.parametrize(("channels", "given"), [(1, 2), (2, 1), (None, 2)])
def test_rates_and_channels_are_converted_and_restored(
    tmp_path: Path, channels: int | None, given: int
) -> None:
    time = np.arange(8001) / 8000
    wave = np.stack([np.sin(2 * np.pi * 440 * time) * (n + 1) / 4 for n in range(given)])
    adapter = ADAPTER.format(rate=16000, channels=channels)
    assert ask(tmp_path, adapter, wave) == {"id": "a"}
    target, rate = soundfile.read(tmp_path / "out" / "target.wav", always_2d=True)
    assert (target.shape, rate) == ((8001, given), 8000)
    middle = slice(500, -500)
    assert pytest.approx(0.5 * wave[:, middle], abs=1e-3) == target[middle].T


def test_what_an_adapter_raises_is_told(tmp_path: Path) -> None:
    adapter = ADAPTER.format(rate=8000, channels=1)
    reply = ask(tmp_path, adapter, np.ones((1, 800)), "fail")
    assert reply == {"id": "a", "error": "ValueError: no"}


def test_every_adapter_says_what_it_is() -> None:
    for name in ADAPTERS:
        found = describe(name)
        assert found.title
        assert found.weights
        assert found.environment in ("ours", "ready", "not made")


@pytest.mark.parametrize("name", ["audiosep", "flowsep", "soloaudio", "clapsep"])
def test_missing_weights_are_named_before_anything_is_made(name: str, tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match=rf"needs weights: .*--weights {name}=DIR"):
        open_adapter(name, {})
    with pytest.raises(SoundsiftError, match="no such file or folder"):
        open_adapter(name, {}, tmp_path / "none")


def test_commands_have_names_of_their_own(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text("pass")
    system = open_command("mine", f"python {script} --fast", prompted=False)
    assert system.command == ("python", str(script), "--fast")
    assert system.version["files"].keys() == {"mine.py"}
    # A path of this machine is in no result.
    assert str(tmp_path) not in json.dumps(dict(system.version))
    for name in ("a/b", "", "demucs"):
        with pytest.raises(SoundsiftError, match="--system"):
            open_command(name, "python x.py")
    with pytest.raises(SoundsiftError, match="no adapter 'x'"):
        open_adapter("x", {})


def test_our_model_and_its_adapter_are_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tiny_model(Path("mine"))
    changes = {
        "transformer.blocks.0.self_attention.out": LowRankChange(
            torch.ones(1, 32), torch.ones(32, 1), 1.0
        )
    }
    facts = AdapterFacts(phrase="my dog", weights=fingerprint(load_weights(Path("mine")), changes))
    save_adapter(Path("dog.safetensors"), changes, facts, alpha=1.0)
    settings = {"model": "mine", "adapter": "dog.safetensors"}
    system = open_adapter("soundsift", settings)
    given = json.loads(system.command[-1])
    assert given["model"] == str(tmp_path / "mine")
    assert given["adapter"] == str(tmp_path / "dog.safetensors")
    assert system.version["settings"] == settings
    assert system.version["adapter_weights"].keys() == {"dog.safetensors"}
    with pytest.raises(SoundsiftError, match=r"none: no such adapter\. Make one"):
        open_adapter("soundsift", {"model": "mine", "adapter": "none"})

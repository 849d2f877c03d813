"""Upload and download of models, against a stand-in of the Hub."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.tiny_model import write_tiny_model
from typer.testing import CliRunner

import soundsift
from soundsift.checkpoints.sharing import download, model_card, push
from soundsift.cli import app
from soundsift.errors import SoundsiftError

huggingface_hub = pytest.importorskip("huggingface_hub")


class Hub:
    """Repositories as folders."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.private = folder, {}

    def api(self, token=None):
        return self

    def create_repo(self, repository, *, private, exist_ok):
        assert exist_ok
        self.private[repository] = private

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        if repo_id.startswith("other/"):
            raise huggingface_hub.errors.HFValidationError("403 Forbidden")
        shutil.copytree(folder_path, self.folder / repo_id)
        return f"https://hub.example/{repo_id}/commit/1"

    def snapshot_download(self, repository, *, revision, token, allow_patterns):
        assert "*.safetensors" in allow_patterns and "*.pt" not in allow_patterns
        if not (self.folder / repository).is_dir():
            raise huggingface_hub.errors.HFValidationError("404 Not Found")
        return str(self.folder / repository)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    made = Hub(tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "HfApi", made.api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.snapshot_download)
    return made


@pytest.fixture
def model(tmp_path) -> Path:
    folder = write_tiny_model(tmp_path / "tiny")
    (folder / "optimiser.pt").write_bytes(b"not shared")
    return folder


def test_there_and_back(hub, model):
    pushed = soundsift.load(model, "cpu").push_to_hub("me/tiny", "mit", private=True)
    assert pushed.endswith("me/tiny/commit/1") and hub.private == {"me/tiny": True}
    names = {path.name for path in (hub.folder / "me/tiny").iterdir()}
    assert names == {"README.md", "config.yaml", "model.safetensors"}
    separator = soundsift.Separator.from_pretrained("me/tiny", device="cpu")
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 16_000)).astype(np.float32)
    asked = {"sample_rate": 16_000, "text": "rain", "predict_spans": False}
    np.testing.assert_array_equal(
        separator.separate(noise, **asked).target,
        soundsift.load(model, "cpu").separate(noise, **asked).target,
    )


def test_card(hub, model):
    card = model_card(model, "me/tiny", "mit")
    _, front, body = card.split("---\n", 2)
    metadata = yaml.safe_load(front)
    assert (metadata["license"], metadata["library_name"]) == ("mit", "soundsift")
    assert metadata["pipeline_tag"] == "audio-to-audio"
    assert huggingface_hub.ModelCardData(**metadata).to_yaml()
    assert "# tiny\n" in body and 'from_pretrained("me/tiny")' in body
    (model / "README.md").write_text("mine")
    push(model, "me/again", "mit")
    assert (hub.folder / "me/again/README.md").read_text() == "mine"


def test_refusals(hub, model, tmp_path):
    with pytest.raises(SoundsiftError, match="no name on the Hub"):
        push(model, "tiny", "mit")
    with pytest.raises(SoundsiftError, match="no model of soundsift's form"):
        push(tmp_path, "me/tiny", "mit")
    with pytest.raises(SoundsiftError, match="403"):
        push(model, "other/tiny", "mit")
    with pytest.raises(SoundsiftError, match="404"):
        download("me/nothing")


def test_commands(hub, model):
    def run(*words):
        return CliRunner().invoke(app, ["models", *map(str, words)])

    done = run("push", model, "me/cli", "--license", "mit")
    assert done.exit_code == 0 and done.stdout.startswith("https://hub.example/me/cli")
    assert "license: mit" in run("card", model, "me/cli", "--license", "mit").stdout
    fetched = run("fetch", "me/cli")
    assert fetched.stdout == f"{hub.folder / 'me/cli'}\n"


def test_load_finds_what_was_fetched(tmp_path, model, monkeypatch):
    import huggingface_hub.constants

    folder = tmp_path / "cache" / "models--me--tiny"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("c1")
    shutil.copytree(model, folder / "snapshots" / "c1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assert soundsift.load("me/tiny", "cpu").config.name == "tiny"

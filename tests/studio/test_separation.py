"""From an upload to the sound of a real, if tiny, model; the same as without a server."""

import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

import soundfile
from clients import Opens, sound
from tests.tiny_model import write_tiny_model

import soundsift
from soundsift.studio.engine import Separators


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.mark.slow
def test_the_server_gives_what_the_library_gives(opens: Opens, model: Path, tmp_path: Path) -> None:
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

"""What is heard while separating, with tiny networks; by ear it is judged in test_listening."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.tiny_hearing import write_tiny_hearing
from tests.tiny_model import write_tiny_model

import soundsift
from soundsift.checkpoints.load import HEARING
from soundsift.separation.codec_input import codec_waves
from soundsift.separation.listener import Listener
from soundsift.separation.separator import Separator
from soundsift.separation.source import as_recording

RATE = 48_000


def separator(folder: Path, logit: float | None = None) -> Separator:
    write_tiny_model(folder)
    write_tiny_hearing(folder / HEARING, logit)
    return soundsift.load(folder, device="cpu", precision="float32")


def noise(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    swells = np.sin(np.arange(int(seconds * RATE)) / RATE) ** 2
    return (rng.standard_normal((2, int(seconds * RATE))) * 0.1 * swells).astype(np.float32)


def test_what_is_heard_on_the_way_is_what_is_heard_alone(tmp_path: Path) -> None:
    """Several windows of the listener and many of the separation; memory holds one window."""
    model = separator(tmp_path).model
    recording = as_recording(noise(41.3), RATE)
    assert model.hearing is not None
    alone = Listener(model.hearing(), model.codec, [["dog barking"], ["rain"]])
    alone.listen(codec_waves(model, recording))
    passing = Listener(model.hearing(), model.codec, [["dog barking"], ["rain"]])
    # A reader that stops early, as the separation may by some samples.
    with torch.inference_mode():
        for number, _ in enumerate(passing.tap(codec_waves(model, recording))):
            if number > 3:
                break
    for phrase, row in alone.probabilities().items():
        assert row.shape == (1033,) and np.ptp(row) > 1e-3
        np.testing.assert_allclose(passing.probabilities()[phrase], row, atol=1e-6)
    # Heard once, it is not heard again.
    assert alone.probabilities()["rain"].shape == (1033,)


def test_results_say_where_the_sound_was_found(tmp_path: Path) -> None:
    loaded = separator(tmp_path / "model", 4.0)
    mix = noise(3.0)
    by_text, by_span = loaded.separate_many(
        mix, ["dog barking", soundsift.Prompt(spans=(soundsift.Span(1, 2),))], sample_rate=RATE
    )
    ((start, end),) = [(one.start, one.end) for one in by_text.found]
    assert (start, end) == (0.0, 3.0)
    assert by_text.confidence == pytest.approx(0.982, abs=0.002)
    assert (by_span.found, by_span.confidence) == ((), None)
    settings = json.loads(by_text.save(tmp_path, "stem")["settings"].read_text())
    assert settings["confidence"] == by_text.confidence
    assert settings["found"] == [{"start": 0.0, "end": 3.0, "probability": 0.982, "sure": True}]
    *_, rest = loaded.separate_many(mix, ["dog", "rain"], sample_rate=RATE, exclusive=True)
    assert rest.confidence is None


def test_hearing_alone_says_what_a_result_would_say(tmp_path: Path) -> None:
    loaded = separator(tmp_path)
    asked = {"sample_rate": RATE}
    (heard,) = loaded.hear(noise(12.0), ["dog barking"], **asked)
    assert heard == loaded.separate(noise(12.0), text="dog barking", **asked).finding


def test_files_say_the_same(tmp_path: Path) -> None:
    loaded = separator(tmp_path / "model", 4.0)
    soundsift.Separation(noise(3.0), noise(3.0), noise(3.0), RATE, settings={"seed": 0}).save(
        tmp_path, "mix", stems=["target"]
    )
    saved = loaded.separate_file(tmp_path / "mix.target.wav", tmp_path / "out", text="rain")
    assert saved.confidence == pytest.approx(0.982, abs=0.002)
    assert json.loads(saved.paths["settings"].read_text())["confidence"] == saved.confidence


def test_predicted_spans_are_marks(tmp_path: Path) -> None:
    loaded = separator(tmp_path, 4.0)
    mix, ask = noise(3.0), {"sample_rate": RATE, "text": "dog barking"}
    predicted = loaded.separate(mix, predict_spans=True, **ask)
    assert predicted.settings["spans_predicted"]
    marked = loaded.separate(mix, spans=[(0, 3)], **ask)
    np.testing.assert_array_equal(predicted.target, marked.target)
    assert not loaded.separate(mix, **ask).settings["spans_predicted"]


def test_no_spans_are_predicted_for_absent_sounds(tmp_path: Path) -> None:
    loaded = separator(tmp_path, -4.0)
    mix, ask = noise(3.0), {"sample_rate": RATE, "text": "dog barking"}
    predicted = loaded.separate(mix, predict_spans=True, **ask)
    assert (predicted.settings["spans"], predicted.found) == ([], ())
    assert predicted.finding is not None and predicted.finding.presence == "absent"
    np.testing.assert_array_equal(predicted.target, loaded.separate(mix, **ask).target)


def test_models_that_cannot_hear_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soundsift.checkpoints.load.default_folder", lambda: tmp_path / "none")
    loaded = soundsift.load(write_tiny_model(tmp_path / "model"), device="cpu")
    assert loaded.separate(noise(1.0), sample_rate=RATE, text="dog").confidence is None
    assert loaded.hear(noise(1.0), ["dog"], sample_rate=RATE) == [None]
    with pytest.raises(soundsift.SoundsiftError, match="no span predictor"):
        loaded.separate(noise(1.0), sample_rate=RATE, text="dog", predict_spans=True)

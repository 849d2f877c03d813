from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.tiny_model import write_tiny_model

from soundsift import load
from soundsift.audio import Recording
from soundsift.editing.rendering import Renderer
from soundsift.editing.session import EditSession, make_turn, start_session
from soundsift.errors import SoundsiftError
from soundsift.separation.separator import Separator

RATE = 16_000


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def separator(model) -> Separator:
    return load(model, device="cpu", precision="float32")


@pytest.fixture
def recording(tmp_path) -> Path:
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "street.wav", rng.normal(0, 0.1, (RATE, 2)), RATE, "PCM_16")
    return tmp_path / "street.wav"


class Counting:
    """Loads one model, and counts the separations."""

    def __init__(self, separator: Separator) -> None:
        self._separator, self.prompts = separator, []

    def __call__(self, name: str) -> Counting:
        assert name == "default"
        return self

    def separate_many(self, source, prompts, **options):
        assert options["consistent"] is True
        self.prompts += [prompt.text for prompt in prompts]
        return self._separator.separate_many(source, prompts, **options)


def started(recording: Path) -> EditSession:
    return start_session(recording, recording.parent, "default", "draft", 3)


def test_every_turn_works_on_the_one_before(separator, recording) -> None:
    def separated(samples: np.ndarray, text: str):
        return separator.separate(Recording(samples, RATE), text=text, preset="draft", seed=3)

    session = started(recording)
    for turn in (
        make_turn("remove", "dog barking"),
        make_turn("louder", "man speaking", db=6.0),
        make_turn("undo"),
        make_turn("louder", "man speaking", db=-12.0),
        make_turn("isolate", "rain"),
    ):
        session = session.added(turn)
    models = Counting(separator)
    renderer = Renderer(models)
    heard = [renderer.render(session, recording.parent, n).target for n in range(6)]
    mixture = soundfile.read(recording, dtype="float32")[0].T
    np.testing.assert_array_equal(heard[0], mixture)
    np.testing.assert_array_equal(heard[1], separated(mixture, "dog barking").residual)
    voice = separated(heard[1], "man speaking").target
    np.testing.assert_allclose(heard[2], heard[1] + (10**0.3 - 1) * voice, atol=1e-6)
    np.testing.assert_array_equal(heard[3], heard[1])
    np.testing.assert_allclose(heard[4], heard[1] + (10**-0.6 - 1) * voice, atol=1e-6)
    np.testing.assert_array_equal(heard[5], separated(heard[4], "rain").target)
    # Every result is made once: an undone turn is remembered.
    assert models.prompts == ["dog barking", "man speaking", "man speaking", "rain"]
    whole = renderer.render(session, recording.parent)
    np.testing.assert_array_equal(whole.target, heard[5])
    np.testing.assert_allclose(whole.target + whole.residual, mixture, atol=1e-7)
    assert [turn["action"] for turn in whole.settings["turns"]] == ["remove", "louder", "isolate"]
    # Without what is remembered, the same comes out.
    again = Renderer(lambda _: separator).render(session, recording.parent, 4)
    np.testing.assert_array_equal(again.target, heard[4])


def test_keeping_several_sounds(separator, recording) -> None:
    session = started(recording).added(make_turn("keep", "dog barking, man speaking"))
    kept = Renderer(lambda _: separator).render(session, recording.parent)
    expected = separator.separate(
        recording, text="dog barking, man speaking", preset="draft", seed=3
    )
    # From the file, the same in steps of 16 bits.
    np.testing.assert_allclose(kept.target, expected.target, atol=2.0**-15)


def test_progress_can_stop_the_work(separator, recording) -> None:
    session = started(recording).added(make_turn("remove", "dog"))
    session = session.added(make_turn("remove", "cat"))
    fractions: list[float] = []
    renderer = Renderer(lambda _: separator)
    renderer.render(session, recording.parent, progress=fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0 and min(fractions) < 0.5

    class StopError(Exception):
        pass

    def stop(_: float) -> None:
        raise StopError

    with pytest.raises(StopError):
        Renderer(lambda _: separator).render(session, recording.parent, progress=stop)


def test_refusals(separator, recording) -> None:
    renderer = Renderer(lambda _: separator)
    session = started(recording).added(make_turn("isolate", "dog", ((5.0, 6.0),)))
    with pytest.raises(SoundsiftError, match="outside the recording"):
        renderer.render(session, recording.parent)
    # Another recording under the same name.
    soundfile.write(recording, np.ones(RATE) * 0.1, RATE)
    with pytest.raises(SoundsiftError, match="not the recording that the session began with"):
        renderer.render(session, recording.parent)
    recording.unlink()
    with pytest.raises(SoundsiftError, match="can't be read"):
        renderer.render(session, recording.parent)


def test_nothing_is_left(recording) -> None:
    class Silencer:
        def separate_many(self, source, prompts, **_):
            from types import SimpleNamespace

            silence = np.zeros_like(source.samples)
            return [SimpleNamespace(target=silence, residual=source.samples)]

    session = started(recording).added(make_turn("isolate", "dog"))
    session = session.added(make_turn("louder", "dog", db=3.0))
    with pytest.raises(SoundsiftError, match="nothing left for the turn 'louder dog by 3 dB'"):
        Renderer(lambda _: Silencer()).render(session, recording.parent)

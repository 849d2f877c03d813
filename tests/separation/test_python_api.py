"""What callers of the Python API may do: bytes, files, pickling, threads, notebooks, mistakes."""

import base64
import io
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.signals import noise

from soundsift import Prompt, Separator, SoundsiftError
from soundsift.audio import read

RATE = 16_000


@pytest.fixture
def flac() -> bytes:
    data = io.BytesIO()
    soundfile.write(data, noise(2, RATE).T, RATE, format="FLAC", subtype="PCM_16")
    return data.getvalue()


def test_bytes_and_open_files_are_recordings(
    separator: Separator, flac: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "mix.flac"
    path.write_bytes(flac)
    expected = separator.separate(path, text="dog")
    with path.open("rb") as file:
        for source in (flac, bytearray(flac), io.BytesIO(flac), file):
            found = separator.separate(source, text="dog")
            assert np.array_equal(found.target, expected.target)
            assert (found.sample_format, found.settings["input"]) == ("s16", None)
    saved = separator.separate_file(flac, tmp_path, text="dog", output="flac")
    assert saved.paths["target"] == tmp_path / "recording.dog.target.flac"
    assert np.array_equal(read(saved.paths["target"]).samples, expected.target)
    with pytest.raises(SoundsiftError, match="opened as text"):
        separator.separate(io.StringIO("sound"), text="dog")
    with pytest.raises(SoundsiftError, match="can't be read"):
        separator.separate(b"no sound at all", text="dog")


def test_a_separator_is_pickled_as_what_loads_it(separator: Separator, flac: bytes) -> None:
    again = pickle.loads(pickle.dumps(separator))
    whole, copy = (one.separate(flac, text="dog").target for one in (separator, again))
    assert np.array_equal(whole, copy)
    built = Separator(separator.config, separator.model)
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(built)


def test_threads_share_a_separator(separator: Separator, flac: bytes) -> None:
    texts = ["dog", "rain", "bell", "piano"]
    alone = [separator.separate(flac, text=text).target for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda text: separator.separate(flac, text=text).target, texts)
        for expected, found in zip(alone, together, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_notebook_shows_players_and_a_picture(separator: Separator) -> None:
    result = separator.separate(noise(3, RATE), sample_rate=RATE, text="a <b> dog")
    page = result._repr_html_()
    assert "<b>b dog</b>" in page and page.count("<audio ") == 3
    kinds = dict.fromkeys(re.findall(r"data:([\w/]+);base64", page))
    assert list(kinds) == ["audio/mpeg", "image/png"]
    sound = base64.b64decode(re.findall(r"audio/mpeg;base64,([^\"]+)", page)[0])
    assert soundfile.info(io.BytesIO(sound)).duration == pytest.approx(1, abs=0.1)


def test_a_progress_bar(separator: Separator, capsys: pytest.CaptureFixture[str]) -> None:
    separator.separate(noise(1, RATE), sample_rate=RATE, text="dog", progress=True)
    assert "100%" in capsys.readouterr().err
    separator.separate(noise(1, RATE), sample_rate=RATE, text="dog", progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "The prompt is empty"),
        ({"text": 3}, "Invalid text 3: expected"),
        ({"text": ["dog", "cat"]}, "Invalid text .*'dog, drums'"),
        ({"text": "dog", "spans": "1-2"}, "Invalid spans '1-2': expected a list"),
        ({"text": "dog", "spans": (0.1, 0.2)}, r"Invalid span 0\.1"),
        ({"text": "dog", "spans": [(0.1, 0.2, 0.3)]}, r"Invalid span \(0\.1, 0\.2, 0\.3\)"),
        ({"text": "dog", "spans": [("a", "b")]}, r"Invalid span \('a', 'b'\)"),
        ({"text": "dog", "preset": "fast"}, "'fast'.*draft, standard, best"),
        ({"text": "dog", "seed": "one"}, "Invalid seed 'one': expected a number"),
        ({"text": "dog", "window": "long"}, "Invalid window 'long': expected a number"),
        ({"text": "dog", "windowing": "none"}, "Unknown windowing 'none'"),
        ({"text": "dog", "sample_rate": "16k"}, "Invalid sample_rate '?16k'?"),
        ({"text": "dog", "sample_rate": None}, "Invalid sample_rate None"),
        ({"text": "dog", "by": "12 dB"}, "Invalid by '12 dB'"),
    ],
)
def test_wrong_arguments_are_one_sentence(separator: Separator, words, message: str) -> None:
    asked = {"sample_rate": RATE} | words
    with pytest.raises(SoundsiftError, match=message) as error:
        separator.separate(noise(1, RATE), **asked)
    assert "--" not in str(error.value) and "\n" not in str(error.value)


def test_unknown_options_and_formats(separator: Separator, flac: bytes, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"Unknown option 'sed'\. Use some of .*seed"):
        separator.separate(flac, text="dog", sed=1)  # type: ignore[call-arg]
    with pytest.raises(SoundsiftError, match="Unknown format 'wma'"):
        separator.separate_file(flac, tmp_path, text="dog", output="wma")  # type: ignore[arg-type]
    separator.separate_file(flac, tmp_path, text="dog")
    with pytest.raises(SoundsiftError, match="exists already") as error:
        separator.separate_file(flac, tmp_path, text="dog")
    assert "--" not in str(error.value)
    for wrong in (Prompt(), 3, None):
        with pytest.raises(SoundsiftError, match="prompt"):
            separator.separate_many(flac, [wrong])  # type: ignore[list-item]
    with pytest.raises(SoundsiftError, match="prompts"):
        separator.separate_many(flac, "dog")  # type: ignore[arg-type]

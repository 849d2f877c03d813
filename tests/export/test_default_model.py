"""The default model's graphs against PyTorch, and the page's sound against Python's."""

from __future__ import annotations

import contextlib
import io
import json
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tests.export.conftest import serving, visiting

import soundsift
from soundsift.audio import read
from soundsift.errors import SoundsiftError
from soundsift.export.networks import Networks, load_networks
from soundsift.export.web_page import export_page
from soundsift.models.mel_codec import MelCodec
from soundsift.separation.separator import Separator

FARM = Path(str(resources.files("soundsift") / "assets" / "farm.flac"))
#: What the issue of parity allows.
LIMIT = 1e-3

pytestmark = pytest.mark.slow
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "site"
    try:
        export_page("default", folder)
    except SoundsiftError as error:
        if "npm" not in str(error):
            raise
        pytest.skip(str(error))
    return folder


@pytest.fixture(scope="session")
def networks() -> Networks:
    return load_networks(Path(str(resources.files("soundsift") / "weights" / "default")))


@pytest.fixture(scope="session")
def separator() -> Separator:
    return soundsift.load(precision="float32")


def run(file: Path, **inputs: torch.Tensor) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})[0]


@torch.no_grad()
def test_graphs_answer_as_pytorch(page_folder: Path, networks: Networks, separator, note) -> None:
    model = page_folder / "model"
    codec = MelCodec(networks.config.codec)
    samples = torch.from_numpy(soundfile.read(FARM, dtype="float32")[0].T.copy())[None]
    encoder = separator.model.text
    phrases = ["cow mooing", "a woman calling in the distance", "music"]
    tokens = encoder.tokenizer.encode(phrases[1]).ids
    ids, mask = torch.tensor([tokens], dtype=torch.int32), torch.ones(1, len(tokens)).bool()
    states, states_mask = encoder.encode_batch(list(phrases))
    worst = {"text": 0.0, "separator": 0.0, "hearing": 0.0}

    def compare(name: str, found: np.ndarray, expected: torch.Tensor) -> None:
        worst[name] = max(worst[name], float(np.abs(found - expected.numpy()).max()))

    compare("text", run(model / "text.onnx", tokens=ids, mask=mask), networks.text(ids, mask))
    for context in (codec.context(samples), codec.context(samples[..., :70000])):
        frames = context.shape[1]
        anchors = torch.zeros(1, frames, dtype=torch.int32)
        anchors[:, 5:20] = 1
        anchors[:, 25:] = 3
        for marked in (anchors, torch.zeros_like(anchors)):
            given = {
                "context": context,
                "states": states[:1],
                "mask": states_mask[:1],
                "anchors": marked,
            }
            expected = networks.separator(*given.values())
            compare("separator", run(model / "separator.onnx", **given), expected)
        given = {"context": context, "states": states, "mask": states_mask}
        expected = networks.hearing(*given.values())
        compare("hearing", run(model / "hearing.onnx", **given), expected)
    sizes = {file.name: file.stat().st_size / 1e6 for file in model.iterdir()}
    note(f"largest differences of the graphs: {worst}; sizes in MB: {sizes}")
    assert max(worst.values()) <= LIMIT


def separate(page, text: str, spans: list[tuple[float, float]] = ()) -> None:
    page.fill("#text", text)
    for start, end in spans:
        page.fill("#start", str(start))
        page.fill("#end", str(end))
        page.click("#mark")
    page.click("#isolate")
    page.wait_for_selector("#results:not([hidden]), #problem:not([hidden])")
    assert page.is_hidden("#problem"), page.text_content("#problem")


def saved(page, name: str, folder: Path) -> tuple[np.ndarray, int, str]:
    with page.expect_download() as download:
        page.click(f"#{name}-file")
    data = Path(download.value.path()).read_bytes()
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return samples.T, rate, download.value.suggested_filename


def opened(page, path: Path) -> None:
    page.set_input_files("#file", path)
    page.wait_for_selector("#prompt:not([hidden])")


def isolated(page) -> None:
    """Wait until the service worker has drawn the page anew."""
    api = pytest.importorskip("playwright.sync_api")
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with contextlib.suppress(api.Error):  # it is being drawn
            if page.evaluate("crossOriginIsolated && document.readyState === 'complete'"):
                return
        time.sleep(0.1)
    raise AssertionError("the page was not isolated")


def test_ten_seconds_are_pythons(browser, page_folder, separator, tmp_path, note) -> None:
    """By the example: 10 s of stereo, by text, with what the hearing network marks."""
    expected = separator.separate(FARM, text="cow mooing")
    with serving(page_folder) as address, visiting(browser, address) as page:
        isolated(page)
        page.click("#example")
        page.wait_for_selector("#prompt:not([hidden])")
        separate(page, "Please isolate the cow mooing!")
        said = page.text_content("#finding"), page.text_content("#status")
        stems = {name: saved(page, name, tmp_path) for name in ("target", "rest")}
        separate(page, "cow mooing")
        again = page.text_content("#status")
    target, rate, name = stems["target"]
    assert (rate, name) == (44100, "farm.cow-mooing.target.wav")
    assert said[0].startswith("Heard at 0:")
    difference = float(np.abs(target - expected.target).max())
    total = sum(file.stat().st_size for file in page_folder.rglob("*") if file.is_file()) / 1e6
    note(f"10 s in the browser: {said[1]}, then {again}; off by {difference:.1e}; {total:.0f} MB")
    assert difference <= LIMIT
    mixture, _ = soundfile.read(FARM, dtype="float32")
    np.testing.assert_array_equal(target + stems["rest"][0], mixture.T)


def test_a_long_recording_at_another_rate_with_a_mark(
    browser, page_folder, separator, tmp_path, note
) -> None:
    """Three windows; the mark of the first stands in front of the last."""
    farm = read(FARM).samples
    rng = np.random.default_rng(0)
    sound = np.concatenate([farm[0], farm[1, ::-1] * 0.5])[: 17 * 44100]
    sound = sound + 1e-3 * rng.normal(size=sound.shape)
    path = tmp_path / "long one.wav"
    soundfile.write(path, sound, 44100, "PCM_24")
    expected = separator.separate(path, text="cow, woman calling", spans=[(1.5, 2.5)])
    with (
        serving(page_folder) as address,
        visiting(browser, address, service_workers="block") as page,
    ):
        opened(page, path)
        separate(page, "cow, woman calling", [(1.5, 2.5)])
        target, rate, name = saved(page, "target", tmp_path)
        assert page.evaluate("crossOriginIsolated") is False  # one thread, and it works
    assert (rate, name) == (44100, "long one.cow-woman-calling.target.wav")
    difference = np.abs(target - expected.target).max()
    note(f"17 s at 44.1 kHz, by text and mark: off by {difference:.1e}")
    assert difference <= LIMIT


def test_offline_cancelling_and_refusals(browser, page_folder, tmp_path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, read(FARM).samples[:, :96000].T, 48000, "PCM_16")
    with serving(page_folder) as address, visiting(browser, address) as page:
        isolated(page)
        opened(page, path)
        page.click("#isolate")
        page.wait_for_selector("#problem:not([hidden])")
        assert "Name the sound" in page.text_content("#problem")
        separate(page, "everything but the cow")
        assert page.text_content("#target-title") == "Isolated: everything but cow"
        page.context.set_offline(True)
        page.reload()
        opened(page, path)
        separate(page, "", [(0.2, 0.9)])
        page.fill("#text", "cow")
        page.click("#isolate")
        page.click("#cancel")
        page.wait_for_selector("#isolate:not([disabled])")
        assert page.text_content("#status") == "Cancelled"


def test_files_are_listed(page_folder: Path) -> None:
    listed = json.loads((page_folder / "files.json").read_text())["files"]
    there = {
        file.relative_to(page_folder).as_posix(): file.stat().st_size
        for file in page_folder.rglob("*")
        if file.is_file() and file.name not in ("files.json", "service-worker.js")
    }
    assert listed == there
    assert "VERSION_OF" not in (page_folder / "service-worker.js").read_text()

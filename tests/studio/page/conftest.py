"""Servers for the browser: one whose engine needs no model, one with the default model."""

from __future__ import annotations

import json
import re
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile

# Tests are imported by file: what stands beside them is found through the path.
sys.path.insert(0, str(Path(__file__).parent))

import sieve_server
from tests import chromium

#: Generous: the machine may be busy with other things.
PATIENCE_MS = 60_000
START_SECONDS = 120.0


def pytest_terminal_summary(terminalreporter) -> None:
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "studio/page" in r.nodeid]
    if skipped and chromium.find() is None:
        terminalreporter.write_line(
            f"THE STUDIO'S PAGE WAS NOT TESTED ({len(skipped)} tests): there is no Chromium. "
            "Install it (Debian, Ubuntu: apt install chromium) or name it in SOUNDSIFT_CHROMIUM.",
            yellow=True,
            bold=True,
        )


@pytest.fixture(scope="session")
def browser_arguments(tmp_path_factory) -> tuple[str, ...]:
    """A microphone that hears a tone."""
    heard = tmp_path_factory.mktemp("microphone") / "heard.wav"
    soundfile.write(heard, 0.5 * np.sin(2 * np.pi * 440 / 48000 * np.arange(48000)), 48000)
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={heard}",
    )


@contextmanager
def _server(*command: str) -> Iterator[str]:
    """A server's address, as it prints it."""
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline() if ready else ""
        found = re.search(r"http://[\d.]+:\d+", line)
        assert found, f"the server did not start: {line!r}"
        yield found.group()
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def slowness() -> Callable[[], float]:
    """How many times as long as alone a program takes here now, up to six times."""

    def measure() -> float:
        start, used = time.perf_counter(), time.process_time()
        while time.process_time() - used < 0.2:
            pass
        return min(6.0, (time.perf_counter() - start) / (time.process_time() - used))

    return measure


@pytest.fixture
def serving(browser_program, tmp_path) -> Callable[..., AbstractContextManager[str]]:
    """Servers like `server`, with limits and a token of their own; their addresses."""

    def serve(token: str | None = None, **limits: float) -> AbstractContextManager[str]:
        folder = tmp_path / f"studio-{secrets.token_hex(4)}"
        own = [] if token is None else [token]
        return _server(sieve_server.__file__, str(folder), json.dumps(limits), *own)

    return serve


@dataclass
class Server:
    """A server under test.

    Attributes:
        address: of its page.
        target: what its engine makes of `(samples, sample_rate, text, spans, not_spans)`.
        whole_numbers: a WAV file as its engine reads it.
    """

    address: str
    target: Callable[..., np.ndarray]
    whole_numbers: Callable[[Path], tuple[np.ndarray, int]]


@pytest.fixture(scope="session")
def server(browser_program, tmp_path_factory) -> Iterator[Server]:
    """With an engine that sorts by frequency."""
    data = tmp_path_factory.mktemp("studio")
    with _server(sieve_server.__file__, str(data)) as address:
        yield Server(address, sieve_server.sieve, sieve_server.whole_numbers)


def _model_server(data: Path) -> AbstractContextManager[str]:
    return _server("-m", "soundsift.cli", "serve", "--port", "0", "--no-token", "--data", str(data))


@pytest.fixture(scope="session")
def model_server(browser_program, tmp_path_factory) -> Iterator[str]:
    """The address of `soundsift serve` as users have it, with the default model."""
    with _model_server(tmp_path_factory.mktemp("studio-model")) as address:
        yield address


@pytest.fixture
def new_model_server(browser_program, tmp_path) -> Iterator[str]:
    """One that was just started."""
    with _model_server(tmp_path / "studio") as address:
        yield address


@dataclass
class Visit:
    """A browser's page at the studio, and what went wrong there.

    Attributes:
        page: Playwright's.
        asked: when it was asked for, by `time.perf_counter`.
        errors: what the browser logged.
        strangers: addresses elsewhere that it asked for.
    """

    page: object
    asked: float = 0.0
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def open(self, path: Path) -> None:
        """Choose a file, and wait for its track."""
        self.page.set_input_files("#file", path)
        self.page.wait_for_selector("#studio:not([hidden])")
        self.settled()

    def settled(self) -> None:
        self.page.wait_for_selector("#tracks[aria-busy=false] .track")

    def until(self, expression: str) -> None:
        """Wait for what no selector tells; Playwright's own way needs `eval`, which is shut."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"it did not happen: {expression}"
            time.sleep(0.05)

    def start(self, text: str | None, mode: str = "separate") -> None:
        if text is not None:
            self.page.fill("#text", text)
        self.page.click(f"button[name=mode][value={mode}]")

    def result(self, count: int = 1) -> None:
        """Wait until so many results are in the history and the tracks of one are shown."""
        self.page.wait_for_selector(f".turn.done >> nth={count - 1}")
        self.page.wait_for_selector(".track[data-track=residual]")
        self.settled()

    def turn(self, text: str | None, mode: str = "separate", count: int = 1) -> None:
        self.start(text, mode)
        self.result(count)

    def save(self, selector: str, folder: Path) -> Path:
        """Click on what downloads a file, and keep it."""
        with self.page.expect_download() as download:
            self.page.click(selector)
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def stem(self, name: str, folder: Path) -> np.ndarray:
        """A stem's WAV file, downloaded by its link: `(samples, channels)`, whole numbers."""
        title = {"target": "Isolated", "residual": "Without"}[name]
        path = self.save(f'a[aria-label="{title} as WAV"]', folder)
        return soundfile.read(path, dtype="int16", always_2d=True)[0]

    def jobs(self) -> list[dict]:
        return self.page.evaluate("fetch('/api/jobs?limit=1000').then(r => r.json())")["jobs"]


@contextmanager
def visiting(browser, address: str, **options) -> Iterator[Visit]:
    """A page; afterwards, that nothing was logged as an error and no other host was asked."""
    options = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | options
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    visit = Visit(page)
    page.on("console", lambda m: m.type == "error" and visit.errors.append(m.text))
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    host = urlsplit(address).netloc
    page.on(
        "request",
        lambda r: urlsplit(r.url).netloc not in ("", host) and visit.strangers.append(r.url),
    )
    try:
        visit.asked = time.perf_counter()
        page.goto(address)
        yield visit
        assert visit.errors == []
        assert visit.strangers == []
    finally:
        context.close()


@pytest.fixture
def new_visit(browser) -> Callable[..., AbstractContextManager[Visit]]:
    """Visits to any address, in any window."""
    return partial(visiting, browser)


@pytest.fixture
def visit(browser, server) -> Iterator[Visit]:
    with visiting(browser, server.address) as visit:
        yield visit


@dataclass
class Clip:
    """A recording: its file, and its samples as whole numbers, `(samples, channels)`."""

    path: Path
    samples: np.ndarray
    sample_rate: int

    def target(self, server: Server, text=None, spans=(), not_spans=()) -> np.ndarray:
        return server.target(self.samples, self.sample_rate, text, spans, not_spans)


@pytest.fixture
def clip(tmp_path, request) -> Clip:
    """Three seconds of a low and a high tone in noise; another one for each test."""
    rng = np.random.default_rng(list(request.node.name.encode()))
    sample_rate, seconds = 22050, 3
    time_ = np.arange(seconds * sample_rate) / sample_rate
    low = np.sin(2 * np.pi * 220 * time_) * (0.5 + 0.5 * np.sin(2 * np.pi * 0.7 * time_))
    high = np.sin(2 * np.pi * 3000 * time_) * (time_ % 1 < 0.5)
    both = np.stack([0.4 * low + 0.1 * high, 0.3 * low + 0.2 * high], axis=1)
    samples = np.round(32767 * (both + 0.01 * rng.standard_normal(both.shape))).astype(np.int16)
    path = tmp_path / "two tones.wav"
    soundfile.write(path, samples, sample_rate, "PCM_16")
    return Clip(path, samples, sample_rate)

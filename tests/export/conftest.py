"""A browser, and a static server for the exported page."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

# The browser is found as for the studio's page.
sys.path.insert(0, str(Path(__file__).parents[1] / "studio" / "page"))

import chromium

#: Generous: the machine may be busy with other things.
PATIENCE_MS = 600_000


NOTES = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter, config) -> None:
    for note in config.stash.get(NOTES, []):
        terminalreporter.write_line(note)


@pytest.fixture(scope="session")
def note(request) -> Callable[[str], None]:
    """Says something at the end of the run."""
    return request.config.stash.setdefault(NOTES, []).append


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    #: Modules are asked for all at once.
    request_queue_size = 64


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a folder's files, served as `python3 -m http.server` does."""
    server = Server(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# Playwright's event loop must not outlive the module: other tests have loops of their own.
@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = chromium.find()
    if program is None:
        pytest.skip("there is no Chromium: apt install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@contextmanager
def visiting(browser, address: str, **options) -> Iterator[object]:
    """A page; afterwards, that nothing was logged as an error."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    page.on("console", lambda m: m.type == "error" and errors.append(m.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(address)
        yield page
        assert errors == []
    finally:
        context.close()

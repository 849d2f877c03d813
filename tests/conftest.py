"""For all tests."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer.testing

from tests import chromium
from tests.hostile import subjects

# The tests' models are tiny: more threads cost more than they bring, and with one thread sums are
# added up in the same order everywhere.
torch.set_num_threads(1)
# Hundreds of tests call the command line: its parser is made once, not for every call.
typer.testing._get_command = functools.cache(typer.testing._get_command)  # type: ignore[attr-defined]

RATE = 48_000
_NOTES = pytest.StashKey[list[str]]()

#: Concept: kind, groups, seconds, and the frequency of what stands for it.
CONCEPTS: dict[str, tuple[str, tuple[str, ...], float, float]] = {
    "man speaking": ("speech", ("speech",), 0.6, 120),
    "woman speaking": ("speech", ("speech",), 0.5, 210),
    "piano": ("instrument", ("keyboard", "music"), 0.8, 440),
    "violin": ("instrument", ("strings", "music"), 1.0, 660),
    "snare drum": ("instrument", ("drums", "percussion", "music"), 0.2, 0),
    "rock music": ("music", ("music",), 2.5, 330),
    "dog barking": ("effect", ("animal",), 0.3, 500),
    "cat meowing": ("effect", ("animal",), 0.5, 900),
    "sword clash": ("effect", ("weapon", "impact"), 0.4, 3000),
    "door slam": ("effect", ("door",), 0.3, 0),
    "rain": ("ambience", ("weather", "water"), 2.0, 0),
}


@pytest.fixture(scope="session")
def bank_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny sound bank: per concept four clips to train on, two to validate and two to test with.

    Tones with overtones, chirps and bursts of noise; every concept has two speakers per split.
    """
    folder = tmp_path_factory.mktemp("bank")
    (folder / "clips").mkdir()
    rng = np.random.default_rng(7)
    lines, offset = [], 0
    with (folder / "clips" / "tiny.i16").open("wb") as shard:
        for name, (kind, groups, seconds, hertz) in CONCEPTS.items():
            for number in range(8):
                time = np.arange(round(RATE * seconds * rng.uniform(0.9, 1.1))) / RATE
                wave = rng.standard_normal(len(time)) * np.exp(-3 * time / seconds)
                if hertz:
                    pitch = hertz * (
                        1 + 0.05 * number + 0.1 * kind.startswith("e") * time / seconds
                    )
                    wave = sum(np.sin(2 * np.pi * k * pitch * time) / k for k in range(1, 6))
                data = np.round(wave / np.abs(wave).max() * 20_000).astype(np.int16)
                shard.write(data.tobytes())
                split = ("train", "train", "train", "train", "validation", "validation")
                clip = {
                    "source": "tiny",
                    "path": f"{name}/{number}.wav",
                    "licence": "CC0-1.0",
                    "concept": name,
                    "kind": kind,
                    "groups": groups,
                    "captions": (name, f"{name} sound", f"sound of {name}"),
                    "split": (*split, "test", "test")[number],
                    "speaker": f"tiny:{name} {number % 2}",
                    "shard": "tiny.i16",
                    "offset": offset,
                    "samples": len(data),
                    "seconds": len(data) / RATE,
                    "level_db": 10 * np.log10(np.mean((data / 32768) ** 2)),
                }
                lines.append(json.dumps(clip) + "\n")
                offset += len(data)
    (folder / "manifest.jsonl").write_text("".join(lines))
    return folder


@pytest.fixture(scope="session")
def browser_program() -> str:
    """The path of Chromium; without it, or without Playwright, the test is skipped."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = chromium.find()
    if program is None:
        pytest.skip("there is no Chromium: apt install chromium")
    return program


@pytest.fixture(scope="session")
def browser_arguments() -> tuple[str, ...]:
    """More arguments for Chromium; folders of tests have their own."""
    return ()


# Playwright's event loop must not outlive the module: other tests have loops of their own.
@pytest.fixture(scope="module")
def browser(browser_program: str, browser_arguments: tuple[str, ...]) -> Iterator[Any]:
    """A headless Chromium, Playwright's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=browser_program, args=list(browser_arguments)
        )
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def note(request: pytest.FixtureRequest) -> Any:
    """Says something at the end of the run."""
    return request.config.stash.setdefault(_NOTES, []).append


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before pytest selects by markers."""
    subjects.mark(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of docs/hostile.md, and what tests noted."""
    if "hostile" in terminalreporter.config.option.markexpr:
        terminalreporter.section("attacks")
        for line in subjects.summary(terminalreporter.stats):
            terminalreporter.line(line)
    for line in terminalreporter.config.stash.get(_NOTES, []):
        terminalreporter.write_line(line)

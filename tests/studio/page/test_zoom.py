"""Zoom, scroll, marks and loops: what is drawn, and where the mouse marks it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from pointing import TRACK, drag_to, inked, place_of, spans_shown, zoom_to

RATE, SECONDS = 22_050, 90
#: A burst of noise that is to be found and marked.
START, END = 61.2345, 61.2745


def wait_until_drawn(page) -> None:
    """A track is busy only from the frame on in which it is drawn anew."""
    page.evaluate("new Promise((on) => requestAnimationFrame(() => requestAnimationFrame(on)))")
    page.wait_for_selector(f"{TRACK}:not([aria-busy=true])")


@dataclass
class Long:
    path: Path
    samples: np.ndarray


@pytest.fixture(scope="module")
def long(tmp_path_factory) -> Long:
    """A minute and a half of near silence with one burst of 40 ms."""
    rng = np.random.default_rng(21)
    samples = 2e-4 * rng.standard_normal((RATE * SECONDS, 2))
    start, end = round(START * RATE), round(END * RATE)
    samples[start:end] += 0.3 * rng.standard_normal((end - start, 2))
    whole = np.round(32767 * samples.clip(-1, 1)).astype(np.int16)
    path = tmp_path_factory.mktemp("long") / "one burst.wav"
    soundfile.write(path, whole, RATE, "PCM_16")
    return Long(path, whole)


def test_a_mark_by_mouse_at_a_tenth_of_a_second(visit, server, long, tmp_path) -> None:
    visit.open(long.path)
    page = visit.page
    # Where it is seen in the whole, the mouse zooms in, until a tenth of a second is left.
    zoom_to(visit, 0.1)
    left, right = inked(page)
    assert 0.2 < right - left < 0.6
    drag_to(page, left, right)
    ((sign, start, end),) = spans_shown(page)
    assert sign == "+"
    assert start == pytest.approx(START, abs=0.002)
    assert end == pytest.approx(END, abs=0.002)
    visit.turn(None)
    (span,) = visit.jobs()[0]["request"]["spans"]
    target = visit.stem("target", tmp_path)
    np.testing.assert_array_equal(target, server.target(long.samples, RATE, None, [span], []))
    inside = slice(round(START * RATE) + 44, round(END * RATE) - 44)
    np.testing.assert_array_equal(target[inside], long.samples[inside])
    # The same place is shown of the results.
    left, right = inked(page, ".track[data-track=target]")
    assert 0.2 < right - left < 0.6


def test_zoom_to_samples_scroll_and_back(visit, long) -> None:
    visit.open(long.path)
    page = visit.page
    page.click("#time")
    # To the burst by its time, then in until single samples are seen.
    page.fill("#go-to", "1:01.25")
    page.keyboard.press("Enter")
    page.click("#time")
    for _ in range(20):
        page.keyboard.press("ArrowUp")
    length = page.inner_text("#zoom-length")
    assert float(length.removesuffix(" s")) == pytest.approx(40 / RATE, rel=0.01)
    wait_until_drawn(page)
    left, right = inked(page)
    assert (left, right) == (pytest.approx(0, abs=0.1), pytest.approx(1, abs=0.1))
    labels = page.evaluate("import('/ruler.js').then(m => m.rulerStep(0.0018 / 1000))")
    assert labels == pytest.approx(0.0002)
    # Out again to the whole; the overview scrolls.
    page.keyboard.press("w")
    assert page.inner_text("#zoom-length") == "90 s"
    for _ in range(4):
        page.keyboard.press("ArrowUp")
    strip = place_of(page, "#overview")
    y = strip["y"] + strip["height"] / 2
    page.mouse.click(strip["x"] + 0.2 * strip["width"], y)
    wait_until_drawn(page)
    assert inked(page) is None
    page.mouse.click(strip["x"] + START / SECONDS * strip["width"], y)
    wait_until_drawn(page)
    left, right = inked(page)
    assert left < 0.5 < right
    page.keyboard.press("PageDown")
    wait_until_drawn(page)
    assert inked(page) is None


def test_only_what_is_seen_is_fetched(visit, long) -> None:
    page, asked = visit.page, []
    page.on("request", lambda r: asked.append((urlsplit(r.url), r.headers.get("range"))))
    visit.open(long.path)
    page.wait_for_selector(f"{TRACK}[aria-busy=false]")
    # The head of the file and peaks, but no more samples.
    ranges = [part for url, part in asked if url.path.endswith("/audio")]
    assert ranges == ["bytes=0-65535"]
    assert any("/spectrogram/" in url.path for url, _ in asked)
    page.click("#play")
    visit.until("document.getElementById('time').value > '0:00.30'")
    page.click("#play")
    whole = 4 * RATE * SECONDS
    sizes = [np.ptp([int(n) for n in part[6:].split("-")]) for _, part in asked if part]
    assert sum(sizes) < whole / 3


def test_the_spectrogram_shows_a_tone_where_it_is(visit, tmp_path) -> None:
    samples = np.zeros(RATE * 30)
    samples[RATE * 10 : RATE * 20] = 0.5 * np.sin(2 * np.pi * 2000 * np.arange(RATE * 10) / RATE)
    soundfile.write(tmp_path / "tone.wav", samples, RATE, "PCM_16")
    visit.open(tmp_path / "tone.wav")
    page = visit.page
    for length in (30, 3):
        zoom_to(visit, length, lambda _: 1 / 3)
        # The tone begins where a third of the width is left of it.
        column = """(part) => {
          const canvas = document.querySelector(".spectrogram");
          const { width, height } = canvas;
          const x = Math.floor(part * width);
          const { data } = canvas.getContext("2d").getImageData(x, 0, 1, height);
          let darkest = 0;
          for (let y = 0; y < height; y++) if (data[4 * y] < data[4 * darkest]) darkest = y;
          return [1 - darkest / height, data[4 * darkest]];
        }"""
        (_, before), (place, inside) = page.evaluate(column, 0.25), page.evaluate(column, 0.42)
        assert before > 220 and inside < 150
        # Of the mel scale up to 11 kHz.
        top = np.log10(1 + 11025 / 700)
        assert place == pytest.approx(np.log10(1 + 2000 / 700) / top, abs=0.04)


def test_marks_snap_to_edges_and_the_position(visit, long) -> None:
    visit.open(long.path)
    page = visit.page
    box = place_of(page, TRACK)
    page.mouse.click(box["x"] + box["width"] / 3, box["y"] + 50)
    at = page.inner_text("#time").split(" / ")[0]
    near = 1 / 3 + 4 / box["width"]
    drag_to(page, near, 0.5)
    ((_, start, _),) = spans_shown(page)
    assert f"0:{start:05.2f}" == at
    page.keyboard.press("Delete")
    page.keyboard.down("Alt")
    drag_to(page, near, 0.5)
    page.keyboard.up("Alt")
    ((_, start, _),) = spans_shown(page)
    assert start == pytest.approx(near * SECONDS, abs=0.1)
    assert f"0:{start:05.2f}" != at


def test_a_loop_repeats_its_samples(visit, long) -> None:
    visit.open(long.path)
    page = visit.page
    drag_to(page, 0.2, 0.21)
    ((_, start, end),) = spans_shown(page)
    page.keyboard.press("l")
    assert page.get_attribute("#loop", "aria-pressed") == "true"
    page.keyboard.press("Space")
    page.wait_for_selector("#play.playing")
    times = []
    for _ in range(40):
        times.append(page.evaluate("document.getElementById('time').value.split(' ')[0]"))
        page.wait_for_timeout(70)
    heard = [60 * int(t.split(":")[0]) + float(t.split(":")[1]) for t in times]
    assert all(start - 0.02 <= t <= end + 0.02 for t in heard)
    # It came back to the start more than once in nearly three seconds.
    assert sum(b < a for a, b in pairwise(heard)) >= 2
    page.keyboard.press("Space")
    page.keyboard.press("l")
    assert page.get_attribute("#loop", "aria-pressed") == "false"
    # Which frames follow each other: to the sample, at any length.
    pieces = page.evaluate(
        "import('/player.js').then(m => [...m.pieces(7, 10, 100, { start: 5, end: 9 })])"
    )
    assert pieces == [[7, 9], [5, 9], [5, 9]]
    past = page.evaluate(
        "import('/player.js').then(m => [...m.pieces(95, 10, 100, { start: 5, end: 9 })])"
    )
    assert past == [[95, 100]]

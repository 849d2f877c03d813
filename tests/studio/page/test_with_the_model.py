"""The page before `soundsift serve` as users have it, and the pictures in the documentation."""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import soundfile

import soundsift
from soundsift.audio import read
from soundsift.separation.separator import Separator

FARM = Path(str(resources.files("soundsift") / "assets" / "farm.flac"))
PICTURES = Path(__file__).parents[3] / "docs" / "pictures"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def separator() -> Separator:
    return soundsift.load()


def test_text_then_span_on_what_is_left(new_visit, model_server, separator, tmp_path) -> None:
    recording = read(FARM)
    first = separator.separate(recording, text="cow mooing")
    with new_visit(model_server) as visit:
        visit.open(FARM)
        visit.turn("cow mooing")
        shown = {name: visit.stem(name, tmp_path) for name in ("target", "residual")}
        np.testing.assert_allclose(shown["target"] / 32768, first.target.T, atol=2e-4)
        mixture, _ = soundfile.read(FARM, dtype="int16", always_2d=True)
        np.testing.assert_array_equal(shown["target"].astype(int) + shown["residual"], mixture)
        visit.page.click("button[aria-label='Go on from: Without']")
        visit.until("document.querySelectorAll('.track').length === 1")
        visit.settled()
        visit.page.keyboard.press("Escape")
        visit.page.locator("#time").click()
        for key in ("i", "ArrowRight", "ArrowRight", "o"):
            visit.page.keyboard.press(key)
        visit.turn(None, "remove", count=2)
        assert visit.jobs()[0]["request"]["spans"] == [[0.0, 2.0]]
        left = visit.stem("residual", tmp_path)
    (tmp_path / "before.wav").unlink(missing_ok=True)
    soundfile.write(tmp_path / "before.wav", shown["residual"], recording.sample_rate, "PCM_16")
    second = separator.separate(read(tmp_path / "before.wav"), spans=[(0.0, 2.0)])
    np.testing.assert_allclose(left / 32768, second.residual.T, atol=2e-4)


def test_from_click_to_sound(new_visit, new_model_server, note, slowness) -> None:
    """With a page that was opened as soon as the server was up: the model may still be loading."""
    times = []
    with new_visit(new_model_server) as visit:
        visit.open(FARM)
        for count, words in enumerate(("cow mooing", "woman calling", "music"), 1):
            visit.page.fill("#text", words)
            start = time.perf_counter()
            visit.turn(None, count=count)
            times.append(time.perf_counter() - start)
        visit.page.click("#play")
        visit.until("document.getElementById('time').value > '0:00.10'")
    slower = slowness()
    note(
        f"studio: 10 s of sound take {times[0]:.2f} s from click to sound, then {times[1]:.2f} and "
        f"{times[2]:.2f} s, with programs {slower:.1f} times as slow as on an idle machine"
    )
    assert max(times) < 4 * slower


def drag(page, start: float, end: float) -> None:
    track = page.locator(".track[data-track=source] .track-view")
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    # Under a finger, what moves at once is a scroll.
    page.wait_for_timeout(200)
    page.mouse.move(box["x"] + end * box["width"], y, steps=6)
    page.mouse.up()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("studio", {"color_scheme": "light"}),
        ("studio-dark", {"color_scheme": "dark"}),
        (
            "studio-phone",
            {
                "viewport": {"width": 390, "height": 844},
                "device_scale_factor": 2,
                "has_touch": True,
            },
        ),
    ],
)
def test_pictures(new_visit, model_server, name, options) -> None:
    """Writes docs/pictures."""
    wide = {"viewport": {"width": 1360, "height": 900}}
    with new_visit(model_server, **wide | options) as visit:
        page = visit.page
        visit.open(FARM)
        count = len([job for job in visit.jobs() if job["status"] == "done"])
        # The two moos.
        for start, end in ((0.155, 0.335), (0.655, 0.835)):
            drag(page, start, end)
        visit.turn("cow mooing", count=count + 1)
        page.mouse.move(0, 0)
        page.evaluate("scrollTo(0, 0)")
        page.evaluate("document.activeElement.blur()")
        for _ in range(2):
            page.keyboard.press("ArrowRight")
        visit.until("document.getElementById('time').value.startsWith('0:02.00')")
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=name != "studio-phone")
        width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, "the page is wider than the window"
        assert (PICTURES / f"{name}.png").stat().st_size > 20_000

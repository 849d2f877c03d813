"""Clicks on an object in the video."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("cv2", reason="pip install 'soundsift[visual]'")

sys.path.insert(0, str(Path(__file__).parents[1]))

from clicked import HEIGHT, HIGH, LOW, WIDTH, write_film
from pointing import place_of


def click_on(page, x: float, y: float, **more) -> None:
    """Click on a pixel of the video's picture."""
    box = place_of(page, "#picture")
    at = {"x": x / WIDTH * box["width"], "y": y / HEIGHT * box["height"]}
    page.click("#picture", position=at, **more)


@pytest.fixture
def film(visit, tmp_path) -> Path:
    """A film that browsers without patented codecs show, too."""
    path = tmp_path / "film.webm"
    write_film(path, "libvpx", "libopus")
    return path


def test_points_by_mouse_and_keyboard(visit, film) -> None:
    page = visit.page
    visit.open(film)
    visit.until("document.getElementById('video').readyState >= 2")
    start = "button[name=mode][value=separate]"
    assert page.is_disabled(start)
    click_on(page, *LOW[0])
    page.wait_for_selector("#picture polygon")
    inside = page.evaluate(
        """() => {
          const [polygon, all] = ["#picture polygon", "#picture"].map(
            (one) => document.querySelector(one).getBoundingClientRect());
          const { x, y, width, height } = polygon;
          return [(x + width / 2 - all.x) / all.width, (y + height / 2 - all.y) / all.height];
        }"""
    )
    assert inside == pytest.approx((LOW[0][0] / WIDTH, LOW[0][1] / HEIGHT), abs=0.03)
    click_on(page, *HIGH[0], modifiers=["Alt"])
    # In another picture: what belongs to the first is not shown there.
    page.focus("#picture")
    page.keyboard.press("Space")
    visit.until("document.getElementById('video').currentTime > 0.3")
    page.keyboard.press("Space")
    assert page.locator("#picture polygon").count() == 0
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Alt+Enter")
    assert page.locator("#point-list li").count() == 3
    page.focus("#point-list li:last-child .span-remove")
    page.keyboard.press("Delete")
    page.click("#point-list li:first-child .point-time")
    page.wait_for_selector("#picture polygon")
    assert page.locator("#picture .point").count() == 2
    page.click(start)
    visit.result()
    (x, y), (high, _) = LOW[0], HIGH[0]
    request = visit.jobs()[0]["request"]
    assert [point["positive"] for point in request["points"]] == [True, False]
    sent = np.array([(point["x"], point["y"]) for point in request["points"]])
    expected = [(x / WIDTH, y / HEIGHT), (high / WIDTH, y / HEIGHT)]
    np.testing.assert_allclose(sent, expected, atol=0.01)
    assert "the clicked object" in page.inner_text("#history")


@pytest.mark.slow
@pytest.mark.parametrize("clicked", [0, 1])
def test_the_sound_of_the_clicked_object(new_visit, model_server, tmp_path, clicked) -> None:
    film = tmp_path / f"film-{clicked}.webm"
    write_film(film, "libvpx", "libopus")
    with new_visit(model_server) as visit:
        visit.open(film)
        visit.until("document.getElementById('video').readyState >= 2")
        click_on(visit.page, *(LOW, HIGH)[clicked][0])
        visit.page.wait_for_selector("#picture polygon")
        visit.page.click("button[name=mode][value=separate]")
        visit.result()
        path = visit.save('a[aria-label="Isolated as WAV"]', tmp_path)
    target, sample_rate = soundfile.read(path, always_2d=True)
    spectrum = np.abs(np.fft.rfft(target[:, 0])) ** 2
    frequency = np.fft.rfftfreq(len(target), 1 / sample_rate)
    power = [spectrum[np.abs(frequency - hertz) < 50].sum() for _, hertz, _ in (LOW, HIGH)]
    assert power[clicked] > 1.0
    assert power[clicked] > 100 * power[1 - clicked]

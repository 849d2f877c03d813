"""Clicks on an object in the video, and boxes around it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("cv2", reason="pip install 'soundsift[visual]'")

import cv2

sys.path.insert(0, str(Path(__file__).parents[1]))

from clicked import HEIGHT, HIGH, LOW, WIDTH, write_film
from pointing import place_of

#: The outline, where there is one.
OUTLINE = "#picture .outline[d^=M]"


def click_on(page, x: float, y: float, **more) -> None:
    """Click on a pixel of the video's picture."""
    box = place_of(page, "#picture")
    at = {"x": x / WIDTH * box["width"], "y": y / HEIGHT * box["height"]}
    page.click("#picture", position=at, **more)


def drag(page, start: tuple[float, float], end: tuple[float, float], drop: bool = False) -> None:
    """Drag between two pixels of the video's picture; `drop`: Escape comes before the release."""
    box = place_of(page, "#picture")
    (left, top), (right, bottom) = [
        (box["x"] + x / WIDTH * box["width"], box["y"] + y / HEIGHT * box["height"])
        for x, y in (start, end)
    ]
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move((left + right) / 2, (top + bottom) / 2, steps=2)
    page.mouse.move(right, bottom, steps=2)
    if drop:
        page.keyboard.press("Escape")
    page.mouse.up()


def corners_around(disc) -> tuple[tuple[float, float], tuple[float, float]]:
    """Left upper and right lower corner of a box around a disc."""
    (x, y), *_ = disc
    return (x - 26, y - 26), (x + 26, y + 26)


def middle_of_outline(page) -> tuple[float, float]:
    """Middle of the outline in pixels of the video."""
    across, down = page.evaluate(
        """() => {
          const [path, all] = [".outline", ""].map(
            (one) => document.querySelector(`#picture ${one}`).getBoundingClientRect());
          return [(path.x + path.width / 2 - all.x) / all.width,
                  (path.y + path.height / 2 - all.y) / all.height];
        }"""
    )
    return across * WIDTH, down * HEIGHT


def drawn_middle(page) -> float:
    """Row of the middle of the overlay's pixels, in pixels of the video."""
    page.evaluate("document.getElementById('video').style.visibility = 'hidden'")
    image = pixels(page.locator("#picture").screenshot())
    page.evaluate("document.getElementById('video').style.visibility = ''")
    rows = np.flatnonzero((image != image[0, 0]).any(axis=2).any(axis=1))
    return (rows[0] + rows[-1] + 1) / 2 / image.shape[0] * HEIGHT


def pixels(png: bytes) -> np.ndarray:
    """Pixels of a PNG file, `(height, width, 3)`."""
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def followed(visit) -> str:
    """Wait until the object is followed everywhere; what the page says of it."""
    visit.until("/^Found/.test(document.querySelector('.mask-words').textContent)")
    return visit.page.inner_text(".mask-words")


def go_to(page, seconds: float) -> None:
    """Show the picture at a time."""
    page.fill("#go-to", str(seconds))
    page.press("#go-to", "Enter")
    page.wait_for_timeout(300)


@pytest.fixture
def film(visit, tmp_path) -> Path:
    """A film that browsers without patented codecs show, too."""
    path = tmp_path / "film.webm"
    write_film(path, "libvpx", "libopus")
    return path


@pytest.fixture
def film_with_a_wall(tmp_path) -> Path:
    """From 1.5 s on, a wall hides the low disc."""
    path = tmp_path / "wall.webm"
    write_film(path, "libvpx", "libopus", wall=1.5)
    return path


def test_a_box_by_mouse(visit, film) -> None:
    page, rows = visit.page, visit.page.locator("#point-list li")
    visit.open(film)
    visit.until("document.getElementById('video').readyState >= 2")
    page.click("#point-sign")
    drag(page, *corners_around(LOW))
    page.wait_for_selector(".picture-state >> text=A box goes around the object.")
    page.click("#point-sign")
    drag(page, (20, 20), (100, 21))
    page.wait_for_selector(".picture-state >> text=Too small for a box.")
    drag(page, *corners_around(LOW), drop=True)
    assert rows.count() == page.locator("#picture .box").count() == 0
    # From the right lower corner to beyond the picture; the second box replaces the first.
    drag(page, (100, 110), (-20, -15))
    assert rows.count() == page.locator("#picture .box:not(.drawn)").count() == 1
    drag(page, *corners_around(HIGH)[::-1])
    assert rows.count() == page.locator("#picture .box:not(.drawn)").count() == 1
    assert followed(visit).startswith("Found in all 100 pictures")
    assert middle_of_outline(page) == pytest.approx(HIGH[0], abs=3)
    # A click takes out what is beside it.
    click_on(page, 2, 2, modifiers=["Alt"])
    page.click("button[name=mode][value=separate]")
    visit.result()
    request = visit.jobs()[0]["request"]
    (box,) = request["boxes"]
    (left, top), (right, bottom) = corners_around(HIGH)
    expected = [left / WIDTH, top / HEIGHT, (right - left) / WIDTH, (bottom - top) / HEIGHT]
    assert [box[key] for key in ("x", "y", "width", "height")] == pytest.approx(expected, abs=0.01)
    assert [point["positive"] for point in request["points"]] == [False]
    # It is still there in the browser's entry before, and after a reload.
    page.click("#undo")
    visit.until("document.querySelectorAll('#point-list li').length === 2")
    page.go_forward()
    page.reload()
    visit.settled()
    assert rows.count() == 2
    page.wait_for_selector(OUTLINE, state="attached")
    assert page.locator("#picture .box").count() == 1


def test_a_box_by_keyboard(visit, film) -> None:
    page = visit.page
    visit.open(film)
    visit.until("document.getElementById('video').readyState >= 2")
    page.focus("#picture")
    # From the middle to the left: the upper corner on the right.
    for key in ("Shift+ArrowUp", "Shift+ArrowUp", "Shift+ArrowUp", "Shift+Enter"):
        page.keyboard.press(key)
    assert "opposite corner" in page.inner_text("#picture-said")
    for key in ("Escape", "Shift+Enter", *["Shift+ArrowLeft"] * 4, *["Shift+ArrowDown"] * 6):
        page.keyboard.press(key)
    assert page.locator("#picture .box.drawn").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_selector(OUTLINE, state="attached")
    assert middle_of_outline(page) == pytest.approx(LOW[0], abs=3)
    assert page.is_enabled("button[name=mode][value=separate]")
    page.focus("#point-list [aria-label='Delete box 1']")
    page.keyboard.press("Delete")
    assert page.evaluate("document.activeElement.id") == "picture"
    assert page.locator("#picture .box").count() == 0
    assert page.is_disabled("button[name=mode][value=separate]")


def test_points_by_mouse_and_keyboard(visit, film) -> None:
    page = visit.page
    visit.open(film)
    visit.until("document.getElementById('video').readyState >= 2")
    start = "button[name=mode][value=separate]"
    assert page.is_disabled(start)
    click_on(page, *LOW[0])
    page.wait_for_selector(OUTLINE, state="attached")
    assert middle_of_outline(page) == pytest.approx(LOW[0], abs=3)
    click_on(page, *HIGH[0], modifiers=["Alt"])
    # In another picture: points of the first are not shown there.
    page.focus("#picture")
    page.keyboard.press("Space")
    visit.until("document.getElementById('video').currentTime > 0.3")
    page.keyboard.press("Space")
    assert page.locator("#picture .point").count() == 0
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Alt+Enter")
    assert page.locator("#point-list li").count() == 3
    page.focus("#point-list li:last-child .span-remove")
    page.keyboard.press("Delete")
    page.click("#point-list li:first-child .point-time")
    page.wait_for_selector(OUTLINE, state="attached")
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


def test_the_outline_follows_the_object(visit, film) -> None:
    page = visit.page
    visit.open(film)
    visit.until("document.getElementById('video').readyState >= 2")
    click_on(page, *LOW[0])
    assert followed(visit) == "Found in all 100 pictures."
    # The disc swings by eight pixels, three times a second: down at 0.42 s and up at 0.58 s.
    rows = []
    for seconds in (0.42, 0.58):
        go_to(page, seconds)
        rows.append(drawn_middle(page))
    y = LOW[0][1]
    assert rows == pytest.approx([y + 8, y - 8], abs=3)
    # While it plays, each picture has its own outline.
    page.evaluate(
        """() => {
          const video = document.getElementById("video");
          const outline = document.querySelector("#picture .outline");
          globalThis.seen = [];
          const watch = () => video.requestVideoFrameCallback((_, { mediaTime }) => {
            const { y, height } = outline.getBBox();
            seen.push([mediaTime, y + height / 2]);
            watch();
          });
          watch();
        }"""
    )
    go_to(page, 1.9)
    page.focus("#picture")
    page.keyboard.press("Space")
    visit.until("document.getElementById('video').currentTime > 2.6")
    page.keyboard.press("Space")
    seen = np.array([one for one in page.evaluate("seen") if 2.0 <= one[0] < 2.5])
    assert len(seen) >= 3
    expected = y + 8 * np.sin(2 * np.pi * 3 * seen[:, 0])
    np.testing.assert_allclose(seen[:, 1], expected, atol=3)


def test_a_lost_object_is_shown_and_corrected(visit, film_with_a_wall) -> None:
    page = visit.page
    visit.open(film_with_a_wall)
    visit.until("document.getElementById('video').readyState >= 2")
    click_on(page, *LOW[0])
    words = followed(visit)
    assert "Lost at" in words
    # By keyboard to the place where it is lost, and to the picture before.
    go_to(page, 0)
    page.focus(".mask-line")
    page.keyboard.press("Shift+ArrowRight")
    assert page.get_attribute(".mask-line", "aria-valuetext").endswith(", lost")
    page.wait_for_selector(".picture-state:has-text('Lost here')")
    assert page.get_attribute("#picture .outline", "d") == ""
    page.keyboard.press("ArrowLeft")
    assert not page.get_attribute(".mask-line", "aria-valuetext").endswith(", lost")
    page.wait_for_selector(".picture-state", state="hidden")
    # Another click, on the other object, starts anew; a third is not awaited.
    go_to(page, 3.0)
    click_on(page, *HIGH[0])
    click_on(page, HIGH[0][0] + 5, HIGH[0][1])
    followed(visit)
    go_to(page, 3.5)
    assert middle_of_outline(page) == pytest.approx(HIGH[0], abs=10)
    assert page.locator("#point-list li").count() == 3


@pytest.mark.slow
@pytest.mark.parametrize(("clicked", "boxed"), [(0, False), (1, False), (0, True)])
def test_the_sound_of_the_marked_object(new_visit, model_server, tmp_path, clicked, boxed) -> None:
    film = tmp_path / f"film-{clicked}-{boxed}.webm"
    write_film(film, "libvpx", "libopus")
    with new_visit(model_server) as visit:
        visit.open(film)
        visit.until("document.getElementById('video').readyState >= 2")
        disc = (LOW, HIGH)[clicked]
        if boxed:
            drag(visit.page, *corners_around(disc))
        else:
            click_on(visit.page, *disc[0])
        visit.page.wait_for_selector(OUTLINE, state="attached")
        visit.page.click("button[name=mode][value=separate]")
        visit.result()
        path = visit.save('a[aria-label="Isolated as WAV"]', tmp_path)
    target, sample_rate = soundfile.read(path, always_2d=True)
    spectrum = np.abs(np.fft.rfft(target[:, 0])) ** 2
    frequency = np.fft.rfftfreq(len(target), 1 / sample_rate)
    power = [spectrum[np.abs(frequency - hertz) < 50].sum() for _, hertz, _ in (LOW, HIGH)]
    assert power[clicked] > 1.0
    assert power[clicked] > 100 * power[1 - clicked]

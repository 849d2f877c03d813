"""What a person sees of a track, and does there with the mouse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

TRACK = ".track[data-track=source] .track-view"


def place_of(page, selector: str) -> dict[str, float]:
    """Where an element is, once it has come to rest there, as whoever reaches for it would wait."""
    place = page.locator(selector).bounding_box()
    while True:
        page.wait_for_timeout(50)
        before, place = place, page.locator(selector).bounding_box()
        if place == before:
            return place


def drag_to(page, start: float, end: float, selector: str = TRACK, height: float = 0.5) -> None:
    """Drag over an element with the mouse, from one fraction of its width to another."""
    box = place_of(page, selector)
    y = box["y"] + height * box["height"]
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], y, steps=4)
    page.mouse.move(box["x"] + end * box["width"], y, steps=4)
    page.mouse.up()


def seconds(clock: str) -> float:
    """Of minutes and seconds."""
    minutes, rest = clock.split(":")
    return 60 * int(minutes) + float(rest)


def spans_shown(page) -> list[tuple[str, float, float]]:
    """Sign, start and end of the spans in the list."""
    rows = page.locator("#span-list li").all()
    return [
        (
            row.locator(".span-sign").inner_text(),
            seconds(row.locator("[data-part=from]").input_value()),
            seconds(row.locator("[data-part=to]").input_value()),
        )
        for row in rows
    ]


def middle(page) -> float:
    """The middle of what is seen in the first track."""
    return sum(inked(page)) / 2


def visible_seconds(page) -> float:
    words = page.evaluate("document.getElementById('zoom-length').value")
    return float(words.removesuffix(" s")) if words.endswith(" s") else seconds(words)


def zoom_to(visit, length: float, aim: Callable[[Any], float] = middle) -> None:
    """Zoom in or out by the wheel until so many seconds are visible.

    `aim` is where the mouse is, as a part of the first track's width: anew before each step, as
    people do.
    """
    page = visit.page
    box = place_of(page, TRACK)
    while abs(math.log(visible_seconds(page) / length)) > 0.02:
        page.mouse.move(box["x"] + aim(page) * box["width"], box["y"] + 50)
        page.keyboard.down("Control")
        # A few notches of the wheel, or what is left.
        factor = min(max(visible_seconds(page) / length, 0.25), 4.0)
        page.mouse.wheel(0, -math.log(factor) / math.log(1.0015))
        page.keyboard.up("Control")
        page.wait_for_timeout(100)
        page.wait_for_selector(f"{TRACK}[aria-busy=false]")


def inked(page, track: str = ".track[data-track=source]") -> tuple[float, float] | None:
    """First and last part of the width where the waveform is higher than a tenth of the track."""
    return page.evaluate(
        """(track) => {
          const canvas = document.querySelector(`${track} .waveform`);
          const { width, height } = canvas;
          const row = Math.floor(0.45 * height);
          const { data } = canvas.getContext("2d").getImageData(0, row, width, 1);
          const columns = [...Array(width).keys()].filter((x) => data[4 * x + 3] > 0);
          return columns.length ? [columns[0] / width, (columns.at(-1) + 1) / width] : null;
        }""",
        track,
    )

"""An hour of stereo in the page, with the default model: opened, marked, isolated, downloaded."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pointing import TRACK, drag_to, inked, place_of, spans_shown, zoom_to

FARM = Path(str(resources.files("soundsift") / "assets" / "farm.flac"))
RATE, SECONDS = 44_100, 3600
#: The moo is cut out of the recording there, and put into the hour at these times.
MOO = (1.55, 3.35)
MOOS = (301.2, 1234.5678, 2461.3217, 3300.1)
AIMED = 2461.3217
#: A woman calls there in the recording, and in the hour.
CALL = (3.9, 5.4)
CALLS = (700.0, 1900.5, 3000.25)

pytestmark = pytest.mark.slow


def cut(start: float, end: float) -> np.ndarray:
    samples, _ = soundfile.read(FARM, start=round(start * RATE), stop=round(end * RATE))
    fade = np.minimum(1, np.arange(len(samples)) / (0.005 * RATE))
    return samples * (fade * fade[::-1])[:, None]


@pytest.fixture(scope="module")
def hour(tmp_path_factory) -> Path:
    """Quiet noise with moos and calls."""
    path = tmp_path_factory.mktemp("hour") / "an hour.wav"
    rng = np.random.default_rng(3600)
    noise = (1e-3 * rng.standard_normal((60 * RATE, 2))).astype(np.float32)
    events = [(at, cut(*MOO)) for at in MOOS] + [(at, cut(*CALL)) for at in CALLS]
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        for minute in range(SECONDS // 60):
            block = np.roll(noise, minute * 997, axis=0)
            for at, event in events:
                start = round((at - 60 * minute) * RATE)
                if 0 <= start < len(block):
                    block[start : start + len(event)] += event[: len(block) - start]
            file.write(block)
    return path


def renderer_megabytes(browser) -> float:
    """Memory of the page's process, of what it does not share."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    sizes = []
    for process in processes:
        if process["type"] == "renderer":
            lines = Path(f"/proc/{process['id']}/smaps_rollup").read_text().splitlines()
            kilobytes = {line.split()[0]: int(line.split()[1]) for line in lines[1:]}
            sizes.append((kilobytes["Private_Clean:"] + kilobytes["Private_Dirty:"]) / 1024)
    return max(sizes)


def level(samples: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples / 32768)) + 1e-12))


def test_an_hour(browser, new_visit, model_server, hour, tmp_path, note) -> None:
    with new_visit(model_server) as visit:
        page = visit.page
        page.set_default_timeout(1_200_000)
        visit.open(hour)
        opened = renderer_megabytes(browser)
        # By the mouse alone, from the whole to a tenth of a second at the beginning of the moo.
        zoom_to(visit, 60.0, lambda _: AIMED / SECONDS)
        zoom_to(visit, 0.1, lambda page: inked(page)[0])
        left, _ = inked(page)
        drag_to(page, left, left + 0.3)
        ((_, start, _),) = spans_shown(page)
        assert abs(start - AIMED) < 0.02
        # Out again, until the end is seen, to which the span's end is dragged.
        zoom_to(visit, 2.5, lambda _: 0.05)
        box = place_of(page, TRACK)
        edge = page.locator("[data-span] .region-edge.end").bounding_box()
        _, right = inked(page)
        drag_to(page, (edge["x"] + edge["width"] / 2 - box["x"]) / box["width"], right)
        ((_, start, end),) = spans_shown(page)
        assert abs(start - AIMED) < 0.02
        assert abs(end - (AIMED + MOO[1] - MOO[0])) < 0.02
        visit.turn(None)
        assert visit.jobs()[0]["request"]["spans"] == [[start, end]]
        page.click("#zoom-whole")
        page.wait_for_selector(f"{TRACK}[aria-busy=false]")
        page.fill("#go-to", "41:00")
        page.keyboard.press("Enter")
        page.click("#play")
        visit.until("document.getElementById('time').value > '41:00.50'")
        page.click("#play")
        worked = renderer_megabytes(browser)
        stems = [
            visit.save(f'a[aria-label="{title} as WAV"]', tmp_path)
            for title in ("Isolated", "Without")
        ]
        flac = visit.save('a[aria-label="Isolated as FLAC"]', tmp_path)
    assert soundfile.info(flac).frames == SECONDS * RATE
    # In whole numbers, both are what was sent, to the last bit.
    for parts in zip(
        *(soundfile.blocks(p, 60 * RATE, dtype="int16") for p in (hour, *stems)), strict=True
    ):
        np.testing.assert_array_equal(parts[0], parts[1].astype(int) + parts[2])

    def loud(path: Path, at: float, length: float) -> float:
        first = round(at * RATE)
        return level(
            soundfile.read(path, start=first, frames=round(length * RATE), dtype="int16")[0]
        )

    moos = [loud(stems[0], at, 1.8) - loud(hour, at, 1.8) for at in MOOS]
    noise = loud(stems[0], 2000.0, 60.0) - loud(hour, 2000.0, 60.0)
    calls = [loud(stems[0], at, 1.5) - loud(hour, at, 1.5) for at in CALLS]
    note(
        f"studio: an hour of stereo takes {opened:.0f} MB of the page's process once it is open, "
        f"{worked:.0f} MB after zooming, isolating and playing; of the moos "
        f"{', '.join(f'{d:.1f}' for d in moos)} dB are in the target, of the calls "
        f"{', '.join(f'{d:.1f}' for d in calls)} dB, of the noise {noise:.1f} dB"
    )
    assert worked < 600
    # Marked once, the moo is lifted out there and at the other three places, and from the noise.
    assert min(moos) > -3
    assert noise < -20

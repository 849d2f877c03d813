"""The list of recordings, and the browser's address and Back button."""

from __future__ import annotations

import re

import numpy as np
import pytest


def at_home(visit) -> None:
    visit.page.wait_for_selector("#welcome:not([hidden])")


def test_recordings_are_listed_renamed_and_deleted(new_visit, serving, clip) -> None:
    with serving() as address, new_visit(address) as visit:
        page = visit.page
        at_home(visit)
        assert page.is_hidden("#recordings")
        visit.open(clip.path)
        visit.turn("low")
        page.click("#home")
        row = page.locator("#recordings li")
        facts = row.inner_text()
        # An upload of 265 KB, its sound and peaks, and both stems.
        assert re.search(r"0:03 · 1\.\d MB · 1 result · used ", facts), facts
        assert "1 recording with 1." in page.inner_text("#recordings .total")
        page.click("[aria-label='Rename two tones.wav']")
        # The name is selected without its suffix.
        page.keyboard.type("a low and a high")
        page.keyboard.press("Enter")
        page.wait_for_selector("[aria-label='Rename a low and a high.wav']")
        page.click("a >> text=a low and a high.wav")
        visit.settled()
        assert page.inner_text("#recording strong") == "a low and a high.wav"
        assert page.locator(".turn.done").count() == 1
        page.go_back()
        at_home(visit)
        page.click("[aria-label^='Delete']")
        assert "and its result? This frees 1." in page.inner_text("#delete-words")
        page.click("#delete-recording >> text=Cancel")
        assert row.count() == 1
        page.click("[aria-label^='Delete']")
        page.click("#delete-recording button.primary")
        page.wait_for_selector("#recordings", state="hidden")
        assert visit.jobs() == []


def test_back_forward_and_addresses(visit, server, clip, new_visit, tmp_path) -> None:
    page = visit.page
    visit.open(clip.path)
    identity = re.search(r"recording=([0-9a-f]{64})$", page.url).group(1)
    visit.turn("low")
    job = visit.jobs()[0]["id"]
    assert page.url.endswith(f"/?recording={identity}&result={job}")
    page.fill("#text", "high")
    page.go_back()
    visit.until("document.querySelectorAll('.track').length === 1")
    visit.settled()
    # What was written when the result arrived.
    assert page.input_value("#text") == "low"
    page.go_forward()
    visit.until("document.querySelectorAll('.track').length === 3")
    # Another tab with the address shows the same.
    with new_visit(page.url) as other:
        other.result()
        np.testing.assert_array_equal(other.stem("target", tmp_path), clip.target(server, "low"))
        assert other.page.is_disabled("#undo")
    page.goto(f"{server.address}/?recording={'0' * 64}")
    page.wait_for_selector("#error:not([hidden])")
    assert "no recording" in page.inner_text("#error")
    assert len(visit.errors) == 1 and "404" in visit.errors.pop()
    page.go_back()
    visit.result()


@pytest.mark.parametrize("key", [" ", "l", "Delete"])
def test_keys_do_nothing_without_a_recording(visit, key) -> None:
    at_home(visit)
    visit.page.keyboard.press(key)
    assert visit.page.is_visible("#welcome")

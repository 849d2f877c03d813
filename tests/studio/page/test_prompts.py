"""Several sounds in one request, where sounds were found, and what is said meanwhile."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from pointing import drag_to

from soundsift.separation.verdicts import POOR


def test_several_sounds_in_one_request(visit, server, clip, tmp_path) -> None:
    visit.open(clip.path)
    page = visit.page
    assert page.is_disabled("#add-prompt")
    page.fill("#text", "low")
    page.click("#add-prompt")
    assert page.input_value("#text") == ""
    page.fill("#text", "not meant")
    page.click("#add-prompt")
    page.click("[aria-label='Leave out “not meant”']")
    assert page.locator("#prompt-list li").all_inner_texts() == ["“low”\n×"]
    drag_to(page, 0.1, 0.5)
    page.fill("#text", "high")
    page.click("button[value=separate]")
    page.wait_for_selector(".turn.done >> nth=1")
    visit.until("document.querySelectorAll('.track').length === 3")
    visit.settled()
    assert page.locator(".track h2").all_inner_texts() == ["Original", "“low”", "“high”"]
    high, low = visit.jobs()[:2]
    assert (low["request"]["text"], low["request"]["spans"]) == ("low", [])
    (span,) = high["request"]["spans"]
    # The original is muted, so the mix is the sum of both.
    expected = clip.target(server, "low").astype(float) + clip.target(server, "high", [span])
    mix, _ = soundfile.read(visit.save("#mix", tmp_path), always_2d=True)
    np.testing.assert_allclose(mix, expected / 32768, atol=1e-6)
    name = 'a[aria-label="Isolated “high” as WAV"]'
    saved = soundfile.read(visit.save(name, tmp_path), dtype="int16", always_2d=True)[0]
    np.testing.assert_array_equal(saved, clip.target(server, "high", [span]))
    assert page.locator("#prompt-list li").count() == 0
    page.reload()
    visit.until("document.querySelectorAll('.track').length === 3")


def test_found_occurrences_can_be_left_out(visit, server, clip, tmp_path) -> None:
    visit.open(clip.path)
    visit.turn("found low")
    page = visit.page
    words = page.inner_text(".found-words")
    assert words == "Found at 0:00, 0:01 (sure), 0:02 (unsure)."
    assert page.locator(".found-list li.unsure").count() == 1
    page.click("[aria-label='Go to 0:02, unsure']")
    assert page.inner_text("#time").startswith("0:02.00")
    assert float(page.inner_text("#zoom-length").removesuffix(" s")) < 1
    page.click("#time")
    page.keyboard.press("p")
    assert page.inner_text("#time").startswith("0:01.25")
    assert page.is_hidden("#found-again")
    page.uncheck("[aria-label='Keep 0:02']")
    page.uncheck("[aria-label='Keep 0:00']")
    assert page.inner_text("#found-again") == "Isolate again without these 2"
    # Keys work after a tick, too.
    page.keyboard.press("n")
    assert page.inner_text("#time").startswith("0:02.00")
    page.click("#found-again")
    visit.result(2)
    visit.until("document.querySelector('.turn').classList.contains('shown')")
    left = visit.jobs()[0]["request"]["not_spans"]
    assert sorted(left) == [[0.5, 1.0], [2.0, 2.5]]
    expected = clip.target(server, "low", (), left)
    np.testing.assert_array_equal(visit.stem("target", tmp_path), expected)


def test_heard_sounds_are_offered(visit, server, clip, tmp_path) -> None:
    visit.open(clip.path)
    page = visit.page
    page.wait_for_selector("[aria-label='Heard in this recording']")
    chips = page.locator(".examples .chip")
    assert chips.all_inner_texts() == ["a low tone", "a high tone"]
    chips.first.click()
    assert page.input_value("#text") == "a low tone"


def test_offered_sounds_do_not_move_what_is_below_them(visit, clip) -> None:
    visit.open(clip.path)
    page = visit.page
    page.wait_for_selector("[aria-label='Heard in this recording']")
    before = page.locator("#tracks").bounding_box()
    page.evaluate("""() => {
        const group = document.querySelector(".examples");
        for (let i = 0; i < 30; i++) group.append(group.firstElementChild.cloneNode(true));
    }""")
    assert page.locator("#tracks").bounding_box() == before


def test_a_sound_that_is_probably_not_there(visit, clip) -> None:
    visit.open(clip.path)
    visit.turn("absent low")
    page = visit.page
    assert page.inner_text(".found-words") == "Probably not in this recording."
    assert "probably not in this recording" in page.inner_text(".turn.done")
    # An engine that says nothing of it shows nothing.
    visit.turn("low", count=2)
    visit.until("document.querySelector('.turn').classList.contains('shown')")
    assert page.is_hidden("#found")


def test_what_was_seen_of_the_object_is_said(visit, clip) -> None:
    visit.open(clip.path)
    visit.turn("offscreen low")
    words = visit.page.inner_text(".found-words")
    assert words.startswith("Taken for 'dog barking' (0.83). The object was lost at 0.04-0.08 s.")
    assert "Warning: the sound does not fit what the object does" in words
    assert words.endswith("Probably not in this recording.")


def test_results_are_rated_in_words(visit, clip) -> None:
    visit.open(clip.path)
    visit.turn("poor low")
    page = visit.page
    parts = "recall 3.9, precision 2.8, faithfulness 3.0"
    rating = page.locator("[data-track=target] .track-rating p")
    assert rating.all_inner_texts() == [f"Rated 1.7 of 5: {parts}", POOR]
    assert page.locator(".track-rating").count() == 1
    facts = page.inner_text(".turn.done .turn-facts")
    assert "rated 1.7 of 5 · probably poor" in facts
    # Of several results, each has its own; it is kept in the database.
    page.fill("#text", "found low")
    page.click("#add-prompt")
    visit.start("poor high")
    visit.until("document.querySelectorAll('.track-rating').length === 2")
    first, second = (page.locator(".track-rating").nth(at).inner_text() for at in (0, 1))
    assert first == f"Rated 3.1 of 5: {parts}"
    assert second.startswith("Rated 1.7 of 5")
    page.reload()
    visit.until("document.querySelectorAll('.turn').length === 3")
    assert "rated 3.1 of 5" in page.inner_text(".turn-list")


def test_results_are_not_rated_unless_wanted(visit, clip) -> None:
    visit.open(clip.path)
    page = visit.page
    page.click(".more summary")
    page.uncheck("text=Rate the result")
    visit.turn("poor low")
    job = visit.jobs()[0]
    assert (job["request"]["judge"], job["judge"]) == (False, None)
    assert page.locator(".track-rating").count() == 0
    # Loading another turn's settings brings its choice back.
    page.check("text=Rate the result")
    page.click("text=Redo…")
    assert not page.is_checked("text=Rate the result")


def test_progress_says_what_is_done(visit, clip) -> None:
    visit.open(clip.path)
    page = visit.page
    visit.start("slow low")
    page.wait_for_selector(".progress-state >> text=/separating, \\d+ % .about 0:0\\d of 0:03./")
    visit.start("slow high")
    page.wait_for_selector(".progress-state >> text=waiting for its turn")
    page.click("#progress button:enabled >> nth=1")
    page.click("#progress button:enabled >> nth=0")
    page.wait_for_selector("#progress", state="hidden")


@pytest.mark.slow
def test_an_encoded_download_says_how_far_it_is(visit, server, clip, tmp_path) -> None:
    visit.open(clip.path)
    visit.turn("low")
    page, states = visit.page, iter([0.0] + 20 * [0.4])

    def slowly(route) -> None:
        fraction = next(states, None)
        if fraction is None:
            route.continue_()
        else:
            route.fulfill(json={"ready": False, "progress": fraction})

    page.route("**/copy?format=flac", slowly)
    with page.expect_download() as download:
        page.click('a[aria-label="Isolated as FLAC"]')
        page.wait_for_selector("#encoding >> text=Encoding Isolated as FLAC, 40 %")
    download.value.save_as(tmp_path / "low.flac")
    assert download.value.suggested_filename == "two tones.low.target.flac"
    flac = soundfile.read(tmp_path / "low.flac", dtype="int16")[0]
    np.testing.assert_array_equal(flac, clip.target(server, "low"))
    page.wait_for_selector("#encoding", state="hidden")

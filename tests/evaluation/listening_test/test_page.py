"""The listeners' page in headless Chromium: by keyboard, on a phone, by what is heard."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

from tests.evaluation.listening_test.test_server import changed, folder, stored  # noqa: F401

from soundsift.evaluation.listening_test import headphones
from soundsift.evaluation.listening_test.answers import Answers
from soundsift.evaluation.listening_test.design import AXES
from soundsift.evaluation.listening_test.folder import TestFolder

PATIENCE_MS = 60_000
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
#: What goes to the loudspeakers also goes to an analyser.
EAR = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...more) {
  if (target instanceof AudioDestinationNode) {
    window.ear ??= new AnalyserNode(target.context, { fftSize: 8192, smoothingTimeConstant: 0 });
    if (window.ear.context === this.context) connect.call(this, window.ear);
    else window.ear = new AnalyserNode(this.context, { fftSize: 8192, smoothingTimeConstant: 0 });
    connect.call(this, window.ear);
  }
  return connect.call(this, target, ...more);
};
"""
#: Level of the other sound (above 1 kHz) against that of the target, in dB.
BALANCE = """(() => {
  const levels = new Float32Array(window.ear.frequencyBinCount);
  window.ear.getFloatFrequencyData(levels);
  const bin = (hz) => Math.round(hz * window.ear.fftSize / window.ear.context.sampleRate);
  const most = (from, to) => Math.max(...levels.slice(bin(from), bin(to)));
  return most(1200, 1800) - most(400, 700);
})()"""


@contextmanager
def serving(test: TestFolder) -> Iterator[str]:
    """The listeners' link of a server as labs run it."""
    command = ["-m", "soundsift.cli", "listening-test", "serve", str(test.path), "--port", "0"]
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+", process.stdout.readline()).group()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()


@contextmanager
def visiting(browser, link: str, **options) -> Iterator:
    context = browser.new_context(reduced_motion="reduce", **options)
    context.add_init_script(EAR)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    page.on("console", lambda m: m.type == "error" and errors.append(m.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(link)
    yield page
    assert errors == []
    context.close()


def until(page, condition) -> None:
    end = time.monotonic() + PATIENCE_MS / 1000
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        page.wait_for_timeout(50)


def hear(page) -> None:
    """Play, and switch to every sound by its key."""
    page.wait_for_selector("#play:enabled")
    page.keyboard.press("Space")
    for key in "abm":
        page.keyboard.press(key)
        page.wait_for_timeout(400)
    until(page, lambda: page.inner_text("#heard") == "All three were heard.")
    page.keyboard.press("Space")


def rate(page, side: str, values: tuple[int, ...]) -> None:
    """Rate an output by the keyboard alone."""
    for axis, value in zip(AXES, values, strict=True):
        page.focus(f"input[name={side}_{axis}]")
        page.keyboard.press(str(value))


def choose(page, label: str) -> None:
    page.get_by_role("group", name="Which output do you prefer").get_by_role(
        "radio", name=label
    ).check(force=True)


def plan(test: TestFolder) -> tuple[str, list]:
    database = Answers(test.answers)
    (listener,) = database.listeners()
    database.close()
    return listener.id, list(listener.plan)


def test_a_session_by_the_keyboard(browser, folder) -> None:  # noqa: F811
    with serving(folder) as link, visiting(browser, link) as page:
        assert folder.description.token in link
        until(page, lambda: page.evaluate("document.activeElement.id") == "consent-title")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#trial:not([hidden])")
        # Screen readers are told where they are, and every button has a name.
        until(page, lambda: page.evaluate("document.activeElement.id") == "trial-title")
        assert page.inner_text("#trial-title") == "Comparison 1 of 8 (training)"
        overall = page.get_by_role("group", name="Output A, overall")
        assert overall.get_by_role("radio").count() == 5
        assert overall.get_by_role("radio", name="5 excellent").count() == 1
        assert page.get_by_role("radio").count() == 2 * 4 * 5 + 2
        _, trials = plan(folder)
        # Not before everything was heard, not without every rating.
        for side in "ab":
            rate(page, side, (4, 3, 2, 5) if side == "a" else (1, 1, 2, 2))
        choose(page, "Output A")
        page.click("#next")
        until(page, lambda: "Please listen to" in page.inner_text("#error"))
        page.focus("#trial-title")
        hear(page)
        page.focus("input[name=choice]")
        page.keyboard.press("Enter")
        # A training item explains its answer, and stays until the listener goes on.
        page.wait_for_selector("#feedback:not([hidden])")
        word = "Right" if trials[0].known == "a" else "Here output B"
        assert page.inner_text("#feedback").startswith(word)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        until(page, lambda: page.inner_text("#trial-title") == "Comparison 2 of 8")
        assert page.get_by_role("radio", checked=True).count() == 0
        # Loaded again, the session goes on.
        page.reload()
        page.wait_for_selector("#trial:not([hidden])")
        assert page.inner_text("#trial-title") == "Comparison 2 of 8"
        assert page.inner_text("#progress") == "1 of 8 done"
    (answer,) = stored(folder)
    assert tuple(answer.ratings_a.values()) == (4, 3, 2, 5)
    assert tuple(answer.ratings_b.values()) == (1, 1, 2, 2)
    assert (answer.choice, answer.trial) == ("a", trials[0])
    assert answer.seconds > 1


def test_what_is_heard_on_a_phone(browser, folder) -> None:  # noqa: F811
    test = changed(folder, training=0, gold=0, repeats=0, comparisons=1)
    with serving(test) as link, visiting(browser, link, **PHONE) as page:
        page.tap("#agree")
        page.wait_for_selector("#play:enabled")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        # As large as a finger.
        for control in ("#play", "[data-source=b]", ".scale label", ".choice label"):
            assert page.locator(control).first.bounding_box()["height"] >= 44
        _, (trial,) = plan(test)
        # The other sound, which the systems leave at -20 and -3 dB of its level.
        expected = {"mixture": 0, "ours": -20, "theirs": -3}
        page.tap("#play")
        for source, system in (("mixture", "mixture"), ("a", trial.a), ("b", trial.b)):
            page.tap(f"[data-source={source}]")
            assert page.get_attribute(f"[data-source={source}]", "aria-pressed") == "true"
            wanted = expected[system]
            until(page, lambda wanted=wanted: abs(page.evaluate(BALANCE) - wanted) < 2.5)
            page.wait_for_timeout(400)
        for axis in AXES:
            page.tap(f".scale label:has(input[name=a_{axis}][value='2'])")
            page.tap(f".scale label:has(input[name=b_{axis}][value='4'])")
        page.tap(".choice label:has(input[value=b])")
        page.tap("#next")
        page.wait_for_selector("#done:not([hidden])")
        page.on("dialog", lambda dialog: dialog.accept())
        assert [one.choice for one in stored(test)] == ["b"]
        page.tap("#withdraw")
        page.wait_for_selector("#consent:not([hidden])")
    assert stored(test) == []


def test_the_headphone_check(browser, folder) -> None:  # noqa: F811
    test = changed(folder, headphones="require")
    with serving(test) as link, visiting(browser, link) as page:
        page.click("#agree")
        page.wait_for_selector("#headphones:not([hidden])")
        code = re.sub("-", "", page.inner_text("#listener"))
        for attempt in range(2):
            page.click("text=Play sound 1")
            right = headphones.right_answers(code, attempt)
            for number, value in enumerate(right):
                wrong = value % 3 + 1
                given = value if attempt else wrong
                group = page.get_by_role("group", name=f"Sound {number + 1}: the quietest tone")
                group.get_by_role("radio", name=f"Tone {given}").check(force=True)
            page.click("#tones button.primary")
            if not attempt:
                until(page, lambda: "not right yet" in page.inner_text("#error"))
        page.wait_for_selector("#trial:not([hidden])")


def test_the_page_loads_from_its_server_only() -> None:
    static = resources.files("soundsift.evaluation.listening_test") / "static"
    for path in static.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://|//[\w.-]+\.\w+/|\son\w+=", text), path.name

"""Colours that can be read: WCAG's contrast, in the light and in the dark."""

from __future__ import annotations

import re
from importlib import resources

import pytest

STATIC = resources.files("soundsift.studio") / "static"
STYLE = (STATIC / "style.css").read_text(encoding="utf-8")
PALETTE = (resources.files("soundsift") / "assets" / "palette.css").read_text(encoding="utf-8")
_PARTS = [re.split(r"prefers-color-scheme: dark", css, maxsplit=1) for css in (PALETTE, STYLE)]
LIGHT, DARK = ("\n".join(parts) for parts in zip(*_PARTS, strict=True))


def colours(theme: str) -> dict[str, str]:
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", LIGHT))
    return found | (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", DARK)) if theme == "dark" else {}
    )


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("words", "ground"),
    [
        *((words, ground) for words in ("ink", "muted") for ground in ("card", "paper")),
        *((f"track-{tone}", "card") for tone in ("original", "isolated", "without", "other")),
        ("on-accent", "accent"),
        ("on-accent", "accent-strong"),
        ("accent-strong", "card"),
        ("bad", "bad-wash"),
        ("card", "ink"),
        ("paper", "ink"),
        ("muted", "wave-background"),
        ("ink", "found-wash"),
        ("heard", "card"),
        ("not-heard", "card"),
    ],
)
def test_text_contrast(theme, words, ground) -> None:
    palette = colours(theme)
    assert contrast(palette[words], palette[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("line", ["edge", "accent"])
def test_control_contrast(theme, line) -> None:
    palette = colours(theme)
    assert contrast(palette[line], palette["card"]) >= 3


def test_the_page_loads_from_its_server_only() -> None:
    for path in STATIC.iterdir():
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?://|//[\w.-]+\.\w+/|\son\w+=", text), path.name

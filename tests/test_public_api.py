"""The names that users import from the package's root."""

import subprocess
import sys

import pytest

import soundsift

NAMES = {
    "Box",
    "HeardSound",
    "Output",
    "Point",
    "Prompt",
    "Separation",
    "Separator",
    "SoundDetector",
    "SoundsiftError",
    "Span",
    "VisualPrompt",
    "__version__",
    "listen",
    "load",
}


def test_the_surface() -> None:
    assert set(soundsift.__all__) == set(dir(soundsift)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_is_there_and_named_so(name: str) -> None:
    found = getattr(soundsift, name)
    if not name.startswith("_"):
        assert found.__name__ == name
        assert found.__doc__


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'separate'"):
        soundsift.separate  # type: ignore[attr-defined]  # noqa: B018


def test_importing_does_not_load_pytorch() -> None:
    code = "import sys, soundsift; soundsift.Span; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

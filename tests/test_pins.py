"""What is installed is pinned, and compared with hashes; what is bundled is named."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.hostile


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {normal(name): version for name, version in pairs}


def locked() -> dict[str, tuple[str, list[str]]]:
    """Version and hashes of each package in constraints.lock."""
    text = (ROOT / "constraints.lock").read_text()
    entries = re.findall(
        r"^([\w.-]+)==([\w.+!-]+)([^\n]*\n(?:    --hash=\S+[ \\]*\n)+)", text, re.M
    )
    # Every line belongs to an entry, or is a comment.
    assert sum(entry[2].count("\n") for entry in entries) == sum(
        not line.startswith("#") for line in text.splitlines()
    )
    return {
        normal(name): (version, re.findall(r"--hash=sha256:([0-9a-f]{64})\b", rest))
        for name, version, rest in entries
    }


def test_every_pin_but_pytorch_has_hashes() -> None:
    found = locked()
    assert "torch" not in found
    for name, version in pins().items():
        if name != "torch":
            assert found[name][0] == version, name
    assert all(hashes for _, hashes in found.values())


def test_everything_that_is_asked_for_is_pinned() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    asked = [
        *project["project"]["dependencies"],
        *(name for names in project["project"]["optional-dependencies"].values() for name in names),
        *(name for names in project["dependency-groups"].values() for name in names),
        *project["build-system"]["requires"],
    ]
    names = {normal(re.split(r"[\[<>=]", one)[0]) for one in asked}
    assert names <= set(pins())


def test_all_that_is_bundled_is_in_notice_and_bill() -> None:
    package = ROOT / "src" / "soundsift"
    notice = (ROOT / "NOTICE").read_text()
    bundled = json.loads((ROOT / ".ci" / "bundled.json").read_text())
    for component in bundled:
        assert component["name"] in notice and component["licenses"], component["name"]
    parts = {
        *(package / "weights").iterdir(),
        # The palette is the project's own.
        *(path for path in (package / "assets").iterdir() if path.suffix not in {".md", ".css"}),
    }
    for part in parts:
        where = part if part.suffix else part.relative_to(ROOT)
        assert str(where.name if part.suffix else where) in notice, part

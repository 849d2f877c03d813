"""The watch over a server's files sees what it is to see."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

from processes import watched

PROGRAM = """
import os, shutil, sqlite3, subprocess, sys, tempfile
from pathlib import Path
for place in (Path("may"), Path("else")):
    place.mkdir()
    (place / "read.txt").write_text("x")
    (place / "read.txt").read_text()
    (place / "read.txt").rename(place / "other.txt")
    sqlite3.connect(place / "a.db").close()
    (place / "deep").mkdir()
    (place / "deep" / "x").touch()
    shutil.rmtree(place / "deep")
    subprocess.run([sys.executable, "-c", "open('" + str(place / "child") + "', 'w')"])
Path("may/../else/up").touch()
for place in ("may", "else"):
    folder = os.open(place, os.O_RDONLY)
    os.close(os.open("within", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
open(os.devnull, "w").close()
"""


def test_changes_outside_are_recorded(tmp_path: Path) -> None:
    own = watched(tmp_path / "may", tmp_path / "notes")
    command = [sys.executable, "-B", "-c", PROGRAM]
    subprocess.run(command, cwd=tmp_path, env=os.environ | own, check=True)
    noted = [line.split() for line in (tmp_path / "notes").read_text().splitlines()]
    assert all(place.startswith(f"{tmp_path}/else") for _, place in noted)
    found = [(event, place.removeprefix(f"{tmp_path}/else")) for event, place in noted]
    assert found == [
        ("os.mkdir", ""),
        ("open", "/read.txt"),
        ("os.rename", "/read.txt"),
        ("os.rename", "/other.txt"),
        ("sqlite3.connect", "/a.db"),
        ("os.mkdir", "/deep"),
        ("os.utime", "/deep/x"),
        ("open", "/deep/x"),
        ("os.remove", "/deep/x"),
        ("os.rmdir", "/deep"),
        ("open", "/child"),
        ("os.utime", "/up"),
        ("open", "/up"),
        ("open", "/within"),
    ]

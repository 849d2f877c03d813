"""The browser's installation, with an apt-get that only pretends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import chromium

#: Notes what it is asked for. `broken` and `stale` are files that say how it behaves.
APT = """#!/bin/sh
cd "$(dirname "$0")"
echo "apt-get $*" >> asked
case "$*" in *update*) rm -f stale; exit 0;; esac
if [ -e stale ] || [ -e broken ]; then echo "E: Unable to locate package chromium"; exit 100; fi
case "$*" in
  *simulate*) [ -e snap ] && echo "Inst snapd (2.63 Ubuntu)" || echo "Inst chromium (1 Debian)";;
  *download-only*) ;;
  *) printf '#!/bin/sh\\n' > chromium && chmod +x chromium;;
esac
"""
SUDO = (
    '#!/bin/sh\ncd "$(dirname "$0")"\necho "sudo $*" >> asked\n[ -e may ] || exit 1\nshift\n"$@"\n'
)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a system with these programs on its path, for a superuser or somebody else."""

    def make(root: bool = True, marks: tuple[str, ...] = (), **programs: str) -> Path:
        for name, text in programs.items():
            (tmp_path / name.replace("_", "-")).write_text(text)
            (tmp_path / name.replace("_", "-")).chmod(0o755)
        for mark in marks:
            (tmp_path / mark).touch()
        tools = tmp_path / "tools"
        tools.mkdir()
        for name in ("sh", "env", "dirname", "chmod", "rm", "true"):
            (tools / name).symlink_to(
                next(p for p in ("/bin", "/usr/bin") if Path(p, name).exists()) + f"/{name}"
            )
        monkeypatch.setenv("PATH", f"{tmp_path}:{tools}")
        monkeypatch.delenv(chromium.ASKED, raising=False)
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        return tmp_path

    return make


def asked(folder: Path) -> list[str]:
    """What was done, by its last words."""
    log = folder / "asked"
    words = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [
        next(
            (w for w in ("update", "--simulate", "--download-only", "install") if w in line),
            line[0],
        )
        for line in words
    ]


def test_it_is_installed_once(system, capsys) -> None:
    folder = system(apt_get=APT)
    chromium.main()
    assert asked(folder) == ["--simulate", "--download-only", "install"]
    assert "--no-install-recommends" in (folder / "asked").read_text()
    assert chromium.find() == str(folder / "chromium")
    assert capsys.readouterr().out.splitlines() == [
        "Installing Chromium, for the tests of the studio's page"
    ]
    chromium.main()
    assert len(asked(folder)) == 3
    assert capsys.readouterr().out == ""


def test_a_system_without_lists_gets_them(system) -> None:
    folder = system(apt_get=APT, marks=("stale",))
    chromium.main()
    assert asked(folder) == ["--simulate", "update", "--simulate", "--download-only", "install"]
    assert chromium.find()


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({}, "there is no apt-get here"),
        ({"apt_get": APT, "root": False}, "it takes root, or sudo without a password"),
        (
            {"apt_get": APT, "sudo": SUDO, "root": False},
            "it takes root, or sudo without a password",
        ),
        ({"apt_get": APT, "marks": ("broken",)}, "Unable to locate package chromium"),
        ({"apt_get": APT, "marks": ("snap",)}, "a snap"),
    ],
)
def test_what_can_t_be_done_is_said_and_no_failure(system, capsys, own, reason) -> None:
    folder = system(**own)
    chromium.main()
    assert reason in capsys.readouterr().out.splitlines()[-1]
    assert "install" not in asked(folder)
    assert chromium.find() is None


def test_sudo_without_a_password_will_do(system) -> None:
    folder = system(apt_get=APT, sudo=SUDO, root=False, marks=("may",))
    chromium.main()
    assert chromium.find() == str(folder / "chromium")


@pytest.mark.parametrize(("value", "found"), [("", None), ("/opt/browser", "/opt/browser")])
def test_a_browser_can_be_named_or_declined(system, monkeypatch, value, found) -> None:
    folder = system(apt_get=APT)
    monkeypatch.setenv(chromium.ASKED, value)
    chromium.main()
    assert chromium.find() == found
    assert asked(folder) == []

"""Chromium for the tests of pages.

Run as a program, by `make test-browser`, it installs one with apt-get if none is found. It never
fails: without a browser, the tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess

#: Names a browser to take; set to nothing, it says that none is wanted.
ASKED = "SOUNDSIFT_CHROMIUM"

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_INSTALL = ("install", "--yes", "--no-install-recommends", "chromium")
#: No network is no reason to wait for long.
_PATIENCE = (
    *("-o", "Acquire::Retries=1", "-o", "DPkg::Lock::Timeout=60"),
    *("-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20"),
)
_MOST_SECONDS = 300.0


class CannotError(Exception):
    """It can't be installed, for this reason."""


def find() -> str | None:
    """The browser to test with: the one asked for, or the first on the path."""
    if (asked := os.environ.get(ASKED)) is not None:
        return asked or None
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def install() -> None:
    """Install it with apt-get, if that can be done without asking anybody.

    Raises:
        CannotError: it can't.
    """
    if shutil.which("apt-get") is None:
        raise CannotError("there is no apt-get here")
    apt = (*_superuser(), "apt-get", *_PATIENCE)
    try:
        _fetch(apt)
    except CannotError:
        # A new system has no lists of packages yet, and old ones name what is there no more.
        _run(*apt, "update", seconds=_MOST_SECONDS)
        _fetch(apt)
    # As long as it takes: half an installation would be worse than none.
    _run(*apt, *_INSTALL)


def _fetch(apt: tuple[str, ...]) -> None:
    plan = _run(*apt, "--simulate", *_INSTALL)
    if "Inst snapd " in plan:
        raise CannotError("the package is a snap here, which tests can't drive")
    _run(*apt, "--download-only", *_INSTALL, seconds=_MOST_SECONDS)


def _superuser() -> tuple[str, ...]:
    """What to put before a command so that it may do everything."""
    if os.geteuid() == 0:
        return ()
    try:
        _run("sudo", "-n", "true")
    except CannotError as error:
        raise CannotError("it takes root, or sudo without a password") from error
    # sudo lets no variables through.
    return ("sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")


def _run(*command: str, seconds: float | None = None) -> str:
    """What a command says; nobody sees it."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=quiet,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotError(f"{command[-1]} takes over {seconds:g} s") from error
    except OSError as error:
        raise CannotError(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        errors = [line[3:] for line in done.stdout.splitlines() if line.startswith("E: ")]
        raise CannotError((errors or ["apt-get failed"])[0])
    return done.stdout


def main() -> None:
    """Install a browser if there is none, and if none was asked for."""
    if find() is not None or ASKED in os.environ:
        return
    print("Installing Chromium, for the tests of the studio's page", flush=True)
    try:
        install()
    except CannotError as reason:
        print(f"Chromium was not installed, and those tests will be skipped: {reason}", flush=True)


if __name__ == "__main__":
    main()

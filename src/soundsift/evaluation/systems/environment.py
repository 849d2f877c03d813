"""Environments of other systems: a virtual environment each, apart from ours, with exact pins.

They are kept in the cache folder under a name that holds a hash of everything pinned, so that a
changed pin makes a new one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from soundsift.cache import cache_folder
from soundsift.errors import SoundsiftError

#: Written last: an environment without it is not complete.
_DONE = "soundsift-environment.json"
_SOURCE = "source"


@dataclass(frozen=True)
class Environment:
    """A complete environment.

    Attributes:
        python: its interpreter.
        source: clone of the system's repository, if it is no package.
        packages: what is installed, `name==version`, in order.
    """

    python: Path
    source: Path | None
    packages: tuple[str, ...]


def environment_folder(name: str, requirements: Sequence[str], repository: str = "") -> Path:
    """Where the environment of a system is, or will be.

    Raises:
        SoundsiftError: there is no usable cache folder.
    """
    cache = cache_folder()
    if cache is None:
        raise SoundsiftError(
            "there is no cache folder of this user's own for environments. Set XDG_CACHE_HOME."
        )
    pinned = "\n".join((*sorted(requirements), repository, sys.version))
    return cache / "systems" / f"{name}-{hashlib.sha256(pinned.encode()).hexdigest()[:12]}"


def find_environment(
    name: str, requirements: Sequence[str], repository: str = ""
) -> Environment | None:
    """The environment of a system if it is complete."""
    folder = environment_folder(name, requirements, repository)
    done = folder / _DONE
    if not done.is_file():
        return None
    source = folder / _SOURCE
    packages = tuple(json.loads(done.read_text(encoding="utf-8"))["packages"])
    return Environment(_python(folder), source if source.is_dir() else None, packages)


def make_environment(
    name: str,
    requirements: Sequence[str],
    repository: str = "",
    tell: Callable[[str], None] | None = None,
) -> Environment:
    """Make an environment, or return it if it is complete.

    Args:
        name: of the system.
        requirements: exact pins, `name==version`; options such as `--no-binary` are allowed.
        repository: `URL@COMMIT` to clone beside the packages; empty for none.
        tell: called with what is being done.

    Raises:
        SoundsiftError: a step fails; the error has pip's or git's last line.
    """
    found = find_environment(name, requirements, repository)
    if found is not None:
        return found
    folder = environment_folder(name, requirements, repository)
    say = tell or (lambda _: None)
    say(f"making the environment of {name} in {folder}")
    if folder.exists():  # left unfinished by a run that was ended
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", str(folder)], name)
    listing = folder / "requirements.txt"
    listing.write_text("\n".join(requirements) + "\n", encoding="utf-8")
    python = _python(folder)
    _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(listing)], name)
    if repository:
        url, _, commit = repository.rpartition("@")
        say(f"fetching {url}")
        _run(["git", "clone", "--quiet", url, str(folder / _SOURCE)], name)
        _run(["git", "-C", str(folder / _SOURCE), "checkout", "--quiet", commit], name)
    frozen = _run([str(python), "-m", "pip", "freeze"], name).splitlines()
    done = folder / _DONE
    done.write_text(json.dumps({"packages": sorted(frozen)}, indent=1), encoding="utf-8")
    made = find_environment(name, requirements, repository)
    assert made is not None
    return made


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _run(command: list[str], name: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        # pip puts its errors before notices of new versions.
        reason = next((x for x in lines if x.startswith("ERROR")), (lines or ["no message"])[-1])
        raise SoundsiftError(
            f"the environment of {name} could not be made: {reason}. Check the network and try "
            "again."
        )
    return done.stdout

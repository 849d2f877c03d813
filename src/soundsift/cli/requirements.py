"""What a command needs beyond the package itself: the extras, and programs of the system."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from soundsift.errors import SoundsiftError

#: How to get what is missing. The soundfont player asks for a library that only live playback
#: needs, so it is in no extra and has a make target instead.
REMEDIES = {
    "train": "pip install 'soundsift[train]'",
    "bench": "pip install 'soundsift[bench]'",
    "studio": "pip install 'soundsift[studio]'",
    "data": "make bank-tools",
}

#: Debian's tools, with which `soundsift data fetch` downloads and unpacks.
PROGRAMS = ("apt-get", "dpkg-deb")


def need(kind: str, *modules: str) -> None:
    """Refuse to start what would fail for want of a package later.

    Args:
        kind: key of `REMEDIES`.
        modules: their import names.

    Raises:
        SoundsiftError: one is not installed.
    """
    if missing := [module for module in modules if find_spec(module) is None]:
        raise SoundsiftError(
            f"{', '.join(missing)} not found; what `{REMEDIES[kind]}` installs was expected."
        )


def packages() -> dict[str, dict[str, str | None]]:
    """What each kind of work needs, with the version installed, None where it is missing."""
    found: dict[str, dict[str, str | None]] = {
        "data": {"tinysoundfont": _version("tinysoundfont")},
        "train": {},
        "bench": {},
    }
    for line in requires("soundsift") or ():
        if match := re.match(r"""([\w.-]+).*;.*extra\s*==\s*['"](\w+)['"]""", line):
            package, extra = match.groups()
            found.setdefault(extra, {})[package] = _version(package)
    return found


def programs() -> dict[str, bool]:
    """Which of Debian's tools are there."""
    return {name: shutil.which(name) is not None for name in PROGRAMS}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

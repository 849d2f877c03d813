"""Check the optional packages and system programs that a command needs."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from soundsift.errors import SoundsiftError

#: Commands that install what is missing. The soundfont player depends on a library for live
#: playback, so it is in no extra and has a make target instead.
REMEDIES = {
    "train": "pip install 'soundsift[train]'",
    "bench": "pip install 'soundsift[bench]'",
    "studio": "pip install 'soundsift[studio]'",
    "listening": "pip install 'soundsift[listening]'",
    "map": "pip install 'soundsift[map]'",
    "mcp": "pip install 'soundsift[mcp]'",
    "onnx": "pip install 'soundsift[onnx]'",
    "data": "make bank-tools",
}

#: Debian's tools, with which `soundsift data fetch` downloads and unpacks.
PROGRAMS = ("apt-get", "dpkg-deb")


def need(kind: str, *modules: str) -> None:
    """Refuse to start work that would fail later because a package is missing.

    Args:
        kind: key of `REMEDIES`.
        modules: their import names.

    Raises:
        SoundsiftError: one is not installed.
    """
    if missing := [module for module in modules if find_spec(module) is None]:
        raise SoundsiftError(f"{', '.join(missing)} not found. Install it with `{REMEDIES[kind]}`.")


def packages() -> dict[str, dict[str, str | None]]:
    """Packages that each kind of work needs, with the installed version or None."""
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
    """Whether each of Debian's tools is installed."""
    return {name: shutil.which(name) is not None for name in PROGRAMS}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

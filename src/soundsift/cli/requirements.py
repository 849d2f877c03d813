"""What a command needs beyond the package itself: the extras, and programs of the system."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from soundsift.errors import SoundsiftError

#: Debian's tools, with which `soundsift data fetch` downloads and unpacks.
PROGRAMS = ("apt-get", "dpkg-deb")


def need(extra: str, *modules: str) -> None:
    """Refuse to start what would fail for want of a package later.

    Args:
        extra: the extra of ours that installs the modules.
        modules: their import names.

    Raises:
        SoundsiftError: one is not installed.
    """
    if missing := [module for module in modules if find_spec(module) is None]:
        raise SoundsiftError(
            f"{', '.join(missing)} not found; what `pip install 'soundsift[{extra}]'` installs was "
            "expected."
        )


def extras() -> dict[str, dict[str, str | None]]:
    """Packages of each of our extras with the version installed, None where it is missing."""
    found: dict[str, dict[str, str | None]] = {}
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

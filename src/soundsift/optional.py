"""Import optional dependencies, with an error that names the extra to install."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from soundsift.errors import SoundsiftError


def library(name: str, needed_by: str = "the released models", extra: str = "released") -> Any:
    """Import an optional library.

    Args:
        name: the library, or a module in it.
        needed_by: the feature that needs it, in the plural, for the error.
        extra: the extra of this package that installs it.

    Raises:
        SoundsiftError: it is not installed.
    """
    # Asked for again and again, picture by picture; to suppress warnings is slow.
    if (loaded := sys.modules.get(name)) is not None:
        return loaded
    try:
        with without_warnings():
            return importlib.import_module(name)
    except ImportError:
        raise _not_installed(name, needed_by, extra) from None


@contextmanager
def without_warnings() -> Iterator[None]:
    """Suppress logged warnings.

    torchao, which Transformers imports if it is installed, warns of every kernel for other
    machines.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def check_installed(
    name: str, needed_by: str = "the released models", extra: str = "released"
) -> None:
    """Check that a library is installed which `library` will import later; arguments as there.

    Raises:
        SoundsiftError: if it is not installed.
    """
    if importlib.util.find_spec(name) is None:
        raise _not_installed(name, needed_by, extra)


def _not_installed(name: str, needed_by: str, extra: str) -> SoundsiftError:
    return SoundsiftError(
        f"{needed_by} need the library {name.partition('.')[0]}. Install it with "
        f"`pip install 'soundsift[{extra}]'`."
    )

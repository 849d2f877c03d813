"""Libraries that few need."""

import logging

import pytest

from soundsift.errors import SoundsiftError
from soundsift.optional import check_installed, library, without_warnings


def test_a_missing_library_says_what_to_install() -> None:
    with pytest.raises(SoundsiftError, match=r"no_such_library.*soundsift\[released\]"):
        library("no_such_library")


def test_one_that_will_be_imported_later() -> None:
    check_installed("json")
    with pytest.raises(SoundsiftError, match=r"no_such_library.*soundsift\[released\]"):
        check_installed("no_such_library")


def test_warnings_are_silent_only_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    with without_warnings():
        logging.getLogger("some.library").warning("of a kernel for another machine")
    logging.getLogger("some.library").warning("of something else")
    assert caplog.messages == ["of something else"]

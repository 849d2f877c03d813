"""A test's folder: `test.json`, `media/` and the listeners' answers."""

from __future__ import annotations

import secrets
from functools import cached_property
from pathlib import Path

from pydantic import Field, ValidationError

from soundsift.audio import atomic_file
from soundsift.errors import SoundsiftError, one_line
from soundsift.evaluation.listening_test.design import TestItem, TestSettings, _Strict

DESCRIPTION, MEDIA, ANSWERS = "test.json", "media", "answers.sqlite"


class Description(_Strict):
    """Contents of `test.json`.

    Attributes:
        settings: settings of the test.
        token: secret of the link that listeners get.
        items: items that are compared.
        gold: items of a better and a worse output.
    """

    settings: TestSettings
    token: str = Field(default_factory=lambda: secrets.token_urlsafe(16), min_length=16)
    items: tuple[TestItem, ...] = Field(min_length=1)
    gold: tuple[TestItem, ...]


class TestFolder:
    """The folder of a test that was made.

    Args:
        path: the folder.

    Raises:
        SoundsiftError: it holds no test, or one that can't be read.
    """

    __test__ = False

    def __init__(self, path: Path) -> None:
        self.path = path
        file = path / DESCRIPTION
        try:
            self.description = Description.model_validate_json(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise SoundsiftError(
                f"{path} is no listening test: it has no {DESCRIPTION}. Make one with "
                "`soundsift listening-test make`."
            ) from error
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise SoundsiftError(
                f"{file} can't be used ({one_line(error)}). Make the test again."
            ) from error

    @property
    def settings(self) -> TestSettings:
        """Settings of the test."""
        return self.description.settings

    @property
    def answers(self) -> Path:
        """Database of the listeners' answers."""
        return self.path / ANSWERS

    @cached_property
    def items(self) -> dict[str, TestItem]:
        """Compared items by id."""
        return {item.id: item for item in self.description.items}

    @cached_property
    def gold(self) -> dict[str, TestItem]:
        """Gold items by id."""
        return {item.id: item for item in self.description.gold}

    def media(self, name: str) -> Path:
        """File of a sound or picture."""
        return self.path / MEDIA / name


def write_description(path: Path, description: Description) -> None:
    """Write `test.json` into a folder, readable for this user only: it has the token.

    Raises:
        SoundsiftError: it can't be written.
    """
    with atomic_file(path / DESCRIPTION) as file:
        file.write(description.model_dump_json(indent=1).encode() + b"\n")
    (path / DESCRIPTION).chmod(0o600)

"""Hooks of the documentation's build: the command reference is the commands' own `--help`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from typer.main import get_command
from typer.testing import CliRunner

from soundsift.cli import app

MARK = "<!-- commands -->"


def commands(group: click.Command, name: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of all commands, groups before their members."""
    yield name
    for member, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*name, member))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill the command reference."""
    if page.file.src_uri != "cli.md":
        return markdown
    sections = []
    for name in commands(get_command(app)):
        shown = CliRunner().invoke(app, [*name, "--help"], terminal_width=100)
        title = " ".join(("soundsift", *name))
        sections.append(f"## `{title}`\n\n```text\n{shown.stdout.strip()}\n```")
    return markdown.replace(MARK, "\n\n".join(sections))

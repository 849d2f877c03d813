"""Typer's classes with our manners: errors in one sentence, help unasked, spans in order."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from soundsift.errors import SoundsiftError

BAD_REQUEST, INTERRUPTED = 2, 130


class Group(TyperGroup):
    """A group that shows its help when no command is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, with `--help` for an empty line."""
        return super().parse_args(ctx, args or ["--help"])


class TopGroup(Group):
    """The whole program: whatever the user can mend ends in one line on stderr and exit code 2."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and exit.

        Raises:
            SystemExit: always; other exceptions are bugs and keep their traceback.
        """
        # A file's name may hold what the terminal's encoding has not.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            code = super().main(*args, **kwargs | {"standalone_mode": False})
        except SoundsiftError as error:
            _say(str(error))
            sys.exit(BAD_REQUEST)
        except typer.TyperException as error:
            # Typer would draw the usage and a box around the message.
            _say(error.format_message())
            sys.exit(error.exit_code)
        if code == INTERRUPTED:
            _say("Interrupted.")
        sys.exit(code if isinstance(code, int) else 0)


class Command(TyperCommand):
    """A command whose complaints about an option name the value seen."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, and add the value to an error's message where typer leaves it out."""
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            value = given.get(error.param.name) if error.param else None
            if isinstance(value, str) and repr(value) not in error.message:
                error.message += f", not {value!r}"
            raise


class SpanCommand(Command):
    """A command whose `--span` and `--not-span` keep the order in which they were given.

    Of two overlapping spans the later one wins, but typer hands over one list per option.
    `ctx.meta[SPAN_ORDER]` holds the options' names in the order of the command line.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, and note the order of the span options."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[SPAN_ORDER] = [p.name for p in order if p.name in ("span", "not_span")]
        return super().parse_args(ctx, args)


SPAN_ORDER = "soundsift.span_order"


def _say(message: str) -> None:
    """One line on stderr, whatever line breaks a file's name or a parser's message has."""
    typer.echo(" ".join(part.strip() for part in message.splitlines() if part.strip()), err=True)

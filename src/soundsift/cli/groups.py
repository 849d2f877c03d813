"""Typer subclasses: one-line errors, help in sections, ordered span options."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from soundsift.cli.console import stdout_errors, warn
from soundsift.cli.usage_errors import usage_in_words
from soundsift.errors import SoundsiftError

BAD_REQUEST, INTERRUPTED = 2, 130
#: Some recordings failed, the others are done.
SOME_FAILED = 3

#: Key in `ctx.meta` of the span options' names, in the order of the command line.
SPAN_ORDER = "soundsift.span_order"

#: Printed when no command is named.
FIRST_STEPS = """Separate any sound from any recording: describe it, or mark when it is heard.

  soundsift separate street.wav --text "dog barking" --out stems
  soundsift remove podcast.mp3 --text "phone ringing" --span 1:02-1:05 --out clean
  soundsift studio street.wav

The first writes the sound and everything else to two files, the second the recording without the
sound, the third opens a page in the browser. `soundsift --help` lists all commands, and
`soundsift COMMAND --help` the options of one."""


class Group(TyperGroup):
    """A command group that shows its help if no command is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; none stands for `--help`."""
        with stdout_errors():
            return super().parse_args(ctx, args or ["--help"])


class TopGroup(TyperGroup):
    """The program: errors that users can mend print one line on stderr and exit with code 2."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program and exit.

        Raises:
            SystemExit: always; other exceptions are bugs and keep their traceback.
        """
        try:
            code = super().main(*args, **kwargs | {"standalone_mode": False})
        except SoundsiftError as error:
            warn(str(error))
            sys.exit(BAD_REQUEST)
        except typer.TyperException as error:
            # Typer's own output has the usage and a box around the message.
            warn(usage_in_words(error, kwargs.get("args") or sys.argv[1:]))
            sys.exit(error.exit_code)
        if code == INTERRUPTED:
            warn("Interrupted.")
        sys.exit(code if isinstance(code, int) else 0)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; without any, print the first steps."""
        # `--help` and `--version` print while they are parsed.
        with stdout_errors():
            if not args:
                typer.echo(FIRST_STEPS)
                raise typer.Exit
            return super().parse_args(ctx, args)


class Command(TyperCommand):
    """A command with options in sections, whose errors show the rejected value."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one section for each `rich_help_panel`, in plain text."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                usual = "Arguments" if parameter.param_type_name == "argument" else "Other options"
                title = getattr(parameter, "rich_help_panel", None) or usual
                sections.setdefault(title, []).append(record)
        if len(sections) <= 2 and "Other options" in sections:
            sections["Options"] = sections.pop("Other options")
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; errors name the value where typer leaves it out."""
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        try:
            with stdout_errors():
                return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            value = given.get(error.param.name) if error.param else None
            if isinstance(value, str) and repr(value) not in error.message:
                error.message += f", not {value!r}"
            raise


class SpanCommand(Command):
    """A command that keeps the order of its `--span` and `--not-span` options.

    The later of two overlapping spans wins, but typer passes one list per option.
    `ctx.meta[SPAN_ORDER]` holds the options' names in the order of the command line.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments and store the order of the span options."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[SPAN_ORDER] = [p.name for p in order if p.name in ("span", "not_span")]
        return super().parse_args(ctx, args)

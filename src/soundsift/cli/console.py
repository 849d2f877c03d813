"""Standard streams: results on stdout, messages on stderr, and streams that are closed or full."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import typer

from soundsift.errors import SoundsiftError

#: Exit code after the reader of the output has closed its pipe, as shells report SIGPIPE.
PIPE_CLOSED = 141


def prepare_streams() -> None:
    """Make the standard streams usable; called once, before anything is opened.

    Closed descriptors (`2>&-`) are connected to the null device: else the next file that is opened
    would get their number, and what libraries print would go into it. Without stderr, messages are
    dropped. Names that the terminal's encoding lacks are escaped.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number: this one.
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print a line on stdout.

    Raises:
        typer.Exit: with code 141; the reader of a pipe has closed it.
        SoundsiftError: stdout can't be written, for instance because a disk is full.
    """
    with stdout_errors():
        typer.echo(text)


def warn(message: str) -> None:
    """Print one line on stderr, whatever line breaks the message has; errors are ignored."""
    with suppress(OSError):
        typer.echo(one_line(message), err=True)


def one_line(message: str) -> str:
    """A message without the line breaks that a file name or a parser's message may hold."""
    return " ".join(part.strip() for part in message.splitlines() if part.strip())


@contextmanager
def stdout_errors() -> Iterator[None]:
    """Turn errors of writing to stdout into exit codes and sentences, as for `say`."""
    try:
        yield
    except BrokenPipeError:
        discard_stdout()
        raise typer.Exit(PIPE_CLOSED) from None
    except OSError as error:
        discard_stdout()
        raise SoundsiftError(
            f"standard output can't be written ({error.strerror or error}). Send it to another "
            "place and run the command again; finished results are kept."
        ) from error


def discard_stdout() -> None:
    """Send what stdout still buffers to the null device; it would fail again when Python exits."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def blocking(*streams: TextIO) -> Iterator[None]:
    """Make streams wait for data; a parent process may have made its pipes non-blocking."""
    changed = []
    for stream in streams:
        # Streams of tests have no descriptor, and Windows knows no non-blocking files.
        with suppress(OSError, AttributeError):
            descriptor = stream.fileno()
            if not os.get_blocking(descriptor):
                os.set_blocking(descriptor, True)
                changed.append(descriptor)
    try:
        yield
    finally:
        for descriptor in changed:
            with suppress(OSError):
                os.set_blocking(descriptor, False)

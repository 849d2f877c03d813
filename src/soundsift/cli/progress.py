"""A progress bar on stderr, where a person is looking."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Report(Protocol):
    """Takes the fraction done, 0 to 1, and now and then another title."""

    def __call__(self, fraction: float, title: str | None = None) -> None:
        """Show it."""


@contextmanager
def progress_bar(title: str) -> Iterator[Report]:
    """Show a fraction from 0 to 1 as a bar, if stderr is a terminal; it vanishes at the end.

    Args:
        title: what is going on.

    Yields:
        A function to call with the fraction done.
    """
    from tqdm import tqdm

    layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}"
    # disable=None: no bar where stderr is a file or a pipe.
    with tqdm(
        total=1.0, desc=title, bar_format=layout, file=sys.stderr, leave=False, disable=None
    ) as bar:

        def report(fraction: float, title: str | None = None) -> None:
            if title is not None:
                bar.set_description(title, refresh=False)
            bar.update(fraction - bar.n)

        yield report

"""A progress bar on stderr, where a person is looking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import Never

    from tqdm import tqdm


_LAYOUT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left"


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

    # disable=None: no bar where stderr is a file or a pipe.
    with tqdm(
        total=1.0, desc=title, bar_format=_LAYOUT, file=sys.stderr, leave=False, disable=None
    ) as bar:

        def report(fraction: float, title: str | None = None) -> None:
            if title is not None:
                bar.set_description(title, refresh=False)
            bar.update(fraction - bar.n)

        yield report


class FilesProgress:
    """How far a run through many files is, and how to print past its bar.

    Args:
        sizes: of the files, in bytes: a large one is a larger part of the bar.
        bar: from tqdm.
    """

    def __init__(self, sizes: Sequence[int], bar: tqdm[Never]) -> None:
        self._sizes, self._bar = sizes, bar
        self._done = [0.0] * len(sizes)
        self._total = max(1, sum(sizes))

    def report(self, number: int, name: str, fraction: float) -> None:
        """Show that a file is done so far.

        Args:
            number: the file's, from 0.
            name: its name.
            fraction: 0 to 1.
        """
        # What several processes report may arrive out of order.
        self._done[number] = max(self._done[number], fraction)
        if len(self._sizes) > 1:
            name = f"file {number + 1} of {len(self._sizes)}: {name}"
        self._bar.set_description(name, refresh=False)
        sums = sum(s * d for s, d in zip(self._sizes, self._done, strict=True))
        self._bar.update(sums / self._total - self._bar.n)

    def past(self, say: Callable[[], None]) -> None:
        """Print something where the bar is; it moves below."""
        with self._bar.external_write_mode(file=sys.stderr):
            say()


@contextmanager
def files_progress(sizes: Sequence[int]) -> Iterator[FilesProgress]:
    """Show progress through files, if stderr is a terminal; the bar vanishes at the end.

    Args:
        sizes: of the files, in bytes.

    Yields:
        Takes the reports.
    """
    from tqdm import tqdm

    bar = tqdm(total=1.0, bar_format=_LAYOUT, file=sys.stderr, leave=False, disable=None)
    with bar:
        yield FilesProgress([max(1, size) for size in sizes], bar)

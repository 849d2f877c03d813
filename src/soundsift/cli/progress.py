"""Progress bars on stderr, if it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import Never

    from tqdm import tqdm


_LAYOUT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left"


class Report(Protocol):
    """Receives the fraction done, 0 to 1, and optionally a new title."""

    def __call__(self, fraction: float, title: str | None = None) -> None:
        """Update the bar."""


@contextmanager
def progress_bar(title: str) -> Iterator[Report]:
    """Show a bar while something runs, if stderr is a terminal; it is removed at the end.

    Args:
        title: name of the work.

    Yields:
        A function to call with the fraction done.
    """
    from tqdm import tqdm

    # disable=None: no bar where stderr is a file or a pipe.
    with tqdm(
        total=1.0, desc=title, bar_format=_LAYOUT, file=sys.stderr, leave=False, disable=None
    ) as bar:

        def report(fraction: float, title: str | None = None) -> None:
            # A bar that can't be drawn any more must not end the work.
            with suppress(OSError):
                if title is not None:
                    bar.set_description(title, refresh=False)
                bar.update(fraction - bar.n)

        yield report


class FilesProgress:
    """Progress of a run over many files, with a way to print above its bar.

    Args:
        sizes: sizes of the files in bytes, their shares of the bar.
        bar: the bar, from tqdm.
    """

    def __init__(self, sizes: Sequence[int], bar: tqdm[Never]) -> None:
        self._sizes, self._bar = sizes, bar
        self._done = [0.0] * len(sizes)
        self._total = max(1, sum(sizes))

    def report(self, number: int, name: str, fraction: float) -> None:
        """Show the progress of a file.

        Args:
            number: number of the file, from 0.
            name: name of the file.
            fraction: fraction of it that is done, 0 to 1.
        """
        # Reports of several processes may arrive out of order.
        self._done[number] = max(self._done[number], fraction)
        if len(self._sizes) > 1:
            name = f"file {number + 1} of {len(self._sizes)}: {name}"
        sums = sum(s * d for s, d in zip(self._sizes, self._done, strict=True))
        # A bar that can't be drawn any more must not end the work.
        with suppress(OSError):
            self._bar.set_description(name, refresh=False)
            self._bar.update(sums / self._total - self._bar.n)

    def past(self, say: Callable[[], None]) -> None:
        """Print something above the bar."""
        with self._bar.external_write_mode(file=sys.stderr):
            say()


@contextmanager
def files_progress(sizes: Sequence[int]) -> Iterator[FilesProgress]:
    """Show a bar for a run over files, if stderr is a terminal; it is removed at the end.

    Args:
        sizes: sizes of the files in bytes.

    Yields:
        The object that receives the reports.
    """
    from tqdm import tqdm

    bar = tqdm(total=1.0, bar_format=_LAYOUT, file=sys.stderr, leave=False, disable=None)
    with bar:
        yield FilesProgress([max(1, size) for size in sizes], bar)

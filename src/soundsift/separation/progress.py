"""Reports of progress in Python: a function of the caller's, or a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LAYOUT = "{desc}{percentage:3.0f}%|{bar}| {elapsed}, {remaining} left"


@contextmanager
def reporting(progress: Callable[[float], None] | bool | None) -> Iterator[Callable[[float], None]]:
    """A function to call with the fraction done, 0 to 1.

    Args:
        progress: the caller's function; True for a bar, in a terminal or a notebook; None or False
            for nothing.
    """
    if callable(progress):
        yield progress
        return
    if not progress:
        yield _ignore
        return
    # Imported here: it looks for the notebook's widgets.
    from tqdm.auto import tqdm

    with tqdm(total=1.0, bar_format=_LAYOUT) as bar:

        def report(fraction: float) -> None:
            bar.update(fraction - bar.n)

        yield report


def _ignore(_: float) -> None:
    pass

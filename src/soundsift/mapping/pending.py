"""The rows of a map that are not done, and the parts that their results make, in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from soundsift.errors import SoundsiftError
from soundsift.mapping.parts import Result
from soundsift.mapping.rows import Row


class PendingRows:
    """Numbered rows of the parts that are missing; memory holds the parts that are begun.

    Where the manifest breaks off, the rows before are done.

    Args:
        rows: all rows of the manifest.
        size: rows of a part.
        done: parts that are there.

    Attributes:
        done: rows that are done so far, also by earlier runs.
        error: why the manifest could not be read to its end.
    """

    def __init__(self, rows: Iterator[Row], size: int, done: Set[int]) -> None:
        self.done = 0
        self.error: SoundsiftError | None = None
        self._rows, self._size, self._parts = rows, size, done
        self._count = 0
        self._begun: dict[int, dict[int, Sequence[Result]]] = {}
        self._pending: dict[int, Row] = {}

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        return self

    def __next__(self) -> tuple[int, Row]:
        while True:
            try:
                row = next(self._rows)
            except SoundsiftError as error:
                self.error = error
                raise StopIteration from None
            number = self._count
            self._count += 1
            if number // self._size not in self._parts:
                self._pending[number] = row
                return number, row
            self.done += 1

    def row(self, number: int) -> Row:
        """A row that was handed out and is not answered."""
        return self._pending[number]

    def answered(
        self, number: int, results: Sequence[Result]
    ) -> Iterator[tuple[int, list[Result]]]:
        """Take the results of a row.

        Yields:
            The part that they complete, if they do, with its results in order.
        """
        del self._pending[number]
        self.done += 1
        part = number // self._size
        begun = self._begun.setdefault(part, {})
        begun[number] = results
        if len(begun) == self._size:
            yield self._finished(part)

    def last(self) -> Iterator[tuple[int, list[Result]]]:
        """The last part, which may be shorter, once all rows are answered."""
        for part in sorted(self._begun):
            if self.error is None:
                yield self._finished(part)

    def _finished(self, part: int) -> tuple[int, list[Result]]:
        begun = self._begun.pop(part)
        return part, [result for number in sorted(begun) for result in begun[number]]

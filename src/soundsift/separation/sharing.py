"""One stream read by several, each at its own pace."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")


def shared(items: Iterator[Item], readers: int) -> list[Iterator[Item]]:
    """Iterators over the same items, which are kept from the first reader to the last.

    `itertools.tee` does the same but lets go of what all have read only in batches of dozens, which
    for items of many megabytes is all the memory there is.

    Args:
        items: what to read; afterwards to be read through the results alone.
        readers: how many.
    """
    held: deque[Item] = deque()
    positions = [0] * readers
    forgotten = 0

    def read(reader: int) -> Iterator[Item]:
        nonlocal forgotten
        while True:
            if positions[reader] == forgotten + len(held):
                try:
                    held.append(next(items))
                except StopIteration:
                    return
            item = held[positions[reader] - forgotten]
            positions[reader] += 1
            while forgotten < min(positions):
                held.popleft()
                forgotten += 1
            yield item

    return [read(reader) for reader in range(readers)]

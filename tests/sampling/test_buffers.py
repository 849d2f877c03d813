import gc
import weakref
from collections.abc import Iterator
from itertools import islice

import pytest
import torch
from torch import Tensor

from soundsift.sampling.buffers import SlidingBuffer, bounded_tee


def pieces(*lengths: int) -> Iterator[Tensor]:
    start = 0
    for length in lengths:
        yield torch.arange(start, start + length)[None]
        start += length


def test_reads_equal_the_signal() -> None:
    buffer = SlidingBuffer(pieces(3, 0, 4, 1), dim=-1)
    assert buffer.extend(2) == 3 and not buffer.complete
    assert buffer.read(1, 6).tolist() == [[1, 2, 3, 4, 5]]
    buffer.discard(4)
    assert buffer.start == 4
    assert buffer.read(4, 100).tolist() == [[4, 5, 6, 7]], "cut off where the signal ends"
    assert buffer.complete and buffer.end == 8
    assert buffer.read(8, 9).shape == (1, 0)
    buffer.discard(100)
    assert buffer.read(8, 9).shape == (1, 0)


def test_reading_what_was_discarded_fails() -> None:
    buffer = SlidingBuffer(pieces(4, 4), dim=-1)
    buffer.read(0, 8)
    buffer.discard(5)
    with pytest.raises(ValueError, match="discarded"):
        buffer.read(4, 6)


def test_discarding_frees_memory() -> None:
    buffer = SlidingBuffer(iter([torch.zeros(1, 1000)]), dim=-1)
    buffer.extend(1)
    buffer.discard(990)
    assert buffer.read(990, 1000).untyped_storage().nbytes() == 40


class Item:
    def __init__(self, number: int) -> None:
        self.number = number


def test_tee_gives_every_reader_all_items() -> None:
    first, second, third = bounded_tee(iter(range(100)), 3)
    assert list(islice(second, 10)) == list(range(10))
    assert list(first) == list(range(100))
    assert list(second) == list(range(10, 100))
    assert list(third) == list(range(100))
    assert list(third) == []


def test_tee_frees_what_every_reader_has_read() -> None:
    alive: list[weakref.ref[Item]] = []

    def items() -> Iterator[Item]:
        for number in range(200):
            item = Item(number)
            alive.append(weakref.ref(item))
            yield item

    ahead, behind = bounded_tee(items(), 2)
    for _ in range(5):
        next(ahead)
    for _ in range(150):
        next(ahead)
        next(behind)
    gc.collect()
    # Five of difference, and what source and readers hold in their hands.
    assert sum(ref() is not None for ref in alive) <= 5 + 3

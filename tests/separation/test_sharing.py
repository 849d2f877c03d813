import gc
import weakref
from collections.abc import Iterator
from itertools import islice

from soundsift.separation.sharing import shared


class Item:
    def __init__(self, number: int) -> None:
        self.number = number


def test_all_read_all_in_any_order() -> None:
    first, second, third = shared(iter(range(100)), 3)
    assert list(islice(second, 10)) == list(range(10))
    assert list(first) == list(range(100))
    assert list(second) == list(range(10, 100))
    assert list(third) == list(range(100))
    assert list(third) == []


def test_what_all_have_read_is_let_go() -> None:
    alive: list[weakref.ref[Item]] = []

    def items() -> Iterator[Item]:
        for number in range(200):
            item = Item(number)
            alive.append(weakref.ref(item))
            yield item

    ahead, behind = shared(items(), 2)
    for _ in range(5):
        next(ahead)
    for _ in range(150):
        next(ahead)
        next(behind)
    gc.collect()
    # Five of difference, and what source and readers hold in their hands.
    assert sum(ref() is not None for ref in alive) <= 5 + 3

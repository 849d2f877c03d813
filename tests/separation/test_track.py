from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from soundsift.separation.track import Track


def pieces(*lengths: int) -> Iterator[Tensor]:
    start = 0
    for length in lengths:
        yield torch.arange(start, start + length)[None]
        start += length


def test_parts_are_what_was_put_in() -> None:
    track = Track(pieces(3, 0, 4, 1), dim=-1)
    assert track.extend(2) == 3 and not track.complete
    assert track.part(1, 6).tolist() == [[1, 2, 3, 4, 5]]
    track.forget(4)
    assert track.start == 4
    assert track.part(4, 100).tolist() == [[4, 5, 6, 7]], "cut off where the signal ends"
    assert track.complete and track.end == 8
    assert track.part(8, 9).shape == (1, 0)
    track.forget(100)
    assert track.part(8, 9).shape == (1, 0)


def test_what_is_gone_is_gone() -> None:
    track = Track(pieces(4, 4), dim=-1)
    track.part(0, 8)
    track.forget(5)
    with pytest.raises(ValueError, match="gone"):
        track.part(4, 6)


def test_forgetting_frees_memory() -> None:
    track = Track(iter([torch.zeros(1, 1000)]), dim=-1)
    track.extend(1)
    track.forget(990)
    assert track.part(990, 1000).untyped_storage().nbytes() == 40

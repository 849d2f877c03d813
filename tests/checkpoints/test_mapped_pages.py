import os
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from soundsift.checkpoints.hub import map_pickle
from soundsift.checkpoints.mapped_pages import mapped_files, one_at_a_time, release_pages

_MEGABYTES = 8
_NUMBERS = _MEGABYTES * 2**18

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes pages back")


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, Tensor]:
    """Two weights of some megabytes, and one that shares a page with others, mapped."""
    generator = torch.Generator().manual_seed(0)
    drawn = {name: torch.randn(_NUMBERS, generator=generator) for name in ("a", "b")}
    torch.save(drawn | {"small": torch.arange(5.0)}, tmp_path / "weights.pt")
    return map_pickle(tmp_path / "weights.pt")


def file_megabytes() -> float:
    """What this process has in memory of mapped files."""
    return int(Path("/proc/self/statm").read_text().split()[2]) * os.sysconf("SC_PAGESIZE") / 2**20


@linux
def test_one_weight_is_in_memory_at_a_time(weights: dict[str, Tensor]) -> None:
    passing = one_at_a_time(weights)
    assert set(passing) == {"a", "b", "small"} and len(passing) == 3
    before = file_megabytes()
    sums = [float(passing["a"].sum())]
    assert file_megabytes() - before > 0.9 * _MEGABYTES
    sums.append(float(passing["b"].sum()))
    passing["small"]
    assert file_megabytes() - before < 0.3 * _MEGABYTES
    # Nothing is lost: they come from the file again.
    assert sums == [float(weights["a"].sum()), float(weights["b"].sum())]
    assert passing["small"].tolist() == [0, 1, 2, 3, 4]


def test_what_is_in_no_file_is_left_alone() -> None:
    weight = torch.ones(_NUMBERS)
    release_pages(weight, mapped_files())
    assert weight.sum() == _NUMBERS


def test_a_weight_that_repeats_itself_reaches_no_further(weights: dict[str, Tensor]) -> None:
    release_pages(weights["small"][:1].expand(_NUMBERS), mapped_files())
    assert weights["small"].tolist() == [0, 1, 2, 3, 4]

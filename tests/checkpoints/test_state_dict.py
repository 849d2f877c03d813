from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from soundsift.checkpoints.state_dict import (
    LazyStateDict,
    build,
    finite,
    inside,
    read_safetensors,
    read_shapes,
    renamed,
    select,
)
from soundsift.errors import SoundsiftError


def test_a_weight_is_made_when_it_is_asked_for() -> None:
    made = []

    def make() -> Tensor:
        made.append(1)
        return torch.ones(2)

    weights = LazyStateDict({"a": make})
    assert "a" in weights and "b" not in weights and list(weights) == ["a"] and len(weights) == 1
    assert made == []
    assert weights["a"].sum() == 2 and made == [1]


def test_reads_what_is_asked_for(tmp_path: Path) -> None:
    weights = {"a": torch.randn(3, 2), "b": torch.arange(5, dtype=torch.int8)}
    save_file(weights, tmp_path / "w.safetensors")
    file = read_safetensors(tmp_path / "w.safetensors")
    assert set(file) == {"a", "b"} and len(file) == 2
    assert all(torch.equal(file[name], weights[name]) for name in file)
    assert "c" not in file
    with pytest.raises(KeyError):
        file["c"]


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match="no such file"):
        read_safetensors(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not weights")
    with pytest.raises(SoundsiftError, match="damaged"):
        read_safetensors(tmp_path / "bad.safetensors")


def test_shapes_without_numbers(tmp_path: Path) -> None:
    weights = {"a": torch.randn(3, 2), "b": torch.arange(5, dtype=torch.int8)}
    save_file(weights, tmp_path / "w.safetensors")
    shapes = read_shapes(tmp_path / "w.safetensors")
    assert all(tensor.is_meta for tensor in shapes.values())
    assert {k: (v.shape, v.dtype) for k, v in shapes.items()} == {
        k: (v.shape, v.dtype) for k, v in weights.items()
    }


def test_select_takes_the_prefix_off() -> None:
    found = select({"a.x": torch.zeros(1), "b.y": torch.ones(1)}, "b.")
    assert list(found) == ["y"] and found["y"] == 1


def test_renames_inside_a_prefix() -> None:
    table = inside("their.net.", ((r"one|two", "few"), (r"l(\d)\.w", r"layer\1.weight")), "net.")
    given = {"their.net.two": torch.ones(1), "their.net.l3.w": torch.zeros(1)}
    assert list(renamed(given, table, "X")) == ["net.few", "net.layer3.weight"]
    for unknown in ("theirsnet.two", "their.net.two.more", "their.net.l3.w.x"):
        with pytest.raises(SoundsiftError, match=f"a weight {unknown}, which X does not have"):
            renamed({unknown: torch.ones(1)}, table, "X")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_values_that_are_not_finite(value: float, dtype: torch.dtype) -> None:
    good = torch.arange(5, dtype=dtype)
    bad = good.clone()
    bad[3] = value
    weights = finite({"good": good, "bad": bad, "whole": torch.arange(3), "no": good[:0]}, "file")
    assert all(torch.equal(weights[name], weights[name]) for name in ("good", "whole", "no"))
    with pytest.raises(SoundsiftError, match="file: bad holds NaN or infinite values"):
        weights["bad"]


def test_build_reads_each_weight_once() -> None:
    read = []

    def make(name: str, shape: tuple[int, ...]) -> Tensor:
        read.append(name)
        return torch.full(shape, 2.0)

    weights = LazyStateDict(
        {"weight": lambda: make("weight", (2, 3)), "bias": lambda: make("bias", (2,))}
    )
    module = build(lambda: nn.Linear(3, 2), weights, "file", dtype=torch.float64)
    assert sorted(read) == ["bias", "weight"]
    assert not module.training and not module.weight.requires_grad
    assert module(torch.ones(1, 3, dtype=torch.float64)).tolist() == [[8.0, 8.0]]


def test_build_names_what_differs() -> None:
    with pytest.raises(
        SoundsiftError, match=r"file: .*no bias; more, not known; weight is \(3, 2\)"
    ):
        build(
            lambda: nn.Linear(3, 2),
            {"weight": torch.ones(3, 2), "more": torch.ones(1)},
            "file",
        )

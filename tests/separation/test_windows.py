import pytest
import torch

from soundsift.separation.windows import Windows


@pytest.mark.parametrize("frames", [1, 249, 250, 251, 400, 437, 5000])
def test_windows_cover_everything_and_overlap_enough(frames: int) -> None:
    windows = Windows.cut(frames, 250, 60)
    assert windows.starts[0] == 0
    assert windows.starts[-1] + windows.length == frames
    for first, second in zip(windows.starts, windows.starts[1:], strict=False):
        assert first < second <= first + 250 - 60


def test_merging_what_was_gathered_changes_nothing() -> None:
    windows = Windows.cut(777, 250, 60)
    sequence = torch.randn(1, 777, 4)
    torch.testing.assert_close(windows.merge(windows.gather(sequence)), sequence)


def test_each_window_counts_most_in_its_middle() -> None:
    windows = Windows.cut(400, 250, 100)
    parts = torch.stack([torch.full((250, 1), float(i)) for i in range(len(windows.starts))])
    merged = windows.merge(parts)[0, :, 0]
    assert merged[0] == 0 and merged[-1] == 1
    assert torch.all(merged.diff() >= 0)
    assert merged[200].item() == pytest.approx(0.5, abs=0.02)


def test_a_fused_field_sees_every_window_once_whatever_the_batch() -> None:
    windows = Windows.cut(1000, 250, 60)

    def field(noisy: torch.Tensor, time: torch.Tensor, part: slice) -> torch.Tensor:
        starts = torch.tensor(windows.starts[part], dtype=torch.float32)
        return noisy * time + starts[:, None, None]

    x, time = torch.randn(1, 1000, 2), torch.tensor(0.5)
    one_by_one = windows.fuse(field, at_a_time=1)(x, time)
    torch.testing.assert_close(windows.fuse(field, at_a_time=8)(x, time), one_by_one)

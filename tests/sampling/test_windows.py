from itertools import pairwise

import pytest
import torch

from soundsift.sampling.windows import Window, WindowLayout

LAYOUTS = {
    "overlapping": WindowLayout.overlapping(250, 60),
    "chunks": WindowLayout.chunks(250, 12),
    "trailing": WindowLayout.trailing(150, 25, 20, 5),
    "one frame": WindowLayout.overlapping(1, 0),
}


def windows_of(layout: WindowLayout, frames: int) -> list[Window]:
    return list(layout.windows(lambda wanted: min(wanted, frames)))


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("frames", [1, 24, 49, 50, 51, 249, 250, 251, 400, 437, 1000])
def test_every_frame_counts(name: str, frames: int) -> None:
    layout = LAYOUTS[name]
    windows = windows_of(layout, frames)
    weights = torch.zeros(frames)
    for window in windows:
        assert 0 <= window.start <= window.used_start < window.used_end <= window.end <= frames
        assert window.length <= layout.length
        weights[window.start : window.end] += window.weights()
    assert weights.min() > 0
    assert layout.count(frames) == len(windows)
    for before, after in pairwise(windows):
        assert before.start <= after.start and before.used_start < after.used_start
        assert before.used_end >= after.used_start, "a gap"


def test_windows_come_as_soon_as_their_frames_are_there() -> None:
    read = 0

    def known(wanted: int) -> int:
        nonlocal read
        read = max(read, min(wanted, 10_000))
        return read

    for window in WindowLayout.trailing(150, 25, 20, 5).windows(known):
        # One more, to know whether this is the end.
        assert read <= window.end + 1
        if window.end < 10_000:
            assert window.end - window.used_end == 20, "frames that it only looks at"


def test_the_last_window_is_as_long_as_the_others() -> None:
    windows = windows_of(WindowLayout.overlapping(250, 60), 700)
    assert [w.length for w in windows] == [250] * len(windows)
    assert windows[-1].end == 700


def test_overlapping_windows_count_most_in_their_middle() -> None:
    weights = Window(0, 250, 0, 250, 125).weights()
    assert torch.all(weights[:125].diff() > 0) and torch.all(weights[125:].diff() < 0)


def test_trailing_windows_answer_for_their_newest_frames_only() -> None:
    window = windows_of(WindowLayout.trailing(150, 25, 20, 5), 1000)[20]
    weights = window.weights()
    assert (weights > 0).sum() == 30 and weights[-20:].max() == 0

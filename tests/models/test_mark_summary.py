"""What a mark singles out, as one vector."""

import pytest
import torch
from pydantic import ValidationError

from soundsift.config import TransformerConfig
from soundsift.models.layers import reset
from soundsift.models.mark_summary import MarkSummary
from soundsift.prompts import NEGATIVE, NULL, OPEN, POSITIVE

MARKED = torch.tensor([[NULL, POSITIVE, POSITIVE, NEGATIVE, OPEN, OPEN, 4]])


@pytest.fixture
def summary() -> MarkSummary:
    torch.manual_seed(0)
    return MarkSummary(8).requires_grad_(False)


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.randn(1, 7, 8)


def test_it_says_nothing_at_first(summary: MarkSummary, frames: torch.Tensor) -> None:
    assert summary(frames, MARKED).any()
    summary.apply(reset)
    assert not summary(frames, MARKED).any()


def test_nothing_marked_nothing_said(summary: MarkSummary, frames: torch.Tensor) -> None:
    both = torch.cat((MARKED, torch.tensor([[NULL, NEGATIVE, OPEN, OPEN, OPEN, 4, 4]])))
    found = summary(frames.expand(2, -1, -1), both)
    assert found.shape == (2, 8)
    assert found[0].any() and not found[1].any()


def test_it_hears_marked_and_unmarked_frames_alone(
    summary: MarkSummary, frames: torch.Tensor
) -> None:
    found = summary(frames, MARKED)
    for frame in range(7):
        other = frames.clone()
        other[:, frame] = torch.randn(8)
        assert torch.equal(summary(other, MARKED), found) == (frame >= 4)


def test_a_longer_mark_counts_no_more(summary: MarkSummary, frames: torch.Tensor) -> None:
    twice = summary(torch.cat((frames, frames), dim=1), MARKED.repeat(1, 2))
    torch.testing.assert_close(twice, summary(frames, MARKED))


@pytest.mark.parametrize(
    ("pooled_text", "block", "fault"), [(False, 0, "pooled_text"), (True, 2, "before the last")]
)
def test_it_needs_blocks_after_it_that_listen(pooled_text: bool, block: int, fault: str) -> None:
    sizes = {"dim": 8, "heads": 2, "layers": 3, "ffn_hidden": 8, "text_dim": 4}
    TransformerConfig(**sizes, pooled_text=True, marks_block=1)
    with pytest.raises(ValidationError, match=fault):
        TransformerConfig(**sizes, pooled_text=pooled_text, marks_block=block)

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from soundsift.config import FRAME_RATE, HearingCalibration
from soundsift.separation.span_prediction import joined, predict_spans, window_probabilities
from soundsift.spans import Span, frame_anchors

CASES = json.loads((Path(__file__).parent.parent / "data" / "pe_a_frame_spans.json").read_text())


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_spans_are_the_authors(case: dict) -> None:
    """In frames: theirs in seconds are off by what float32 is off."""
    for logits, theirs in zip(case["logits"], case["spans"], strict=True):
        valid = case.get("valid")
        spans = predict_spans(torch.tensor(logits).sigmoid(), valid, CASES["threshold"])
        ours = [[round(span.start * FRAME_RATE), round(span.end * FRAME_RATE)] for span in spans]
        expected = [[round(start * FRAME_RATE), round(end * FRAME_RATE)] for start, end in theirs]
        # The authors let a span run on into padding.
        assert ours == [[start, min(end, valid or end)] for start, end in expected]
        assert all(span.positive for span in spans)


def test_every_edge_comes_back_to_its_frame() -> None:
    """Whatever the frames, up to an hour in: none is late, none is lost."""
    rng = np.random.default_rng(3)
    for frames in (1, 2, 7, 250, 90_000):
        probabilities = rng.random(frames, dtype=np.float32)
        anchors = frame_anchors(predict_spans(probabilities), frames)
        assert np.array_equal(anchors == 1, probabilities > np.float32(0.3))
    for frame in range(3000):
        probabilities = np.zeros(3001)
        probabilities[frame] = 1
        (span,) = predict_spans(probabilities)
        assert span.frames() == (frame, frame + 1)


def test_through_float32_seconds_edges_would_be_late() -> None:
    """The trap that integers avoid: the authors' way from frames to seconds and back."""
    edges = np.arange(1, 751)
    seconds = (np.float32(edges * 1920) / np.float32(48_000)).astype(float)
    late = np.ceil(seconds * 48_000 / 1920) != edges
    assert 0.4 < late.mean() < 0.6
    spans = [Span(0, int(edge) / FRAME_RATE) for edge in edges]
    assert [span.frames()[1] for span in spans] == edges.tolist()


def test_threshold_is_not_reached_by_itself() -> None:
    assert predict_spans([0.5, 0.5], threshold=0.5) == ()
    assert predict_spans([0.5, 0.6], threshold=0.5) == (Span(0.04, 0.08),)
    assert predict_spans([]) == ()
    assert predict_spans([0.9, 0.9], valid_frames=0) == ()


def test_bad_probabilities_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \(frames,\)"):
        predict_spans(np.zeros((1, 5)))
    with pytest.raises(ValueError, match="finite"):
        predict_spans([0.1, float("nan")])
    with pytest.raises(ValueError, match="expected 0 to 2"):
        predict_spans([0.1, 0.2], valid_frames=3)


class Loud:
    """Hears a sound where the context's last number is large; notes how much it is given."""

    calibration = HearingCalibration(overlap_seconds=5)

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def frame_probabilities(self, context: torch.Tensor, phrases: list[str]) -> torch.Tensor:
        self.lengths.append(context.shape[1])
        return torch.sigmoid(context[..., -1]).expand(len(phrases), -1)


class Ramp:
    """A codec whose latent says which frame it is: frame t of a recording is t / 100."""

    sample_rate, samples_per_frame, context_margin = 100, 4, 0

    def frames(self, samples: int) -> int:
        return -(-samples // 4)

    def downmixed(self) -> "Ramp":
        return self

    def context(self, wave: torch.Tensor) -> torch.Tensor:
        latent = wave[0, 0, ::4, None].expand(-1, 3)
        return torch.cat([torch.zeros_like(latent), latent], dim=-1)[None]


def test_long_recordings_are_heard_in_stretches() -> None:
    """Three times as long as what the predictor hears at once, and no frame lost or moved."""
    frames = 2345
    wave = (torch.arange(frames * 4) // 4 / 1000.0)[None, None]
    predictor = Loud()
    pieces = iter(wave.split(1001, dim=-1))
    found = joined(list(window_probabilities(predictor, Ramp(), pieces, ["a", "b"])))  # type: ignore[arg-type]
    assert found.shape == (2, frames)
    assert max(predictor.lengths) == 750 and len(predictor.lengths) == 4
    torch.testing.assert_close(found[1], torch.sigmoid(torch.arange(frames) / 1000.0))

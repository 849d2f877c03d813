"""Pictures through the encoder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.released import TINY_VISION
from tests.video.pictures import WIDTH, moving_square, video, write_video

from soundsift.checkpoints import pe_vision
from soundsift.models.pe_vision import PeVision
from soundsift.spans import Span
from soundsift.video import Box, keep_boxes, pair_by_time, pair_evenly, read_video, video_features

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def vision_encoder() -> PeVision:
    vision_encoder = PeVision(TINY_VISION)
    tensors = load_file(DATA / "pe_vision_tiny.safetensors")
    vision_encoder.load_state_dict(pe_vision.convert(tensors, "sd."))
    return vision_encoder.eval().requires_grad_(False)


@pytest.fixture
def seen(vision_encoder: PeVision) -> Iterator[list[torch.Tensor]]:
    """Everything that goes into the encoder, batch by batch."""
    batches: list[torch.Tensor] = []
    hook = vision_encoder.register_forward_pre_hook(lambda _, inputs: batches.append(inputs[0]))
    yield batches
    hook.remove()


def test_right_pixels_at_the_right_times(
    tmp_path: Path, vision_encoder: PeVision, seen: list[torch.Tensor]
) -> None:
    """Of a video at 50 frames a second, every other frame is encoded."""
    pictures = moving_square(12)
    frames = read_video(write_video(tmp_path / "a.mov", pictures, rate=50, sound_at=0))
    frames = keep_boxes(frames, [Box(0, 8, 30, 4)])
    done: list[float] = []
    features = video_features(
        vision_encoder,
        pair_by_time(frames, 6),
        6,
        batch_size=4,
        dtype=torch.float32,
        progress=done.append,
    )
    assert [len(batch) for batch in seen] == [4, 2]
    assert done == [pytest.approx(4 / 6), 1.0]
    # The square is the only red; its rows, 8 to 11 of 20, are in the middle of the encoder's 56.
    for number, image in enumerate(torch.cat(seen)):
        red = (image[0, 28] > 0.3).nonzero()[:, 0].float() / 56 * WIDTH
        assert float(red.mean()) + 0.3 == pytest.approx(4 * number + 2, abs=0.6)
        assert (image[:, :18] == -1).all() and (image[:, 38:] == -1).all()
    assert features.shape == (6, 24) and features.dtype == torch.float32
    torch.testing.assert_close(features.norm(dim=1), torch.ones(6))
    one_by_one = torch.stack([vision_encoder(image[None])[0] for image in torch.cat(seen)])
    torch.testing.assert_close(features, one_by_one)


def test_each_distinct_picture_is_encoded_once(
    vision_encoder: PeVision, seen: list[torch.Tensor]
) -> None:
    """Out of view the object leaves black pictures, all the same; twice in the same place, too."""
    pictures = moving_square(4) + moving_square(4)
    boxes = [Box(0, 0, 30, 20, Span(0, 0.08)), Box(0, 0, 30, 20, Span(0.16, 0.24))]
    pairs = list(pair_by_time(keep_boxes(video(pictures), boxes), 8))
    assert len(pairs) == 8
    features = video_features(vision_encoder, pairs, 8)
    assert sum(map(len, seen)) == 3
    for same in ((0, 4), (1, 5), (2, 3), (2, 6), (2, 7)):
        assert torch.equal(features[same[0]], features[same[1]])
    assert len({tuple(f.tolist()) for f in features}) == 3
    assert (torch.cat(seen)[2] == -1).all()


def test_authors_features(vision_encoder: PeVision) -> None:
    """A batch of two videos; in bfloat16, a little off."""
    tensors = load_file(DATA / "pe_vision_tiny.safetensors")
    for number, count in ((0, 5), (1, 2)):
        pairs = list(pair_evenly(tensors[f"in.video{number}"].permute(0, 2, 3, 1).numpy(), count))
        theirs = tensors["out.encoder"][number, :count]
        ours = video_features(vision_encoder, pairs, count, dtype=torch.float32)
        assert float((ours - theirs).norm() / theirs.norm()) < 2e-6
        rough = video_features(vision_encoder, pairs, count, dtype=torch.bfloat16)
        assert rough.dtype == torch.float32 and not torch.equal(rough, ours)
        assert (rough * theirs).sum(dim=1).min() > 0.999


def test_features_are_zero_where_there_is_no_video(vision_encoder: PeVision) -> None:
    picture = moving_square(1)[0]
    features = video_features(vision_encoder, [(picture, range(2, 4))], 6)
    assert features[2:4].any(dim=1).all()
    assert not features[:2].any() and not features[4:].any()
    assert torch.equal(video_features(vision_encoder, [], 3), torch.zeros(3, 24))

"""Examples and batches: the same whoever makes them, with prompts withheld as asked."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from soundsift.errors import SoundsiftError
from soundsift.spans import POSITIVE
from soundsift.training.latents.batches import LatentBatches
from soundsift.training.latents.config import ExampleSourceConfig, LatentTrainingConfig
from soundsift.training.latents.examples import open_examples

Make = Callable[..., LatentTrainingConfig]


def test_processes_and_parts_share_a_batch(make_config: Make) -> None:
    whole = make_config(batch={"seconds": (0.4, 0.8), "frames": 180})
    (all_of_it,) = LatentBatches(whole)[5]
    parts = make_config(batch={"seconds": (0.4, 0.8), "frames": 180, "accumulate": 2})
    pieces = {}
    for rank in (0, 1):
        for which, part in enumerate(LatentBatches(parts, rank, 2)[5]):
            pieces[rank + 2 * which] = part
    frames = all_of_it.anchors.shape[1]
    assert 10 <= frames <= 20
    assert len(all_of_it.phrases) == 180 // frames
    assert all_of_it.targets.shape == (180 // frames, frames * 160)
    for first, part in pieces.items():
        assert part.phrases == all_of_it.phrases[first::4]
        for name in ("targets", "residuals", "anchors", "time", "noise"):
            assert torch.equal(getattr(part, name), getattr(all_of_it, name)[first::4]), name
    # What each part counts, averaged over processes.
    assert sum(part.share for part in pieces.values()) / 2 == pytest.approx(1.0)
    assert pieces[0].share == pytest.approx(2 * len(pieces[0].phrases) / len(all_of_it.phrases))


def test_lengths_vary_and_the_frames_do_not(make_config: Make) -> None:
    batches = LatentBatches(make_config(batch={"seconds": (0.4, 2.0), "frames": 200}))
    shapes = {batches[number][0].anchors.shape for number in range(12)}
    assert len({frames for _, frames in shapes}) > 4
    assert all(200 - frames < examples * frames <= 200 for examples, frames in shapes)


def test_each_kind_of_prompt_is_withheld_on_its_own(make_config: Make) -> None:
    config = make_config(batch={"seconds": (0.4, 0.4), "frames": 3000})
    (batch,) = LatentBatches(config)[0]
    text = torch.tensor([phrase is not None for phrase in batch.phrases])
    spans = (batch.anchors == POSITIVE).any(dim=1)
    assert len(text) == 300
    assert float(text.float().mean()) == pytest.approx(0.7, abs=0.1)
    assert float(spans.float().mean()) == pytest.approx(0.7, abs=0.1)
    assert float((~text & ~spans).float().mean()) == pytest.approx(0.09, abs=0.06)
    (kept,) = LatentBatches(make_config(drop={"text": 0.0, "spans": 0.0, "video": 0.0}))[0]
    assert None not in kept.phrases
    assert bool((kept.anchors == POSITIVE).any(dim=1).all())


def test_too_many_processes_are_told(make_config: Make) -> None:
    with pytest.raises(SoundsiftError, match=r"fewer than 9 processes.*Raise frames to 180"):
        LatentBatches(make_config(), 0, 9)


def test_scenes_of_the_bank(make_config: Make, bank_folder: Path) -> None:
    law = {"kind_weights": {"speech": 1.0, "effect": 1.0, "music": 1.0}, "absent": 0.0}
    config = ExampleSourceConfig.model_validate({"bank": bank_folder, "scenes": law})
    train, held_out = (open_examples(config, 1, flag) for flag in (False, True))
    example = train.example(3, 0.8, 4000)
    assert example.target.shape == example.residual.shape == (3200,)
    assert example.text and example.spans
    assert np.array_equal(example.target, train.example(3, 0.8, 4000).target)
    assert {clip.split for clip in held_out.generator.bank.clips} == {"validation"}


def test_examples_come_again_with_other_noise(make_config: Make) -> None:
    batches = LatentBatches(
        make_config(distinct_examples=5, batch={"seconds": (0.4, 0.4), "frames": 60})
    )
    seen: dict[int, list[torch.Tensor]] = {}
    for number in range(4):
        for part in batches[number]:
            assert part.numbers is not None
            for drawn, wave, noise in zip(part.numbers, part.targets, part.noise, strict=True):
                if drawn in seen:
                    assert torch.equal(seen[drawn][0], wave)
                    assert not torch.equal(seen[drawn][1], noise)
                seen[drawn] = [wave, noise]
    assert set(seen) == set(range(5))

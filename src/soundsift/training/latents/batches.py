"""Batches for flow matching: waves, prompts with parts withheld, flow times and noise.

A batch has one length, so nothing is padded, and as many examples as its frames allow. Batch number
i of a run is always the same, however many processes share the work.

Shapes: B examples, N samples, T latent frames, C latent channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from soundsift.errors import SoundsiftError
from soundsift.spans import frame_anchors
from soundsift.training.latents.config import MOST_EXAMPLES, DropConfig, LatentTrainingConfig
from soundsift.training.latents.examples import open_examples
from soundsift.training.triplets import Example


@dataclass
class LatentBatch:
    """Examples of one length.

    Attributes:
        phrases: text prompts, None where there is none.
        targets: waves `(B, N)`.
        residuals: waves `(B, N)`.
        anchors: `(B, T)`, int64.
        time: `(B,)`, flow time.
        noise: `(B, T, 2 * C)`.
        video: `(B, T, video_dim)`, zero where there is none; None if no example has any.
        numbers: of the examples, where these come again; None where every example is new.
        share: what a mean over these examples counts in the mean over processes.
    """

    phrases: list[str | None]
    targets: Tensor
    residuals: Tensor
    anchors: Tensor
    time: Tensor
    noise: Tensor
    video: Tensor | None = None
    numbers: list[int] | None = None
    share: float = 1.0

    def to(self, device: torch.device) -> LatentBatch:
        """The same batch with its tensors on a device."""
        moved: dict[str, Any] = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **moved)


class LatentBatches(Dataset[list[LatentBatch]]):
    """The endless sequence of a run's batches, of which one process makes its parts.

    Args:
        config: the run.
        rank, world: this process among those that share every batch.

    Raises:
        SoundsiftError: if batches have fewer examples than there are parts.
    """

    def __init__(self, config: LatentTrainingConfig, rank: int = 0, world: int = 1) -> None:
        self.config, self.rank, self.world = config, rank, world
        self.sources = [open_examples(source, config.seed, False) for source in config.data]
        shares = np.array([source.share for source in config.data])
        self.shares = shares / shares.sum()
        parts = world * config.batch.accumulate
        longest = round(config.batch.seconds[1] * config.codec_config.frame_rate)
        if config.batch.frames // longest < parts:
            raise SoundsiftError(
                f"batch.frames {config.batch.frames} holds {config.batch.frames // longest} "
                f"examples of {config.batch.seconds[1]} s, fewer than {world} processes times "
                f"accumulate {config.batch.accumulate}. Raise frames to {parts * longest}."
            )

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, number: int) -> list[LatentBatch]:
        """This process's parts of batch `number`, one after the other."""
        config, batch = self.config, self.config.batch
        rate = config.codec_config.frame_rate
        rng = np.random.default_rng((config.seed, 2, number))
        frames = max(1, round(rng.uniform(*batch.seconds) * rate))
        examples = batch.frames // frames
        parts = self.world * batch.accumulate
        return [
            self._part(
                range(number * MOST_EXAMPLES + first, number * MOST_EXAMPLES + examples, parts),
                frames,
                self.world / examples,
            )
            for first in range(self.rank, parts, self.world)
        ]

    def _part(self, numbers: Sequence[int], frames: int, weight: float) -> LatentBatch:
        config = self.config
        rows = [self._row(number, frames) for number in numbers]
        joined = collate([example for example, _, _ in rows], frames, config)
        return replace(
            joined,
            time=torch.tensor([time for _, time, _ in rows]),
            noise=torch.from_numpy(np.stack([noise for _, _, noise in rows])),
            numbers=None if config.distinct_examples is None else [self._drawn(n) for n in numbers],
            share=weight * len(rows),
        )

    def _drawn(self, number: int) -> int:
        """Which example is drawn for a number."""
        distinct = self.config.distinct_examples
        if distinct is None:
            return number
        return int(np.random.default_rng((self.config.seed, 4, number)).integers(distinct))

    def _row(self, number: int, frames: int) -> tuple[Example, float, NDArray[np.float32]]:
        config = self.config
        rng = np.random.default_rng((config.seed, 3, number))
        drawn = self._drawn(number)
        choice = np.random.default_rng((config.seed, 5, drawn))
        source = self.sources[int(choice.choice(len(self.sources), p=self.shares))]
        codec = config.codec_config
        example = source.example(drawn, frames / codec.frame_rate, codec.sample_rate)
        time = float(rng.random())
        if config.loss.time == "logit-normal":
            time = float(1 / (1 + np.exp(-rng.standard_normal())))
        noise = rng.standard_normal((frames, 2 * codec.latent_channels), dtype=np.float32)
        return with_less(example, config.drop, rng), time, noise


def with_less(example: Example, drop: DropConfig, rng: np.random.Generator) -> Example:
    """An example with kinds of prompt withheld, each with its own probability."""
    text, spans, video = rng.random(3) < (drop.text, drop.spans, drop.video)
    return replace(
        example,
        text=None if text else example.text,
        spans=() if spans else example.spans,
        video=None if video else example.video,
    )


def collate(examples: Sequence[Example], frames: int, config: LatentTrainingConfig) -> LatentBatch:
    """Examples of one length as a batch, at time 0 without noise."""
    codec, field = config.codec_config, config.model.field
    anchors = [
        frame_anchors(example.spans, frames, round(codec.frame_rate)) for example in examples
    ]
    video = None
    if field.video_dim is not None and any(example.video is not None for example in examples):
        video = torch.zeros(len(examples), frames, field.video_dim)
        for row, example in zip(video, examples, strict=True):
            if example.video is not None:
                part = torch.from_numpy(example.video[:frames])
                row[: len(part)] = part
    return LatentBatch(
        phrases=[example.text for example in examples],
        targets=torch.from_numpy(np.stack([example.target for example in examples])),
        residuals=torch.from_numpy(np.stack([example.residual for example in examples])),
        anchors=torch.from_numpy(np.stack(anchors)),
        time=torch.zeros(len(examples)),
        noise=torch.zeros(len(examples), frames, 2 * codec.latent_channels),
        video=video,
    )

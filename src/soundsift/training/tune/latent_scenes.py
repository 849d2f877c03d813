"""The batches of a released model's tuning: waves, prompts, flow times and noise.

Shapes: W waves, N samples, B queries, T latent frames, C latent channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from soundsift.audio.resampling import resample
from soundsift.config import SAMPLE_RATE, DacVaeConfig
from soundsift.data.bank import Samples
from soundsift.data.scene import Query
from soundsift.spans import frame_anchors
from soundsift.training.latents.batches import with_less
from soundsift.training.triplets import Example
from soundsift.training.tune.config import LatentTuningConfig
from soundsift.training.tune.scenes import QUERIES, SceneDrawer

#: Spread of a scene's level, in dB.
_LEVEL_DB = 3.0


@dataclass
class LatentTuningBatch:
    """Queries about scenes of one length.

    Attributes:
        waves: `(W, N)`, each once: mixtures, targets and residuals. The first is silence.
        mixture, target, residual: `(B,)`, int64: which wave each of a query is.
        phrases: text prompts, None where there is none.
        anchors: `(B, T)`, int64.
        time: `(B,)`, flow time.
        noise: `(B, T, 2 * C)`.
        tuned: `(B,)`, bool: whether a query asks for the tuned sound. The others are to be answered
            as before.
    """

    waves: Tensor
    mixture: Tensor
    target: Tensor
    residual: Tensor
    phrases: list[str | None]
    anchors: Tensor
    time: Tensor
    noise: Tensor
    tuned: Tensor

    def to(self, device: torch.device) -> LatentTuningBatch:
        """The same batch with its tensors on a device."""
        moved: dict[str, Any] = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **moved)


class LatentTuningScenes(Dataset[LatentTuningBatch]):
    """The batches of a run.

    Args:
        drawer: draws the scenes.
        captions: phrases of the tuned recordings.
        config: the run.
        codec: sizes of the model's codec.
    """

    def __init__(
        self,
        drawer: SceneDrawer,
        captions: Sequence[str],
        config: LatentTuningConfig,
        codec: DacVaeConfig,
    ) -> None:
        self.drawer, self.captions, self.config = drawer, list(captions), config
        self.codec = codec

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, number: int) -> LatentTuningBatch:
        config, codec = self.config, self.codec
        rng = np.random.default_rng((self.drawer.seed, 1, number))
        frames = max(1, round(float(rng.choice(config.seconds)) * codec.frame_rate))
        waves: list[Samples] = [np.zeros(frames * codec.samples_per_frame, np.float32)]
        rows: list[tuple[int, int, int]] = []
        examples: list[Example] = []
        tuned: list[bool] = []
        for _ in range(max(1, config.frames // (frames * QUERIES))):
            with_own = rng.random() < config.p_own
            scene = self.drawer.scene(rng, frames / codec.frame_rate, with_own)
            queries, own = self.drawer.queries(scene, rng, with_own, self.captions)
            gain = np.float32(10 ** (rng.normal(0, _LEVEL_DB) / 20))
            stems = self._at_rate(gain * scene.stems, waves[0].shape[0])
            places = self._add(waves, stems, queries)
            rows += [places[query.targets] for query in queries]
            for query, names_it in zip(queries, own, strict=True):
                whole = Example(waves[0], waves[0], query.text, query.spans)
                asked = with_less(whole, config.drop, rng) if names_it else whole
                examples.append(asked)
                tuned.append(names_it and (asked.text is not None or bool(asked.spans)))
        shape = (len(rows), frames, 2 * codec.latent_channels)
        anchors = [frame_anchors(one.spans, frames, round(codec.frame_rate)) for one in examples]
        mixture, target, residual = torch.tensor(rows).unbind(1)
        return LatentTuningBatch(
            waves=torch.from_numpy(np.stack(waves)),
            mixture=mixture,
            target=target,
            residual=residual,
            phrases=[one.text for one in examples],
            anchors=torch.from_numpy(np.stack(anchors)),
            time=torch.from_numpy(rng.random(len(rows), dtype=np.float32)),
            noise=torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)),
            tuned=torch.tensor(tuned),
        )

    def _at_rate(self, stems: Samples, samples: int) -> Samples:
        """Stems `(K, N)` at the codec's rate, of so many samples."""
        if self.codec.sample_rate != SAMPLE_RATE:
            stems = resample(stems, SAMPLE_RATE, self.codec.sample_rate)
        return np.pad(stems, ((0, 0), (0, max(0, samples - stems.shape[1]))))[:, :samples]

    @staticmethod
    def _add(
        waves: list[Samples], stems: Samples, queries: Sequence[Query]
    ) -> dict[tuple[int, ...], tuple[int, int, int]]:
        """Add a scene's waves; where mixture, target and residual are, by the queries' targets."""
        mixture = stems.sum(axis=0)
        place = len(waves)
        waves.append(mixture)
        # What is not there is silent, and all else is the mixture.
        places: dict[tuple[int, ...], tuple[int, int, int]] = {(): (place, 0, place)}
        for query in queries:
            if query.targets not in places:
                target = query.target(stems)
                places[query.targets] = (place, len(waves), len(waves) + 1)
                waves += [target, mixture - target]
        return places

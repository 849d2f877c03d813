"""Batches for training: scenes as latents, with the energies that the loss weighs them by.

Batch number i of a run is always the same, however many processes share the work, so resuming means
going on counting.

Shapes: B queries, T latent frames, S = T * subframes columns, N samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import cycle, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from soundsift.data.bank import Bank
from soundsift.data.example_prompts import (
    SHORTEST_SECONDS,
    SPARE_SECONDS,
    query_by_example,
    with_transients,
)
from soundsift.data.scenes import Query, Scene, SceneGenerator
from soundsift.models.mel_codec import MelCodec
from soundsift.spans import NULL, OPEN, frame_anchors
from soundsift.training.alignment_loss import concept_indices
from soundsift.training.config import TrainingConfig
from soundsift.training.triplets import TripletExamples, query_of_triplet

#: A target with less than this share of the mixture's energy counts as absent.
AUDIBLE = 1e-3


@dataclass
class Batch:
    """Queries and their right answers.

    Attributes:
        phrases: text prompts, None where there is none.
        context: `(B, T, context_channels)`.
        anchors: `(B, T)`, int64.
        latents: `(B, T, 2 * latent_channels)`, target then residual.
        mixture_energy: `(B, bands, S)`: |X|^2 pooled into cells, the mixture's total being 1.
        cross_energy: `(B, bands, S)`: Re(X* S), S the target, on the same scale.
        target_energy: `(B,)`: the target's total on the same scale.
        present: `(B,)`, bool: whether the sound asked for is there.
        example_energy: `(B,)`: the target's energy in the example, on the scale of what is asked
            about; there it counts as answered rightly. 0 without an example in front.
        time: `(B,)`: flow time; 0 with zero noise for queries that learn the mean.
        noise: `(B, T, 2 * latent_channels)`.
        share: what a mean over these queries counts in the mean over processes; 1 unless the
            processes that share a batch have unequal parts of it.
        sounds: `(B, T, concepts)`, bool: which concepts are heard in a frame, asked for or not.
        sounds_known: `(B,)`, bool: whether `sounds` says so; not of triplets. None: of all queries.
    """

    phrases: list[str | None]
    context: Tensor
    anchors: Tensor
    latents: Tensor
    mixture_energy: Tensor
    cross_energy: Tensor
    target_energy: Tensor
    present: Tensor
    example_energy: Tensor
    time: Tensor
    noise: Tensor
    share: float = 1.0
    sounds: Tensor | None = None
    sounds_known: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch with its tensors on a device."""
        moved: dict[str, Any] = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **moved)


def encode_queries(
    codec: MelCodec,
    scene: Scene,
    queries: list[Query],
    level_db: float = 0.0,
    concepts: dict[str, int] | None = None,
) -> dict[str, Tensor]:
    """Analyse a scene once and lay out every query's right answer.

    Args:
        codec: the codec.
        scene: the scene.
        queries: what is asked of it.
        level_db: added to the context's level, so that the model does not rely on it.
        concepts: numbers of the concepts, if what is heard is to be told.

    Returns:
        The tensors of `Batch` from `context` to `example_energy`, and `sounds` if `concepts` is
        given.
    """
    waves = torch.from_numpy(scene.stems)
    stems = codec.spectrum(waves)
    mixture = stems.sum(0)
    power = codec.cross_energy(mixture, mixture)
    total = power.sum().clamp(min=1e-12)
    context = codec.context(waves.sum(0)[None, None], mixture[None, None])[0] + level_db / 20.0
    energies = codec.cross_energy(stems, stems)
    extra = {} if concepts is None else {"sounds": _heard(scene, energies, concepts, len(context))}
    rows: dict[str, list[Tensor]] = {}
    for query in queries:
        chosen = list(query.targets)
        target = stems[chosen].sum(0)
        cross = codec.cross_energy(target, mixture)
        own = energies[chosen[0]] if len(chosen) == 1 else codec.cross_energy(target, target)
        rest = (power - 2 * cross + own).clamp(min=0.0)
        shares = [codec.shares(a[None], b[None])[0] for a, b in ((own, rest), (rest, own))]
        unmarked = OPEN if query.example and query.spans and not query.parts else NULL
        anchors = frame_anchors(query.spans, context.shape[0], codec.config.frame_rate, unmarked)
        row = {
            "context": context,
            "anchors": torch.from_numpy(anchors),
            "latents": torch.cat(shares, dim=-1),
            "mixture_energy": power / total,
            "cross_energy": cross / total,
            "target_energy": own.sum() / total,
            "present": torch.tensor(bool(query.targets)),
            "example_energy": torch.zeros(()),
            **extra,
        }
        if query.parts:
            row = _in_parts(row, own / total, query.parts, codec.config.subframes)
        for name, tensor in row.items():
            rows.setdefault(name, []).append(tensor)
    return {name: torch.stack(tensors) for name, tensors in rows.items()}


def _in_parts(
    row: dict[str, Tensor], own: Tensor, parts: Sequence[tuple[int, int]], subframes: int
) -> dict[str, Tensor]:
    """What one query knows of a scene, cut to its parts; what is asked about is the last.

    The others have no energy, so that nothing depends on the answer given there. But the target's
    own energy in them is the measure of what is wrong in a window without it: in a long recording,
    all windows share one target.

    Args:
        row: of the whole scene.
        own: the target's energy `(bands, S)`, on the scale of the mixture's.
        parts: (start, end) in frames.
        subframes: spectrum columns of a frame.
    """
    examples = parts[:-1]
    energy, cross = row["mixture_energy"], row["cross_energy"]
    columns = [slice(start * subframes, end * subframes) for start, end in parts]
    ahead = sum(end - start for start, end in examples) * subframes
    level = _bels(energy)
    # Separation takes out the level of each part on its own.
    contexts = [
        row["context"][start:end] + (level - _bels(energy[:, part])) / 2
        for (start, end), part in zip(parts, columns, strict=True)
    ]
    total = energy[:, columns[-1]].sum().clamp(min=1e-12)
    target = own[:, columns[-1]].sum() / total
    shown = sum((own[:, part].sum() for part in columns[:-1]), own.new_zeros(())) / total

    def joined(name: str) -> Tensor:
        return torch.cat([row[name][start:end] for start, end in parts])

    anchors = joined("anchors")
    if examples:
        anchors[ahead // subframes :] = OPEN
    return {name: joined(name) for name in ("latents", "sounds") if name in row} | {
        "context": torch.cat(contexts),
        "anchors": anchors,
        "mixture_energy": functional.pad(energy[:, columns[-1]] / total, (ahead, 0)),
        "cross_energy": functional.pad(cross[:, columns[-1]] / total, (ahead, 0)),
        "target_energy": target,
        "present": row["present"] & (target + shown > AUDIBLE),
        # A window may be all but silent.
        "example_energy": shown.clamp(max=100.0),
    }


def _bels(energy: Tensor) -> Tensor:
    """The mean level of some cells."""
    return energy.mean().clamp(min=1e-9).log10()


def _heard(scene: Scene, energies: Tensor, concepts: dict[str, int], frames: int) -> Tensor:
    """Which concepts are heard in a frame `(T, concepts)`, by their sources' energies.

    Heard means within 40 dB of the source's loudest frame and 30 dB of the frame's sum.
    """
    energy = energies.sum(dim=1).reshape(len(energies), frames, -1).sum(-1)
    loudest = energy.max(dim=1, keepdim=True).values
    active = (energy > 1e-4 * loudest) & (energy > 1e-3 * energy.sum(0)) & (loudest > 0)
    sounds = torch.zeros(frames, len(concepts), dtype=torch.bool)
    for source, row in zip(scene.sources, active, strict=True):
        if source.clip.concept in concepts:
            sounds[:, concepts[source.clip.concept]] |= row
    return sounds


class Batches(Dataset[Batch]):
    """The endless sequence of a run's batches, of which one process makes its part.

    Args:
        config: the run.
        split: which clips to draw from.
        rank, world: this process among those that share every batch.
    """

    def __init__(self, config: TrainingConfig, split: str, rank: int = 0, world: int = 1) -> None:
        self.config, self.rank, self.world = config, rank, world
        self.generator = SceneGenerator(
            Bank(config.bank, (split,)), config.scenes, config.seed + (split != "train")
        )
        self.codec = MelCodec(config.model.codec)
        self.concepts = concept_indices(self.generator.bank) if config.loss.alignment else None
        self.triplets = [TripletExamples(file, config.seed, False) for file in config.triplets]

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, number: int) -> Batch:
        batch = self.config.batch
        rng = np.random.default_rng((self.config.seed, 1, number))
        seconds = float(rng.choice(batch.seconds))
        frames = round(seconds * self.config.model.codec.frame_rate)
        scenes = max(self.world, batch.frames // (frames * batch.queries))
        parts = []
        phrases: list[str | None] = []
        for index in range(self.rank, scenes, self.world):
            place = number * 1024 + index
            source = self._drawn_triplets(place)
            if source is None:
                part, texts = self.scene(place, seconds)
            else:
                part, texts = self.taken_apart(source, place, seconds)
            if self.triplets and self.concepts is not None:
                part["sounds_known"] = torch.full((len(texts),), source is None)
            parts.append(part)
            phrases += texts
        joined = {name: torch.cat([p[name] for p in parts]) for name in parts[0]}
        return Batch(phrases=phrases, share=len(parts) * self.world / scenes, **joined)

    def scene(self, number: int, seconds: float) -> tuple[dict[str, Tensor], list[str | None]]:
        """Scene `number` with its queries, flow times and noise."""
        rng = self.generator.rng(number)
        law = self.config.scenes
        # The random numbers of runs without examples stay what they were.
        possible = law.p_example_prompt > 0 and seconds >= SHORTEST_SECONDS
        by_example = possible and rng.random() < law.p_example_prompt
        scene = self.generator.scene(rng, seconds + SPARE_SECONDS * by_example)
        if by_example:
            scene = with_transients(scene, law.p_transient, rng)
        asked = [int(i) for i in rng.permutation(scene.named)]
        length = round(seconds * self.config.model.codec.frame_rate)
        queries = [
            query_by_example(scene, length, rng, wanted, law.p_wide_context)
            if by_example
            else self.generator.query(scene, rng, wanted)
            for wanted in islice(cycle(asked), self.config.batch.queries)
        ]
        tensors = encode_queries(self.codec, scene, queries, float(rng.normal(0, 3)), self.concepts)
        tensors["time"], tensors["noise"] = self._noise(tensors["latents"].shape, rng)
        return tensors, [query.text for query in queries]

    def taken_apart(
        self, source: TripletExamples, number: int, seconds: float
    ) -> tuple[dict[str, Tensor], list[str | None]]:
        """As many triplets as a scene has queries, with one query each, times and noise."""
        rng = np.random.default_rng((self.config.seed, 6, number))
        rows, texts = [], []
        for index in range(self.config.batch.queries):
            place = number * self.config.batch.queries + index
            scene, query = query_of_triplet(source, place, seconds, self.config.scenes, rng)
            level = float(rng.normal(0, 3))
            rows.append(encode_queries(self.codec, scene, [query], level, self.concepts))
            texts.append(query.text)
        tensors = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
        tensors["time"], tensors["noise"] = self._noise(tensors["latents"].shape, rng)
        return tensors, texts

    def _drawn_triplets(self, number: int) -> TripletExamples | None:
        """The file that takes the place of scene `number`; None for a scene of the bank."""
        if not self.triplets:
            return None
        draw = np.random.default_rng((self.config.seed, 7, number)).random()
        edges = np.cumsum(list(self.config.triplets.values()))
        chosen = int(np.searchsorted(edges, draw, side="right"))
        return self.triplets[chosen] if chosen < len(self.triplets) else None

    def _noise(self, shape: torch.Size, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Flow times in 0..1 with Gaussian noise, or 0 with none for those that learn the mean."""
        mean = rng.random(shape[0]) < self.config.loss.mean_share
        time = np.where(mean, 0.0, rng.random(shape[0])).astype(np.float32)
        noise = np.zeros(shape, np.float32)
        noise[~mean] = rng.standard_normal((int((~mean).sum()), *shape[1:]), dtype=np.float32)
        return torch.from_numpy(time), torch.from_numpy(noise)

"""Batches for training: scenes as latents, with the energies that the loss weighs them by.

Batch number i of a run is always the same, however many processes share the work, so resuming means
going on counting.

Shapes: B queries, T latent frames, S = T * subframes columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import cycle, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from soundsift.data.bank import Bank
from soundsift.data.drawn import DrawnScene
from soundsift.data.example_prompts import (
    SHORTEST_SECONDS,
    SPARE_SECONDS,
    query_by_example,
    with_transients,
)
from soundsift.data.rendering import BankSamples, ClipSamples, frame_powers, render
from soundsift.data.scene import DrawnPower, MeasuredScene, Query, Scene
from soundsift.data.scenes import SceneGenerator
from soundsift.models.mel_codec import MelCodec
from soundsift.training.alignment_loss import concept_indices
from soundsift.training.answers import encode_scenes
from soundsift.training.config import TrainingConfig
from soundsift.training.triplets import TripletExamples, query_of_triplet


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


@dataclass(frozen=True)
class Triplets:
    """What takes the place of a scene: as many triplets as a scene has queries, one query each.

    Attributes:
        scenes: the triplets.
        queries: what is asked of each.
        levels_db: added to the level of each.
    """

    scenes: list[Scene]
    queries: list[Query]
    levels_db: list[float]


@dataclass(frozen=True)
class DrawnBatch:
    """Scenes of a batch before they are rendered, and the random numbers that their queries follow.

    Attributes:
        scenes: the scenes, and triplets in the place of some.
        by_example: whether the queries of a scene come with an example; it is longer than `seconds`
            then.
        rngs: of each.
        seconds: what each query sees.
        share: as of `Batch`.
    """

    scenes: list[DrawnScene | Triplets]
    by_example: list[bool]
    rngs: list[np.random.Generator]
    seconds: float
    share: float


class DrawnBatches(Dataset[DrawnBatch]):
    """The endless sequence of a run's batches, drawn, of which one process takes its part.

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
        self.triplets = [TripletExamples(file, config.seed, False) for file in config.triplets]

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, number: int) -> DrawnBatch:
        batch = self.config.batch
        rng = np.random.default_rng((self.config.seed, 1, number))
        seconds = float(rng.choice(batch.seconds))
        frames = round(seconds * self.config.model.codec.frame_rate)
        scenes = max(self.world, batch.frames // (frames * batch.queries))
        return self.draw(
            [number * 1024 + index for index in range(self.rank, scenes, self.world)],
            seconds,
            scenes,
        )

    def draw(self, numbers: Sequence[int], seconds: float, scenes: int | None = None) -> DrawnBatch:
        """Draw scenes.

        Args:
            numbers: of the scenes.
            seconds: what each query is to see.
            scenes: how many all processes draw together; none but these if None.
        """
        law = self.config.scenes
        drawn: list[DrawnScene | Triplets] = []
        examples, rngs = [], []
        for number in numbers:
            rng = self.generator.rng(number)
            source = self._drawn_triplets(number)
            by_example = False
            if source is not None:
                rng = np.random.default_rng((self.config.seed, 6, number))
                drawn.append(self._taken_apart(source, number, seconds, rng))
            else:
                # The random numbers of runs without examples stay what they were.
                possible = law.p_example_prompt > 0 and seconds >= SHORTEST_SECONDS
                by_example = possible and rng.random() < law.p_example_prompt
                scene = self.generator.draw(rng, seconds + SPARE_SECONDS * by_example)
                drawn.append(with_transients(scene, law.p_transient, rng) if by_example else scene)
            examples.append(by_example)
            rngs.append(rng)
        share = len(numbers) * self.world / (scenes or len(numbers) * self.world)
        return DrawnBatch(drawn, examples, rngs, seconds, share)

    def _drawn_triplets(self, number: int) -> TripletExamples | None:
        """The file that takes the place of scene `number`; None for a scene of the bank."""
        if not self.triplets:
            return None
        draw = np.random.default_rng((self.config.seed, 7, number)).random()
        edges = np.cumsum(list(self.config.triplets.values()))
        chosen = int(np.searchsorted(edges, draw, side="right"))
        return self.triplets[chosen] if chosen < len(self.triplets) else None

    def _taken_apart(
        self, source: TripletExamples, number: int, seconds: float, rng: np.random.Generator
    ) -> Triplets:
        found = Triplets([], [], [])
        for index in range(self.config.batch.queries):
            place = number * self.config.batch.queries + index
            scene, query = query_of_triplet(source, place, seconds, self.config.scenes, rng)
            found.scenes.append(scene)
            found.queries.append(query)
            found.levels_db.append(float(rng.normal(0, 3)))
        return found


class BatchRenderer:
    """Makes batches of drawn ones, with all sound computed where the clips are.

    Args:
        config: the run.
        generator: of the scenes.
        clips: samples of the clips.
        at_a_time: scenes rendered together, at most; all if None.
    """

    def __init__(
        self,
        config: TrainingConfig,
        generator: SceneGenerator,
        clips: ClipSamples,
        at_a_time: int | None = None,
    ) -> None:
        self.config, self.generator, self.clips = config, generator, clips
        self.at_a_time = at_a_time
        self.codec = MelCodec(config.model.codec).to(clips.device)
        self.concepts = concept_indices(generator.bank) if config.loss.alignment else None

    @torch.no_grad()
    def __call__(self, drawn: DrawnBatch) -> Batch:
        """The batch, on the device of the clips."""
        # Scenes of one length are computed together, then put back in order.
        order: list[int] = []
        parts: list[dict[str, Tensor]] = []
        phrases: dict[int, list[str | None]] = {}
        kinds = [
            "triplets" if isinstance(scene, Triplets) else "example" if by_example else "whole"
            for scene, by_example in zip(drawn.scenes, drawn.by_example, strict=True)
        ]
        for kind in ("whole", "example", "triplets"):
            alike = [i for i, other in enumerate(kinds) if other == kind]
            size = self.at_a_time or max(1, len(alike))
            for start in range(0, len(alike), size):
                some = alike[start : start + size]
                tensors, texts = self._part(drawn, some, kind)
                parts.append(tensors)
                phrases |= dict(zip(some, texts, strict=True))
                order += some
        count = self.config.batch.queries
        places = torch.tensor([order.index(i) for i in sorted(order)])
        rows = (places[:, None] * count + torch.arange(count)).flatten().to(self.clips.device)
        joined = {name: torch.cat([part[name] for part in parts])[rows] for name in parts[0]}
        return Batch([p for i in sorted(order) for p in phrases[i]], share=drawn.share, **joined)

    def _part(
        self, drawn: DrawnBatch, some: Sequence[int], kind: str
    ) -> tuple[dict[str, Tensor], list[list[str | None]]]:
        """Queries about scenes of one kind, with their flow times and noise."""
        length = round(drawn.seconds * self.config.model.codec.frame_rate)
        device = self.clips.device
        if kind == "triplets":
            taken = [t for i in some if isinstance(t := drawn.scenes[i], Triplets)]
            scenes: list[MeasuredScene] = [scene for one in taken for scene in one.scenes]
            stems = [scene.stems for one in taken for scene in one.scenes]
            waves = torch.from_numpy(np.concatenate(stems)).to(device)
            asked = [one.queries for one in taken]
            queries = [[query] for one in asked for query in one]
            levels = [level for one in taken for level in one.levels_db]
        else:
            recipes = [s for i in some if isinstance(s := drawn.scenes[i], DrawnScene)]
            waves = render(recipes, self.clips)
            products = frame_powers(waves, [len(scene.sources) for scene in recipes])
            scenes = [DrawnPower(s, power) for s, power in zip(recipes, products, strict=True)]
            asked, levels = [], []
            for scene, i in zip(scenes, some, strict=True):
                asked.append(self._queries(scene, kind == "example", length, drawn.rngs[i]))
                levels.append(float(drawn.rngs[i].normal(0, 3)))
            queries = asked
        tensors = encode_scenes(self.codec, waves, scenes, queries, levels, self.concepts)
        # A scene may end within its last frame.
        shape = (self.config.batch.queries, *tensors["latents"].shape[1:])
        laws = [self._noise(shape, drawn.rngs[i]) for i in some]
        for name, values in zip(("time", "noise"), zip(*laws, strict=True), strict=True):
            tensors[name] = torch.cat(values).to(device)
        if self.config.triplets and self.concepts is not None:
            known = torch.full((len(tensors["context"]),), kind != "triplets", device=device)
            tensors["sounds_known"] = known
        return tensors, [[query.text for query in some] for some in asked]

    def _queries(
        self, scene: MeasuredScene, by_example: bool, length: int, rng: np.random.Generator
    ) -> list[Query]:
        asked = [int(i) for i in rng.permutation(scene.named)]
        wide = self.config.scenes.p_wide_context
        return [
            query_by_example(scene, length, rng, wanted, wide)
            if by_example
            else self.generator.query(scene, rng, wanted)
            for wanted in islice(cycle(asked), self.config.batch.queries)
        ]

    def _noise(
        self, shape: tuple[int, int, int], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Flow times in 0..1 with Gaussian noise, or 0 with none for those that learn the mean."""
        mean = rng.random(shape[0]) < self.config.loss.mean_share
        time = np.where(mean, 0.0, rng.random(shape[0])).astype(np.float32)
        noise = np.zeros(shape, np.float32)
        noise[~mean] = rng.standard_normal((int((~mean).sum()), *shape[1:]), dtype=np.float32)
        return torch.from_numpy(time), torch.from_numpy(noise)


class Batches(Dataset[Batch]):
    """The batches of `DrawnBatches`, rendered on the processor.

    Args:
        config: the run.
        split: which clips to draw from.
        rank, world: this process among those that share every batch.
    """

    def __init__(self, config: TrainingConfig, split: str, rank: int = 0, world: int = 1) -> None:
        self.drawn = DrawnBatches(config, split, rank, world)
        self.generator = self.drawn.generator
        samples = BankSamples(self.generator.bank)
        # One scene at a time: more are no faster on a processor, and how processes share a batch
        # would decide how its sums are rounded.
        self.render = BatchRenderer(config, self.generator, samples, at_a_time=1)
        self.codec, self.concepts = self.render.codec, self.render.concepts

    def __len__(self) -> int:
        return len(self.drawn)

    def __getitem__(self, number: int) -> Batch:
        return self.render(self.drawn[number])

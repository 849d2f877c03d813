"""Examples to train the judge with: outputs of separators, with true ratings.

An example keeps what the judge reads before the hearing network: statistics, and energies of the
windows to be heard. So another hearing network needs no new examples.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

import soundsift
from soundsift.checkpoints.hearing import Hearing, default_folder, load_hearing
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import SAMPLE_RATE, DefaultJudgeConfig
from soundsift.evaluation.scenes import SUITES, Benchmark, BenchmarkScene, Suite
from soundsift.models.default_judge import cells, loudest_windows, statistics, window_energy
from soundsift.models.mel_codec import MelCodec
from soundsift.prompts import Prompt
from soundsift.separation.separator import Separator
from soundsift.training.judge.labels import TrueRatings, true_ratings
from soundsift.training.judge.rephrasing import Rephraser

#: Clips of this split only, in scenes like those of strangers.
TRAINING = Suite("train", SUITES["strangers"].law, 10**9, trained=False)
_SCENES_PER_FILE = 4
_LEAST = 1e-12


@dataclass(frozen=True)
class Example:
    """One separation.

    Attributes:
        scene: number of its scene.
        group: of the scene's target.
        origin: the separator's name.
        asked: how the output was asked for: by a name of the sound (text, paraphrase), also with
            predicted spans (text+, paraphrase+) and by the known sound nearest to it (text~,
            paraphrase~); span or both.
        text: the phrase that it is judged with; empty without one.
        ratings: the truth.
    """

    scene: int
    group: str
    origin: str
    asked: str
    text: str
    ratings: TrueRatings


@dataclass(frozen=True)
class Examples:
    """Examples of a folder.

    Attributes:
        listing: what each is.
        statistics: `(examples, statistics)`, float32.
        windows: `(examples, 2, W, S, bands)`, log10 of energies, float16: of target and residual.
    """

    listing: list[Example]
    statistics: NDArray[np.float32]
    windows: NDArray[np.float16]


def collect(
    folder: Path,
    bank: Path,
    suite: str | Suite,
    scenes: int,
    separators: tuple[str, ...],
    seed: int,
    config: DefaultJudgeConfig,
) -> None:
    """Make the examples of some scenes, or go on where this was stopped.

    Args:
        folder: where they are kept.
        bank: folder of the sound bank.
        suite: of the scenes.
        scenes: how many.
        separators: `default` or folders; a scene is separated by the first and by one of the
            others.
        seed: of the choice among the others.
        config: the judge's windows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    todo = [
        start
        for start in range(0, scenes, _SCENES_PER_FILE)
        if not (folder / f"{start:06}.npz").exists()
    ]
    if not todo:
        return
    drawn = Benchmark(bank, suite)
    loaded = {name: soundsift.load(name, device="cpu") for name in separators}
    maker = _Maker(loaded, seed, config)
    with tqdm(total=len(todo) * _SCENES_PER_FILE, desc=folder.name) as bar:
        for start in todo:
            rows: list[_Row] = []
            for number in range(start, min(scenes, start + _SCENES_PER_FILE)):
                rows += maker.scene(drawn.scene(number))
                bar.update()
            _write(folder / f"{start:06}.npz", rows)


def read_examples(folder: Path) -> Examples:
    """All examples of a folder, in the order of their scenes."""
    parts: list[dict[str, Any]] = []
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as stored:
            parts.append({name: stored[name] for name in stored.files})
    listing = [json.loads(line) for part in parts for line in str(part["listing"]).splitlines()]
    return Examples(
        [Example(**one | {"ratings": TrueRatings(**one["ratings"])}) for one in listing],
        np.concatenate([part["statistics"] for part in parts]),
        np.concatenate([part["windows"] for part in parts]),
    )


_Row = tuple[Example, Tensor, Tensor]


class _Maker:
    """Makes the examples of scenes."""

    def __init__(
        self,
        separators: dict[str, Separator],
        seed: int,
        config: DefaultJudgeConfig,
    ) -> None:
        self.separators, self.seed = separators, seed
        self.config = config
        codec = next(iter(separators.values())).model.codec
        assert isinstance(codec, MelCodec)
        self.codec = codec
        hearing = Hearing(load_hearing(default_folder()), TextEncoder())
        self.rephraser = Rephraser(default_folder(), hearing)

    @torch.inference_mode()
    def scene(self, scene: BenchmarkScene) -> list[_Row]:
        """All examples of a scene."""
        rng = np.random.default_rng((self.seed, scene.number))
        return list(self._examples(scene, rng))

    def _examples(self, scene: BenchmarkScene, rng: np.random.Generator) -> Iterator[_Row]:
        stems = torch.from_numpy(scene.scene.stems)
        mixture = stems.sum(dim=0)
        first, *others = self.separators
        ways = list(self._ways(scene))
        for predict in (False, True):
            some = [(name, asked, own) for name, asked, own, marked in ways if marked == predict]
            found = self._separated(first, mixture, [asked for _, asked, _ in some], predict)
            for (name, _, judged), estimate in zip(some, found, strict=True):
                if estimate is not None:
                    yield self._example(scene, Path(first).name, name, judged, estimate)
        if others:
            other = str(rng.choice(others))
            (estimate,) = self._separated(other, mixture, [Prompt(scene.text)], predict=False)
            assert estimate is not None
            yield self._example(scene, Path(other).name, "text", Prompt(scene.text), estimate)

    def _ways(self, scene: BenchmarkScene) -> Iterator[tuple[str, Prompt, Prompt, bool]]:
        """Name, prompt to separate with, prompt to judge with, and whether spans are predicted."""
        for name, phrase in (("text", scene.text), ("paraphrase", scene.paraphrase)):
            own = Prompt(phrase)
            yield name, own, own, False
            yield f"{name}+", own, own, True
            if (near := self.rephraser.nearest(phrase)) is not None:
                yield f"{name}~", Prompt(near), own, False
        both = Prompt(scene.text, scene.spans)
        yield "both", both, both, False
        marked = Prompt(None, scene.spans)
        yield "span", marked, marked, False

    def _separated(
        self, name: str, mixture: Tensor, prompts: list[Prompt], predict: bool
    ) -> list[Tensor | None]:
        """Targets `(samples,)`; None where spans were to be predicted, and none were."""
        separator = self.separators[name]
        if not predict:
            # Listening costs as much as separating, and is not needed.
            separator = Separator(separator.config, replace(separator.model, hearing=None))
        results = separator.separate_many(
            mixture.numpy(), prompts, sample_rate=SAMPLE_RATE, predict_spans=predict, judge=False
        )
        return [
            None if predict and not one.settings["spans_predicted"]
            else torch.from_numpy(one.target[0])
            for one in results
        ]  # fmt: skip

    def _example(
        self,
        scene: BenchmarkScene,
        origin: str,
        asked: str,
        prompt: Prompt,
        estimate: Tensor,
    ) -> _Row:
        stems = torch.from_numpy(scene.scene.stems)
        mixture, target = stems.sum(dim=0), stems[0]
        of = cells(self.codec, mixture[None], estimate[None])
        numbers = statistics(of)
        config = self.config
        starts = loudest_windows(of.target.sum(dim=0), config.windows, config.window_frames)
        starts = (starts * config.windows)[: config.windows]
        windows = torch.stack(
            [
                window_energy(self.codec, wave[None], starts, config.window_frames)
                for wave in (estimate, mixture - estimate)
            ]
        )
        ratings = true_ratings(self.codec, estimate, target, mixture - target)
        example = Example(scene.number, scene.group, origin, asked, prompt.text or "", ratings)
        return example, numbers, windows.clamp(min=_LEAST).log10().half()


def _write(path: Path, rows: list[_Row]) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(
            file,
            listing=np.array("\n".join(json.dumps(asdict(one)) for one, _, _ in rows)),
            statistics=torch.stack([numbers for _, numbers, _ in rows]).numpy(),
            windows=torch.stack([windows for _, _, windows in rows]).numpy(),
        )
    part.replace(path)

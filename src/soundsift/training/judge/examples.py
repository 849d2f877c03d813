"""Examples to train the judge with: outputs of separators and simulated faults, with true ratings.

An example keeps what the judge reads before the hearing network: statistics, and energies of the
windows to be heard. So another hearing network needs no new examples.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

import soundsift
from soundsift.config import SAMPLE_RATE, DefaultJudgeConfig
from soundsift.evaluation.scenes import SUITES, Benchmark, BenchmarkScene, Suite
from soundsift.models.default_judge import cells, loudest_windows, statistics, window_energy
from soundsift.models.mel_codec import MelCodec
from soundsift.prompts import Prompt
from soundsift.separation.separator import Separator
from soundsift.spans import frame_anchors
from soundsift.training.judge.faults import draw_fault
from soundsift.training.judge.labels import TrueRatings, true_ratings

#: Clips of this split only, in scenes like those of strangers.
TRAINING = Suite("train", SUITES["strangers"].law, 10**9, trained=False)
_SCENES_PER_FILE = 8
_LEAST = 1e-12


@dataclass(frozen=True)
class Example:
    """One separation.

    Attributes:
        scene: number of its scene.
        group: of the scene's target.
        origin: the separator's name, or that of the fault.
        asked: how the output was asked for: text, paraphrase, span, both, other, absent; or fault.
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
        windows: `(examples, 2, W, S, bands)`, log10 of energies, float16: of target and mixture.
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
    faults: int,
    seed: int,
    config: DefaultJudgeConfig,
) -> None:
    """Make the examples of some scenes, or go on where this was stopped.

    Args:
        folder: where they are kept.
        bank: folder of the sound bank.
        suite: of the scenes.
        scenes: how many.
        separators: `default` or folders. Without faults all of them separate every scene; with
            faults the first and another one.
        faults: simulated faults in a scene.
        seed: of faults and choices.
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
    codec = next(iter(loaded.values())).model.codec
    assert isinstance(codec, MelCodec)
    maker = _Maker(codec, config)
    with tqdm(total=len(todo) * _SCENES_PER_FILE, desc=folder.name) as bar:
        for start in todo:
            rows: list[tuple[Example, Tensor, Tensor]] = []
            for number in range(start, min(scenes, start + _SCENES_PER_FILE)):
                rng = np.random.default_rng((seed, number))
                chosen = dict(loaded)
                if faults:
                    first, *others = loaded
                    names = [first] + ([str(rng.choice(others))] if others else [])
                    chosen = {name: loaded[name] for name in names}
                rows += maker.examples(drawn.scene(number), chosen, faults, rng)
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


class _Maker:
    """Makes the examples of a scene."""

    def __init__(self, codec: MelCodec, config: DefaultJudgeConfig) -> None:
        self.codec, self.config = codec, config

    @torch.inference_mode()
    def examples(
        self,
        scene: BenchmarkScene,
        separators: dict[str, Separator],
        faults: int,
        rng: np.random.Generator,
    ) -> Iterator[tuple[Example, Tensor, Tensor]]:
        stems = torch.from_numpy(scene.scene.stems)
        mixture, target = stems.sum(dim=0), stems[0]
        silence = torch.zeros_like(target)
        # The prompt to separate with, and what the output is judged as.
        text, spans = scene.text, scene.spans
        asked = {
            "text": (Prompt(text), Prompt(text), target),
            "paraphrase": (Prompt(scene.paraphrase), Prompt(scene.paraphrase), target),
            "span": (Prompt(None, spans), Prompt(None, spans), target),
            "both": (Prompt(text, spans), Prompt(text, spans), target),
            "other": (Prompt(scene.other), Prompt(text), target),
            "absent": (Prompt(scene.absent), Prompt(scene.absent), silence),
        }
        asked = {name: one for name, one in asked.items() if one[0].text or one[0].spans}
        for origin, separator in separators.items():
            results = separator.separate_many(
                mixture[None].numpy(),
                [one[0] for one in asked.values()],
                sample_rate=SAMPLE_RATE,
                judge=False,
            )
            for (name, (_, prompt, wanted)), result in zip(asked.items(), results, strict=True):
                estimate = torch.from_numpy(result.target[0])
                yield self._example(scene, origin, name, prompt, estimate, wanted, mixture)
        for _ in range(faults):
            name, estimate = draw_fault(self.codec, target, stems[1:], rng)
            prompt = (Prompt(text), Prompt(text, spans), Prompt(None, spans))[
                int(rng.choice(3, p=(0.6, 0.2, 0.2)))
            ]
            yield self._example(scene, name, "fault", prompt, estimate, target, mixture)

    def _example(
        self,
        scene: BenchmarkScene,
        origin: str,
        asked: str,
        prompt: Prompt,
        estimate: Tensor,
        wanted: Tensor,
        mixture: Tensor,
    ) -> tuple[Example, Tensor, Tensor]:
        config = self.config
        of = cells(self.codec, mixture[None], estimate[None])
        anchors = None
        if prompt.spans:
            anchors = torch.from_numpy(frame_anchors(prompt.spans, of.target.shape[1]))
        numbers = statistics(of, anchors, bool(prompt.text))
        starts = loudest_windows(of.target.sum(dim=0), config.windows, config.window_frames)
        starts = (starts * config.windows)[: config.windows]
        windows = torch.stack(
            [
                window_energy(self.codec, wave[None], starts, config.window_frames)
                for wave in (estimate, mixture)
            ]
        )
        ratings = true_ratings(self.codec, estimate, wanted, mixture - wanted)
        origin = Path(origin).name if asked != "fault" else origin
        example = Example(scene.number, scene.group, origin, asked, prompt.text or "", ratings)
        return example, numbers, windows.clamp(min=_LEAST).log10().half()


def _write(path: Path, rows: list[tuple[Example, Tensor, Tensor]]) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(
            file,
            listing=np.array("\n".join(json.dumps(asdict(one)) for one, _, _ in rows)),
            statistics=torch.stack([numbers for _, numbers, _ in rows]).numpy(),
            windows=torch.stack([windows for _, _, windows in rows]).numpy(),
        )
    part.replace(path)

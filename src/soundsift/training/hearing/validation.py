"""Validation of the hearing network on scenes of strangers (`soundsift.evaluation.scenes`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import MelCodecConfig
from soundsift.evaluation.scenes import Benchmark
from soundsift.models.hearing import HearingNetwork
from soundsift.models.mel_codec import MelCodec
from soundsift.training.hearing.batches import answers
from soundsift.training.hearing.phrases import DIFFERENT, SAME
from soundsift.training.hearing.sources import audible_frames

#: A sound is as sure to be in a scene as in the surest run of so many frames.
_RUN = 10
_THRESHOLDS = np.linspace(0.02, 0.9, 45)


@dataclass(frozen=True)
class _Scene:
    context: Tensor
    text: str
    paraphrase: str
    other: str
    absent: str
    target: NDArray[np.bool_]
    second: NDArray[np.bool_]


class HearingValidation:
    """Frames and scenes of sounds that are there, and of sounds that are not.

    Args:
        bank: folder of the sound bank.
        scenes: number of scenes.
        text: encoder of the phrases.
        suite: key of `soundsift.evaluation.scenes.SUITES`.
    """

    def __init__(
        self, bank: Path, scenes: int, text: TextEncoder, suite: str = "stranger-validation"
    ) -> None:
        codec = MelCodec(MelCodecConfig())
        source = Benchmark(bank, suite)
        self.text = text
        self.scenes: list[_Scene] = []
        for number in range(scenes):
            drawn = source.scene(number)
            waves = torch.from_numpy(drawn.scene.stems)
            energies = codec.detail_energy(waves).transpose(-1, -2).numpy()
            parts = np.stack([audible_frames(e, codec.config.detail_subframes) for e in energies])
            concepts = np.where(np.arange(len(parts)) < 2, np.arange(len(parts)), -1)
            relation = np.full((2, 2), DIFFERENT, np.int8)
            np.fill_diagonal(relation, SAME)
            heard, _ = answers(parts, concepts, relation)
            self.scenes.append(
                _Scene(
                    codec.context(waves.sum(0)[None, None])[0],
                    drawn.text,
                    drawn.paraphrase,
                    drawn.other,
                    drawn.absent,
                    heard[:, 0] > 0,
                    heard[:, 1] > 0,
                )
            )

    @torch.no_grad()
    def run(self, network: HearingNetwork) -> dict[str, float]:
        """Figures of a network.

        Returns:
            `frames`: area under the ROC curve over the frames of the target, of the second source
            and of an absent sound; `paraphrase`: the same with another phrasing of the target;
            `scenes`: the area over scenes with the sound and without; `accuracy`: balanced
            accuracy of presence at its best threshold; `span_iou` and `threshold`: mean overlap of
            predicted and true frames of the target, at the threshold that is best for it.
        """
        network.eval()
        scores: dict[str, list[NDArray[np.float32]]] = {}
        for scene in self.scenes:
            states, mask = self.text.encode_batch(
                [scene.text, scene.other, scene.absent, scene.paraphrase]
            )
            assert states is not None
            assert mask is not None
            with torch.autocast("cpu", torch.bfloat16):
                frames = network.embed_frames(scene.context[None])
                phrases = network.embed_phrases(states, mask)
            logits = network.logits(frames, phrases)[0].numpy()
            for column, name in enumerate(("text", "other", "absent", "paraphrase")):
                scores.setdefault(name, []).append(logits[:, column])
        network.train()
        truth = [scene.target for scene in self.scenes]
        rest = [*scores["other"], *scores["absent"]]
        rest_truth = [s.second for s in self.scenes] + [
            np.zeros_like(s.target) for s in self.scenes
        ]
        known = np.concatenate([*truth, *rest_truth])
        present = np.array([surest(row) for row in (*scores["text"], *scores["other"])])
        absent = np.array([surest(row) for row in scores["absent"]])
        probabilities = [1 / (1 + np.exp(-row)) for row in scores["text"]]
        overlaps = [
            np.mean([_iou(p > threshold, t) for p, t in zip(probabilities, truth, strict=True)])
            for threshold in _THRESHOLDS
        ]
        best = int(np.argmax(overlaps))
        return {
            "frames": auroc(np.concatenate([*scores["text"], *rest]), known),
            "paraphrase": auroc(np.concatenate([*scores["paraphrase"], *rest]), known),
            "scenes": auroc(
                np.concatenate([present, absent]),
                np.arange(len(present) + len(absent)) < len(present),
            ),
            "accuracy": best_accuracy(present, absent),
            "span_iou": float(overlaps[best]),
            "threshold": float(_THRESHOLDS[best]),
        }


def surest(logits: NDArray[np.float32]) -> float:
    """The highest mean over a run of frames."""
    run = min(_RUN, len(logits))
    return float(np.convolve(logits, np.full(run, 1 / run), mode="valid").max())


def auroc(scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """The probability that a score where it is true exceeds one where it is not."""
    ranks = rankdata(scores, method="ordinal")
    positive = int(truth.sum())
    negative = len(truth) - positive
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / max(1, positive * negative))


def best_accuracy(present: NDArray[np.float64], absent: NDArray[np.float64]) -> float:
    """Balanced accuracy at the threshold that is best."""
    thresholds = np.concatenate([present, absent])
    return max(float(((present >= t).mean() + (absent < t).mean()) / 2) for t in thresholds)


def _iou(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    union = int((found | truth).sum())
    return 1.0 if union == 0 else float((found & truth).sum() / union)

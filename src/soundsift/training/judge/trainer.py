"""Training of the default model's judge: ridge regression on outputs of separators."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from soundsift.checkpoints.default_judge import save_default_judge
from soundsift.checkpoints.hearing import Hearing, default_folder, load_hearing, load_vocabulary
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import DefaultJudgeConfig, MelCodecConfig
from soundsift.evaluation.scenes import Suite
from soundsift.models.default_judge import RATINGS, DefaultJudge, hearing_evidence
from soundsift.models.mel_codec import MelCodec
from soundsift.training.judge.config import JudgeTrainingConfig
from soundsift.training.judge.examples import TRAINING, Examples, collect, read_examples
from soundsift.training.judge.figures import OWN, figures

#: Share of the warnings of poor results that must be right.
RIGHT = 0.6

_HEARD_AT_A_TIME = 8


@dataclass(frozen=True)
class JudgeData:
    """Examples as the judge reads them.

    Attributes:
        examples: where they come from.
        inputs: `(examples, statistics + evidence)`, NaN where one is not known.
        ratings: `(examples, 4)`, NaN where one is not defined.
    """

    examples: Examples
    inputs: Tensor
    ratings: Tensor


def train_judge(config: JudgeTrainingConfig) -> None:
    """Make the examples that are missing, fit, choose the threshold, report, and write the judge.

    The run's folder gets `model`, and `figures.json` with what the judge reaches on validation and
    test scenes.

    Args:
        config: the run.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    parts: dict[str, tuple[str | Suite, int]] = {
        "training": (TRAINING, config.training_scenes),
        "validation": ("stranger-validation", config.validation_scenes),
        "test": ("strangers", config.test_scenes),
    }
    for name, (suite, scenes) in parts.items():
        if scenes:
            separators = config.separators if name == "training" else config.separators[:1]
            collect(
                config.run / name,
                config.bank,
                suite,
                scenes,
                separators,
                config.seed,
                config.model,
            )
    hearing = Hearing(load_hearing(config.hearing or default_folder()), TextEncoder())
    data = {
        name: prepare(read_examples(config.run / name), hearing)
        for name, (_, scenes) in parts.items()
        if scenes
    }
    network = fit(data["training"], config.ridge)
    chosen = with_threshold(config.model, network, data["validation"])
    save_default_judge(config.run / "model", chosen, network)
    found = {
        name: figures(part.examples.listing, rate(network, part.inputs), part.inputs, chosen.poor)
        for name, part in data.items()
        if name != "training"
    }
    (config.run / "figures.json").write_text(json.dumps(found, indent=1) + "\n")


@torch.no_grad()
def prepare(examples: Examples, hearing: Hearing) -> JudgeData:
    """Let the hearing network hear all examples, and put everything into tensors.

    Args:
        examples: the examples.
        hearing: the hearing network, with a vocabulary in the package's folder.
    """
    codec = MelCodec(MelCodecConfig())
    groups = [s.name for s in load_vocabulary(default_folder(), hearing) if s.kind == "group"]
    references = hearing.phrases(groups)
    evidence = []
    for begin in tqdm(range(0, len(examples.listing), _HEARD_AT_A_TIME), desc="hearing"):
        some = slice(begin, begin + _HEARD_AT_A_TIME)
        windows = torch.from_numpy(examples.windows[some].astype(np.float32))
        context = codec.detail_context(10.0 ** windows.flatten(0, 2))
        frames = hearing.network.embed_frames(context).float()
        frames = frames.reshape(*windows.shape[:3], *frames.shape[1:])
        for one, (target, residual) in zip(examples.listing[some], frames, strict=True):
            phrase = hearing.phrases([one.text]) if one.text else None
            evidence.append(hearing_evidence(hearing.network, target, residual, phrase, references))
    ratings = torch.tensor(
        [[getattr(one.ratings, name) for name in RATINGS] for one in examples.listing]
    )
    inputs = torch.cat([torch.from_numpy(examples.statistics), torch.stack(evidence)], dim=1)
    return JudgeData(examples, inputs, ratings)


def fit(data: JudgeData, ridge: float) -> DefaultJudge:
    """Fit a judge to examples by ridge regression of their ratings.

    Args:
        data: the examples.
        ridge: penalty on the squared weights of the standardised inputs.
    """
    network = DefaultJudge()
    network.mean.copy_(data.inputs.nanmean(dim=0))
    spread = (data.inputs - network.mean).square().nanmean(dim=0).sqrt()
    network.std.copy_(spread.clamp(min=1e-4))
    x, y = network.standardised(data.inputs).double(), data.ratings.double()
    middle, centre = x.mean(dim=0), y.mean(dim=0)
    product = (x - middle).T @ torch.cat([x - middle, y - centre], dim=1) / len(x)
    inputs = x.shape[1]
    penalty = ridge * torch.eye(inputs, dtype=x.dtype)
    weights = torch.linalg.solve(product[:, :inputs] + penalty, product[:, inputs:])
    network.ratings.weight.data.copy_(weights.T)
    network.ratings.bias.data.copy_(centre - middle @ weights)
    return network.eval().requires_grad_(False)


@torch.no_grad()
def rate(network: DefaultJudge, inputs: Tensor) -> Tensor:
    """Ratings `(examples, 4)`, not limited to 1 to 5, so that none tie."""
    rated: Tensor = network(inputs)
    return rated


def with_threshold(
    config: DefaultJudgeConfig, network: DefaultJudge, data: JudgeData
) -> DefaultJudgeConfig:
    """The configuration with the threshold below which results are said to be poor.

    The highest at which most of what is said is right: `RIGHT` of the examples below it.
    """
    listing = data.examples.listing
    own = torch.tensor([one.asked in OWN for one in listing])
    poor = torch.tensor([one.ratings.improvement < 0 for one in listing])[own]
    overall, order = rate(network, data.inputs)[own, 0].sort()
    right = poor[order].cumsum(dim=0) / torch.arange(1, len(order) + 1)
    enough = torch.nonzero(right >= RIGHT).flatten()
    threshold = float(overall[enough[-1]]) + 1e-3 if len(enough) else 1.0
    return config.model_copy(update={"poor": round(threshold, 3)})

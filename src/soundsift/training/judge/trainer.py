"""Training of the default model's judge on outputs of separators and simulated faults."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from soundsift.checkpoints.default_judge import REFERENCES, save_default_judge
from soundsift.checkpoints.hearing import default_folder, load_hearing
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import DefaultJudgeConfig, MelCodecConfig
from soundsift.evaluation.scenes import Suite
from soundsift.models.default_judge import EVIDENCE, RATINGS, DefaultJudge, hearing_evidence
from soundsift.models.hearing import HearingNetwork
from soundsift.models.mel_codec import MelCodec
from soundsift.training.judge.config import JudgeTrainingConfig
from soundsift.training.judge.examples import TRAINING, Examples, collect, read_examples
from soundsift.training.judge.figures import figures

_HEARD_AT_A_TIME = 8
#: The least difference of SI-SDR improvement in dB at which one output should be ranked higher.
_CLEAR_DB = 1.0


@dataclass(frozen=True)
class JudgeData:
    """Examples as the judge reads them.

    Attributes:
        examples: where they come from.
        inputs: `(examples, statistics + evidence)`.
        ratings: `(examples, 4)`, NaN where one is not defined.
        present: `(examples,)`, 1 where the sound is in the mixture.
    """

    examples: Examples
    inputs: Tensor
    ratings: Tensor
    present: Tensor


def train_judge(config: JudgeTrainingConfig) -> None:
    """Make the examples that are missing, train, choose thresholds, report, and write the judge.

    The run's folder gets `model`, and `figures.json` with what the judge reaches on validation and
    test scenes.

    Args:
        config: the run.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    parts: dict[str, tuple[str | Suite, int, int]] = {
        "training": (TRAINING, config.training_scenes, config.faults),
        "validation": ("stranger-validation", config.validation_scenes, 0),
        "test": ("strangers", config.test_scenes, 0),
    }
    for name, (suite, scenes, faults) in parts.items():
        if scenes:
            separators = config.separators if faults else config.separators[:1]
            collect(
                config.run / name,
                config.bank,
                suite,
                scenes,
                separators,
                faults,
                config.seed,
                config.model,
            )
    text = TextEncoder()
    hearing, references = None, torch.zeros(len(REFERENCES), 1)
    if config.model.hears:
        hearing = load_hearing(config.hearing or default_folder())
        references = embed(hearing, text, list(REFERENCES))
    data = {
        name: prepare(read_examples(config.run / name), hearing, text, references)
        for name, (_, scenes, _) in parts.items()
        if scenes
    }
    network = fit(config, data["training"])
    chosen = with_thresholds(network, data["validation"])
    save_default_judge(config.run / "model", chosen, references)
    found = {
        name: figures(part.examples.listing, *rate(chosen, part.inputs), chosen.config, part.inputs)
        for name, part in data.items()
        if name != "training"
    }
    (config.run / "figures.json").write_text(json.dumps(found, indent=1) + "\n")


def embed(hearing: HearingNetwork, text: TextEncoder, phrases: list[str]) -> Tensor:
    """The hearing network's embeddings of phrases, `(phrases, dim)`."""
    states, mask = text.encode_batch(list(phrases))
    assert states is not None
    assert mask is not None
    with torch.no_grad():
        return hearing.embed_phrases(states, mask)


@torch.no_grad()
def prepare(
    examples: Examples, hearing: HearingNetwork | None, text: TextEncoder, references: Tensor
) -> JudgeData:
    """Let the hearing network hear all examples, and put everything into tensors.

    Args:
        examples: the examples.
        hearing: the hearing network; None leaves its evidence zero.
        text: encodes phrases.
        references: `(R, dim)`, embeddings of phrases to compare with.
    """
    evidence = torch.zeros(len(examples.listing), len(EVIDENCE))
    if hearing is not None:
        _hear(examples, hearing, text, references, evidence)
    ratings = torch.tensor(
        [[getattr(one.ratings, name) for name in RATINGS] for one in examples.listing]
    )
    present = torch.tensor([float(one.asked != "absent") for one in examples.listing])
    inputs = torch.cat([torch.from_numpy(examples.statistics), evidence], dim=1)
    return JudgeData(examples, inputs, ratings, present)


def _hear(
    examples: Examples,
    hearing: HearingNetwork,
    text: TextEncoder,
    references: Tensor,
    evidence: Tensor,
) -> None:
    """Fill in the evidence of all examples with a phrase."""
    codec = MelCodec(MelCodecConfig())
    texts = sorted({one.text for one in examples.listing if one.text})
    phrases = dict(zip(texts, embed(hearing, text, texts), strict=True)) if texts else {}
    named = [number for number, one in enumerate(examples.listing) if one.text]
    for begin in tqdm(range(0, len(named), _HEARD_AT_A_TIME), desc="hearing"):
        numbers = named[begin : begin + _HEARD_AT_A_TIME]
        windows = torch.from_numpy(examples.windows[numbers].astype(np.float32))
        shape = windows.shape[:3]  # examples, target and mixture, windows
        context = codec.detail_context(10.0 ** windows.flatten(0, 2))
        with torch.autocast("cpu", torch.bfloat16):
            frames = hearing.embed_frames(context)
        frames = frames.float().reshape(*shape, *frames.shape[1:])
        for row, number in enumerate(numbers):
            phrase = phrases[examples.listing[number].text]
            logits = hearing.logits(frames[row].flatten(0, 1), phrase[None])[..., 0]
            target, mixture = logits.reshape(*shape[1:], -1)
            others = hearing.logits(frames[row, 0], references)
            evidence[number] = hearing_evidence(target, mixture, others)


def fit(config: JudgeTrainingConfig, data: JudgeData) -> DefaultJudge:
    """Train a judge on examples."""
    torch.manual_seed(config.seed)
    network = DefaultJudge(config.model)
    network.mean.copy_(data.inputs.mean(dim=0))
    network.std.copy_(data.inputs.std(dim=0).clamp(min=0.05))
    scenes = torch.tensor([one.scene for one in data.examples.listing])
    rows = [torch.nonzero(scenes == scene).flatten() for scene in sorted(set(scenes.tolist()))]
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": [w for w in trained if w.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [w for w in trained if w.ndim == 1], "weight_decay": 0.0},
        ],
        lr=config.rate,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    rng = np.random.default_rng(config.seed)
    network.train()
    for _ in tqdm(range(config.steps), desc="training"):
        chosen = torch.cat([rows[int(n)] for n in rng.integers(len(rows), size=config.batch)])
        ratings, present = network(data.inputs[chosen])
        loss = judge_loss(
            ratings, present, data.ratings[chosen], data.present[chosen], scenes[chosen],
            config.ranking,
        )  # fmt: skip
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def judge_loss(
    ratings: Tensor,
    present: Tensor,
    true: Tensor,
    truly_present: Tensor,
    scenes: Tensor,
    ranking: float,
) -> Tensor:
    """Huber loss of ratings, cross-entropy of presence, and of which of two outputs is better.

    Args:
        ratings: `(members, batch, 4)`.
        present: `(members, batch)`, logits.
        true: `(batch, 4)`, NaN where a rating is not defined.
        truly_present: `(batch,)`.
        scenes: `(batch,)`: two outputs of one scene are compared.
        ranking: weight of the comparison.
    """
    known = ~true.isnan()
    wanted = true.nan_to_num(3.0).expand_as(ratings)
    each = functional.smooth_l1_loss(ratings, wanted, reduction="none", beta=0.5)
    loss = (each * known).sum() / known.sum().clamp(min=1) / len(ratings)
    loss = loss + 0.5 * functional.binary_cross_entropy_with_logits(
        present, truly_present.expand_as(present)
    )
    overall = true[:, 0].nan_to_num(3.0)
    # One rating of the overall is 6.25 dB.
    ahead = overall[:, None] - overall[None]
    clear = (ahead > _CLEAR_DB / 6.25) & (scenes[:, None] == scenes[None])
    clear &= (truly_present[:, None] * truly_present[None]) > 0
    found = ratings[..., 0][:, :, None] - ratings[..., 0][:, None]
    pairs = functional.softplus(-3.0 * found) * clear
    return loss + ranking * pairs.sum() / clear.sum().clamp(min=1) / len(ratings)


@torch.no_grad()
def rate(network: DefaultJudge, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Ratings `(examples, 4)` from 1 to 5, and the probability of presence `(examples,)`."""
    ratings, present = network(inputs)
    return ratings.mean(dim=0).clamp(1, 5), present.mean(dim=0).sigmoid()


def with_thresholds(network: DefaultJudge, data: JudgeData) -> DefaultJudge:
    """The judge with the thresholds of its warnings that are best on examples."""
    ratings, present = rate(network, data.inputs)
    listing = data.examples.listing
    here = torch.tensor([one.asked in ("text", "paraphrase", "both") for one in listing])
    absent = torch.tensor([one.asked == "absent" for one in listing])
    grid = torch.linspace(0.02, 0.98, 97)
    accuracy = [
        float((present[here] >= t).float().mean() + (present[absent] < t).float().mean())
        for t in grid
    ]
    poor = torch.tensor([one.ratings.improvement < 0 for one in listing])[here]
    overall = ratings[here, 0]
    marks = torch.linspace(1.2, 3.2, 81)
    harmonic = []
    for mark in marks:
        flagged = overall < mark
        hits = float((flagged & poor).sum())
        harmonic.append(2 * hits / max(1.0, float(flagged.sum() + poor.sum())))
    config = network.config.model_copy(
        update={
            "present": round(float(grid[int(np.argmax(accuracy))]), 3),
            "poor": round(float(marks[int(np.argmax(harmonic))]), 3),
        }
    )
    chosen = DefaultJudge(DefaultJudgeConfig.model_validate(config.model_dump()))
    chosen.load_state_dict(network.state_dict())
    return chosen.eval().requires_grad_(False)

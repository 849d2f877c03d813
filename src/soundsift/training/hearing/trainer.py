"""Training of the hearing network: sigmoid contrastive loss between frames and phrases."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from soundsift.allocator import keep_memory
from soundsift.checkpoints.hearing import load_hearing, save_hearing
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.store import complete_file
from soundsift.config import HearingConfig, MelCodecConfig
from soundsift.data.bank import Bank
from soundsift.models.hearing import HearingNetwork, Standardised
from soundsift.models.mel_codec import MelCodec
from soundsift.training.checkpoint import RunningAverage, load_checkpoint, save_checkpoint
from soundsift.training.hearing.aisfx import load_convolutions
from soundsift.training.hearing.batches import HearingBatch, HearingBatches
from soundsift.training.hearing.config import HearingTrainingConfig, MixingConfig
from soundsift.training.hearing.heads import KeptScenes
from soundsift.training.hearing.phrases import all_phrases, phrase_states, prior_offsets
from soundsift.training.hearing.sources import RenderedSources, render_sources
from soundsift.training.hearing.validation import HearingValidation
from soundsift.training.loop import learning_rate, set_rate

_LOG_EVERY = 20
#: Weight of a frame that holds a phrase's sound: far fewer do than don't.
_POSITIVE_WEIGHT = 2.0
#: Kept batches that means and deviations are measured on.
_EXAMPLES = 20


def train_hearing(
    config: HearingTrainingConfig, until: int | None = None, minutes: float | None = None
) -> None:
    """Train, from the run's checkpoint if there is one, to the last step (or to step `until`).

    Args:
        config: the run.
        until: stop after this step, with a checkpoint.
        minutes: stop after so many minutes in the same way; the next call continues.
    """
    HearingTrainer(config).run(min(config.steps, until or config.steps), minutes)


class HearingTrainer:
    """State of a run.

    Args:
        config: the run.

    Attributes:
        behind: the weights behind the convolutions.
    """

    def __init__(self, config: HearingTrainingConfig) -> None:
        keep_memory()
        self.config = config
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        config.run.mkdir(parents=True, exist_ok=True)
        bank = Bank(config.bank)
        self.text = TextEncoder()
        self.phrases = all_phrases(bank)
        self.states = _cached(
            config.run / "phrases.pt", lambda: phrase_states(self.phrases.texts, self.text)
        )
        sources = render_sources(
            config.run / "sources",
            bank,
            config.rendering,
            config.sources,
            config.seconds,
            config.seed,
        )
        self.codec = MelCodec(MelCodecConfig())
        self.batches = self._batches(sources, config.mixing, config.negatives, config.seed)
        self.offsets = prior_offsets(self.phrases, self.batches.concepts, config.prior)
        self.meanings = torch.from_numpy(self.phrases.meanings)
        self.network = HearingNetwork(config.model)
        if config.start_from is not None and config.start_from.is_dir():
            self.network = load_hearing(config.start_from)
        elif config.start_from is not None:
            load_convolutions(self.network, config.start_from)
        self.network.train()
        convolutions = [p for block in self.network.blocks for p in block.parameters()]
        own = {id(p) for p in convolutions}
        rest = self.behind = [p for p in self.network.parameters() if id(p) not in own]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": [p for p in rest if p.ndim >= 2], "share": 1.0},
                {"params": [p for p in rest if p.ndim < 2], "share": 1.0, "weight_decay": 0.0},
                {"params": convolutions, "share": config.convolution_rate, "weight_decay": 0.0},
            ],
            lr=config.optimiser.rate,
            betas=config.optimiser.betas,
            weight_decay=config.optimiser.weight_decay,
        )
        for block in self.network.blocks[: config.frozen_blocks]:
            block.requires_grad_(False)
        self.average = RunningAverage(self.network, config.optimiser.ema)
        self.validation = None
        if config.validation_scenes:
            self.validation = HearingValidation(config.bank, config.validation_scenes, self.text)
        self.step, self.seconds = 0, 0.0
        if not self._resume() and config.heads.batches:
            self._train_heads(sources)

    def _batches(
        self, sources: RenderedSources, law: MixingConfig, negatives: int | None, seed: int
    ) -> HearingBatches:
        config = self.config
        subframes = config.model.subframes
        return HearingBatches(sources, self.phrases, law, config.scenes, negatives, subframes, seed)

    def run(self, until: int, minutes: float | None = None) -> None:
        """Take steps up to number `until`, or for so many minutes, then save."""
        config = self.config
        saved = began = time.monotonic()
        already = self.seconds
        sums = [0.0, 0.0]
        progress = tqdm(initial=self.step, total=until, desc="training", unit="step")
        while self.step < until:
            loss, norm = self._take_step(self.batches[self.step])
            self.step += 1
            self.seconds = already + time.monotonic() - began
            progress.update()
            sums = [sums[0] + loss / _LOG_EVERY, sums[1] + norm / _LOG_EVERY]
            if self.step % _LOG_EVERY == 0:
                self._log({"loss": sums[0], "gradient": sums[1]})
                progress.set_postfix(loss=f"{sums[0]:.3f}")
                sums = [0.0, 0.0]
            if self.step % config.validate_every == 0:
                self._validate(self.average)
            if time.monotonic() - saved > 60 * config.checkpoint_minutes:
                self.save()
                saved = time.monotonic()
            if minutes is not None and time.monotonic() - began > 60 * minutes:
                break
        progress.close()
        self.save()

    def _take_step(self, batch: HearingBatch) -> tuple[float, float]:
        config = self.config
        rate = learning_rate(self.step, config.steps, config.optimiser)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        features = self.network.features(self.codec.detail_context(batch.energies))
        with torch.autocast("cpu", torch.bfloat16):
            frames = self.network.embed_features(features)
        loss = self._loss(frames, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), config.optimiser.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.average.update(self.network)
        return float(loss.detach()), float(norm)

    def _loss(self, frames: Tensor, batch: HearingBatch) -> Tensor:
        states = self.states[batch.phrases]
        with torch.autocast("cpu", torch.bfloat16):
            phrases = self.network.embed_phrases(states, torch.ones(states.shape[:2]).bool())
        offsets = self.offsets[self.meanings[batch.phrases]]
        logits = self.network.logits(frames, phrases) + offsets
        return hearing_loss(logits, batch.heard, batch.counted)

    def _validate(self, average: RunningAverage) -> None:
        if self.validation is not None:
            found = self.validation.run(_averaged(average, self.config.model))
            self._log({f"validation/{name}": value for name, value in found.items()})

    def save(self) -> None:
        """Write the checkpoint, and the averaged network beside it."""
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        save_checkpoint(self.config.run / "checkpoint.pt", state)
        save_hearing(self.config.run / "model", _averaged(self.average, self.config.model))

    def _resume(self) -> bool:
        state = load_checkpoint(self.config.run / "checkpoint.pt")
        if state is None:
            return False
        self.step, self.seconds = state["step"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        shares = [group["share"] for group in self.optimiser.param_groups]
        self.optimiser.load_state_dict(state["optimiser"])
        for group, share in zip(self.optimiser.param_groups, shares, strict=True):
            group["share"] = share
        return True

    def _train_heads(self, sources: RenderedSources) -> None:
        """Train all but the convolutions, or take what was trained before."""
        config, heads = self.config, self.config.heads
        trained = config.run / "heads"
        if trained.exists():
            self.network.load_state_dict(load_hearing(trained).state_dict())
            self.average = RunningAverage(self.network, config.optimiser.ema)
            return
        batches = self._batches(sources, heads.mixing, None, config.seed + 1)
        kept = KeptScenes(config.run / "kept", self.network, self.codec, batches)
        kept.keep(range(heads.batches))
        examples, _ = kept.read(range(min(_EXAMPLES, heads.batches)))
        for scale, level in zip(self.network.scales, examples, strict=True):
            assert isinstance(scale, Standardised)
            scale.measure(level)
        optimiser = torch.optim.AdamW(
            self.behind, betas=heads.optimiser.betas, weight_decay=heads.optimiser.weight_decay
        )
        average = RunningAverage(self.network, heads.optimiser.ema)
        progress = tqdm(range(heads.steps), desc="heads", unit="step")
        total = 0.0
        for step in progress:
            rng = np.random.default_rng((config.seed, 2, step))
            levels, mixed = kept.read(rng.choice(heads.batches, heads.together, replace=False))
            batch = batches.asked(mixed, rng)
            set_rate(optimiser, learning_rate(step, heads.steps, heads.optimiser))
            with torch.autocast("cpu", torch.bfloat16):
                frames = self.network.embed_pyramid(levels)
            loss = self._loss(frames, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.behind, heads.optimiser.clip)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            average.update(self.network)
            total += float(loss.detach()) / _LOG_EVERY
            if (step + 1) % _LOG_EVERY == 0:
                self._log({"heads/step": step + 1, "heads/loss": total})
                progress.set_postfix(loss=f"{total:.3f}")
                total = 0.0
            if (step + 1) % config.validate_every == 0:
                self._validate(average)
        self.network.load_state_dict(average.weights)
        self.average = RunningAverage(self.network, config.optimiser.ema)
        save_hearing(trained, self.network)

    def _log(self, values: dict[str, Any]) -> None:
        line = {"step": self.step, "seconds": round(self.seconds, 1)}
        line |= {name: round(value, 5) for name, value in values.items()}
        with (self.config.run / "metrics.jsonl").open("a") as metrics:
            metrics.write(json.dumps(line) + "\n")


def _averaged(average: RunningAverage, config: HearingConfig) -> HearingNetwork:
    """The network with averaged weights, which ships."""
    network = HearingNetwork(config)
    network.load_state_dict(average.weights)
    return network


def hearing_loss(logits: Tensor, heard: Tensor, counted: Tensor) -> Tensor:
    """Sigmoid cross-entropy in nats, summed over phrases, averaged over frames.

    Args:
        logits: `(B, T, P)`.
        heard: the same shape, 0 or 1.
        counted: the same shape, bool.
    """
    each = functional.binary_cross_entropy_with_logits(
        logits, heard, reduction="none", pos_weight=logits.new_tensor(_POSITIVE_WEIGHT)
    )
    return (each * counted).sum(dim=-1).mean()


def _cached(path: Path, make: Any) -> Tensor:
    if path.exists():
        stored: Tensor = torch.load(path, weights_only=True)
        return stored
    made: Tensor = make()
    with complete_file(path) as part:
        torch.save(made, part)
    return made

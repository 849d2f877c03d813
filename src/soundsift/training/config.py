"""A training run as data; one YAML file a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from soundsift.config import MelSeparatorConfig
from soundsift.data.scene_config import SceneConfig
from soundsift.errors import SoundsiftError

_Config = TypeVar("_Config", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BatchConfig(_Strict):
    """How scenes are grouped.

    Attributes:
        seconds: lengths of scenes; each batch has one of them.
        frames: latent frames per batch, over all its queries: long scenes come in smaller batches.
        queries: questions asked of every scene.
    """

    seconds: tuple[float, ...] = (2.5, 2.5, 4.0, 8.0)
    frames: int = Field(default=2400, gt=0)
    queries: int = Field(default=3, gt=0)


class LossConfig(_Strict):
    """Weights of the loss terms (`soundsift.training.losses`) and the law of flow time.

    Attributes:
        flow: flow-matching term, on the latents.
        mask_snr: signal-to-noise ratio of the masked mixture.
        level: error of the masked mixture's level, within the term before.
        alignment: what a middle block knows of all sounds (`soundsift.training.alignment_loss`).
        alignment_block: which block that is, counted from 0.
        mean_share: share of queries trained at t = 0 without noise, where the right answer is the
            mean.
        sigma_min: s of the path.
    """

    flow: float = 1.0
    mask_snr: float = 1.0
    level: float = Field(default=0.0, ge=0)
    alignment: float = Field(default=0.1, ge=0)
    alignment_block: int = Field(default=2, ge=0)
    mean_share: float = Field(default=0.8, ge=0, le=1)
    sigma_min: float = 1e-5


class OptimiserConfig(_Strict):
    """AdamW and its schedule: linear warm-up, constant, linear decay to zero at the end.

    Attributes:
        rate: peak learning rate.
        warmup: steps of warm-up.
        decay_share: share of all steps over which the rate falls to zero.
        weight_decay, betas: as in AdamW; vectors (norms, biases, gates, tables) are not decayed.
        clip: largest gradient norm.
        ema: decay of the running average of the weights, which is what ships.
    """

    rate: float = 8e-4
    warmup: int = 500
    decay_share: float = Field(default=0.2, ge=0, le=1)
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    ema: float = 0.999


class RunConfig(_Strict):
    """What every run has (`soundsift.training.loop`).

    Attributes:
        run: folder for checkpoints, metrics and the plot.
        steps: optimiser steps in all.
        seed: of data, noise and initial weights.
        device: where to train, as cpu, cuda or cuda:1; the best one there is if None.
        workers: processes that make examples.
        threads: processor threads per training process; 0 leaves it to PyTorch.
        validate_every: steps between validations.
        checkpoint_minutes: time between checkpoints.
    """

    run: Path
    steps: int = Field(gt=0)
    seed: int = 0
    device: str | None = None
    workers: int = Field(default=1, ge=0)
    threads: int = Field(default=0, ge=0)
    validate_every: int = Field(default=500, gt=0)
    checkpoint_minutes: float = Field(default=3.0, gt=0)


class TrainingConfig(RunConfig):
    """Everything that decides a run of the separator in mel shares.

    Attributes:
        bank: folder of the sound bank.
        triplets: JSONL files of triplets (`soundsift.training.triplets`), and for each the
            probability that a triplet takes the place of a scene of the bank.
        render: where the sound of scenes is computed: by the `workers` on the processor, or by the
            training process on the `device` where it trains, with all clips in its memory. If None,
            on the device if that is a GPU.
        compile: whether to compile the transformer's blocks: a minute at the start, then nearly
            twice the speed.
        validation_scenes: fixed scenes of a validation.
        start_from: weights to start from (a model folder), if not from scratch; the new model may
            have more blocks (`soundsift.training.deepen`).
        packed_text: folder of a text encoder of the bank's phrases alone
            (`soundsift.training.portable`); the installed one if None.
        released_with: other models of the same sizes (folders) and their shares in the weights
            that ship; the rest is this run's. Weights between runs that began alike can be better
            than those of any of them (arXiv 2109.01903, arXiv 2203.05482).
    """

    bank: Path
    triplets: dict[Path, float] = {}
    render: Literal["workers", "device"] | None = None
    compile: bool = True
    validation_scenes: int = Field(default=96, gt=0)
    start_from: Path | None = None
    packed_text: Path | None = None
    released_with: dict[Path, float] = {}
    model: MelSeparatorConfig
    scenes: SceneConfig = SceneConfig()
    batch: BatchConfig = BatchConfig()
    loss: LossConfig = LossConfig()
    optimiser: OptimiserConfig = OptimiserConfig()

    @model_validator(mode="after")
    def _parts_fit(self) -> TrainingConfig:
        open_marks = self.scenes.p_inline_example or self.scenes.p_example_prompt
        if open_marks and self.model.field.anchor_count < 4:
            raise ValueError(
                "scenes.p_inline_example and scenes.p_example_prompt need a fourth anchor id; "
                f"model.field.anchor_count is {self.model.field.anchor_count}, expected 4"
            )
        shares = self.released_with.values()
        if min(shares, default=1) <= 0 or sum(shares) >= 1:
            raise ValueError(
                f"released_with has shares {', '.join(map(str, shares))}; use shares above 0 "
                "that sum to less than 1"
            )
        likely = self.triplets.values()
        if min(likely, default=1) <= 0 or sum(likely) > 1:
            raise ValueError(
                f"triplets has probabilities {', '.join(map(str, likely))}; use numbers above 0 "
                "that sum to 1 at most"
            )
        layers = self.model.field.transformer.layers
        if self.loss.alignment and self.loss.alignment_block >= layers:
            raise ValueError(
                f"loss.alignment_block is {self.loss.alignment_block}, but the model has {layers} "
                "blocks, counted from 0"
            )
        return self


def load_training_config(path: Path) -> TrainingConfig:
    """Read the YAML file of a separator's run.

    Raises:
        SoundsiftError: if the file is missing or any key or value is wrong; the message names them
            all.
    """
    return validated(path, read_yaml(path), TrainingConfig)


def read_yaml(path: Path) -> Any:
    """What a YAML file says.

    Raises:
        SoundsiftError: if it is missing or is not YAML.
    """
    if not path.is_file():
        raise SoundsiftError(f"{path}: no such file; expected a training configuration in YAML.")
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SoundsiftError(f"{path}: cannot be read as YAML: {reason}") from error


def validated(path: Path, values: Any, kind: type[_Config]) -> _Config:
    """Values as a configuration.

    Raises:
        SoundsiftError: if any key or value is wrong; the message names them all.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()
        )
        raise SoundsiftError(f"{path}: {faults}") from error

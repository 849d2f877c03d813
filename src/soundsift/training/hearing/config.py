"""A training run of the hearing network as data; one YAML file a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from soundsift.config import HearingConfig
from soundsift.data.scene_config import SceneConfig
from soundsift.training.config import OptimiserConfig


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MixingConfig(_Strict):
    """How rendered sources become scenes.

    Attributes:
        counts: probability of 1, 2, 3 ... sources.
        offset_db: the largest difference of two sources' levels, but for quiet ones.
        p_quiet, quiet_db: probability that a source is quiet, and by how many dB.
        p_bed, bed_db: probability of a bed of ambience or noise, and its level against the sources.
        seconds: length of a scene: a part of each source, drawn at random; more and shorter scenes
            show more for the same time. Not longer than the rendered sources.
        tilt_db: the most that a scene's spectrum is tilted, from its lowest to its highest band.
        p_narrow: probability that bands above a random one are removed, as by a telephone.
    """

    counts: tuple[float, ...] = (0.12, 0.36, 0.3, 0.15, 0.07)
    offset_db: float = 20.0
    p_quiet: float = 0.15
    quiet_db: tuple[float, float] = (4.0, 13.0)
    p_bed: float = 0.5
    bed_db: tuple[float, float] = (-24.0, -4.0)
    seconds: float = Field(default=3.0, gt=0)
    tilt_db: float = 10.0
    p_narrow: float = 0.15


class HeadsConfig(_Strict):
    """Training of all but the convolutions, before they join in.

    Outputs of the convolutions are kept on disk for so many scenes: a step then costs a tenth.

    Attributes:
        batches: batches of scenes that are kept; 0 leaves this part out.
        steps: optimiser steps.
        together: kept batches in a step.
        mixing: how the scenes are mixed; more of them are of one source than later.
        optimiser: as for the run.
    """

    batches: int = Field(default=0, ge=0)
    steps: int = Field(default=2000, gt=0)
    together: int = Field(default=3, gt=0)
    mixing: MixingConfig = MixingConfig(counts=(0.4, 0.3, 0.18, 0.08, 0.04), p_bed=0.35)
    optimiser: OptimiserConfig = OptimiserConfig(
        rate=2e-3, warmup=50, decay_share=0.7, ema=0.995, weight_decay=0.02
    )


class HearingTrainingConfig(_Strict):
    """Everything that decides a run.

    Attributes:
        network: tells this recipe from the separator's.
        bank: folder of the sound bank.
        run: folder for rendered sources, checkpoints and metrics.
        sources: rendered sources to make.
        seconds: their length.
        steps: optimiser steps in all.
        scenes: scenes in a batch.
        negatives: phrases of a batch that none of its scenes need hold, drawn at random; None for
            one phrase of every concept and group.
        prior: how much of a sound's frequency in training is kept out of the network, 0 to 1.
        seed: of everything that is drawn.
        threads: processor threads; 0 leaves it to PyTorch.
        frozen_blocks: blocks of convolutions that stay as they are at first.
        convolution_rate: learning rate of the other convolutions, as a share of the rate.
        start_from: weights to start from: a hearing network's folder, or the file
            `models/checkpoint.pth` of the package aisfx for its convolutions alone.
        heads: what is trained before the convolutions are.
        validate_every: steps between validations.
        validation_scenes: stranger scenes of a validation; 0 for none.
        checkpoint_minutes: time between checkpoints.
    """

    network: Literal["hearing"]
    bank: Path
    run: Path
    sources: int = Field(default=30000, gt=0)
    seconds: float = Field(default=6.0, gt=0)
    steps: int = Field(gt=0)
    scenes: int = Field(default=12, gt=0)
    negatives: int | None = Field(default=256, gt=0)
    prior: float = Field(default=0.5, ge=0, le=1)
    seed: int = 0
    threads: int = Field(default=0, ge=0)
    frozen_blocks: int = Field(default=2, ge=0)
    convolution_rate: float = Field(default=0.1, gt=0)
    start_from: Path | None = None
    validate_every: int = Field(default=500, gt=0)
    validation_scenes: int = Field(default=140, ge=0)
    checkpoint_minutes: float = Field(default=3.0, gt=0)
    model: HearingConfig = HearingConfig()
    heads: HeadsConfig = HeadsConfig()
    rendering: SceneConfig = SceneConfig()
    mixing: MixingConfig = MixingConfig()
    optimiser: OptimiserConfig = OptimiserConfig()

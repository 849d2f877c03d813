"""A training run of the default model's judge as data; one YAML file a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from soundsift.config import DefaultJudgeConfig


class JudgeTrainingConfig(BaseModel):
    """Everything that decides a run.

    Attributes:
        network: tells this recipe from the separator's.
        bank: folder of the sound bank.
        run: folder for examples, weights and metrics.
        hearing: folder of the hearing network; None for the one of the package.
        separators: models whose outputs are judged, `default` or folders; the first is the one
            that validation and test are about.
        training_scenes: scenes of training clips.
        validation_scenes: scenes of the suite stranger-validation, for choosing.
        test_scenes: scenes of the suite strangers, for reporting.
        ridge: penalty on the squared weights of the standardised inputs.
        seed: of everything that is drawn.
        threads: processor threads; 0 leaves it to PyTorch.
        model: what the judge hears.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: Literal["judge"]
    bank: Path
    run: Path
    hearing: Path | None = None
    separators: tuple[str, ...] = Field(default=("default",), min_length=1)
    training_scenes: int = Field(gt=0)
    validation_scenes: int = Field(default=100, ge=4)
    test_scenes: int = Field(default=0, ge=0)
    ridge: float = Field(default=1.0, gt=0)
    seed: int = 0
    threads: int = Field(default=0, ge=0)
    model: DefaultJudgeConfig = DefaultJudgeConfig()

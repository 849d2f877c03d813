"""`soundsift train`: train a model from a YAML configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from soundsift.cli.requirements import need

EXAMPLES = """Examples:

\b
soundsift train configs/default.yaml
soundsift train configs/default.yaml --until 500
soundsift train configs/gpu.yaml --minutes 9
soundsift train configs/hearing.yaml
soundsift train configs/judge.yaml
torchrun --nproc-per-node 2 -m soundsift.cli train configs/default.yaml
"""

#: OpenMP's threads spin while they wait for work, which keeps cores from the processes that draw
#: scenes.
_QUIET_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


def train(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.yaml", help="The run; see configs/default.yaml.")
    ],
    until: Annotated[
        int | None,
        typer.Option(
            min=1, help="Stop after this step, with a checkpoint.", show_default="the config's last"
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Stop after so many minutes, with a checkpoint; the same command continues.",
            show_default="no limit",
        ),
    ] = None,
) -> None:
    """Train a model, or continue a run.

    A run that was stopped, even by kill -9, continues from its last checkpoint.
    """
    for name, value in _QUIET_THREADS.items():
        os.environ.setdefault(name, value)
    need("train", "scipy")

    from soundsift.training.config import TrainingConfig, read_yaml, validated

    values = read_yaml(config)
    # OpenMP reads the environment when PyTorch loads it, so nothing above may import PyTorch.
    network = values.get("network") if isinstance(values, dict) else None
    if network == "hearing":
        from soundsift.training.hearing.config import HearingTrainingConfig
        from soundsift.training.hearing.trainer import train_hearing

        train_hearing(validated(config, values, HearingTrainingConfig), until, minutes)
        return
    if network == "judge":
        from soundsift.training.judge.config import JudgeTrainingConfig
        from soundsift.training.judge.trainer import train_judge

        train_judge(validated(config, values, JudgeTrainingConfig))
        return
    run = validated(config, values, TrainingConfig)

    from soundsift.training.trainer import train as start

    start(run, until, minutes)

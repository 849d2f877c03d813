"""`soundsift train`: train a model from a YAML configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from soundsift.cli.requirements import need
from soundsift.errors import SoundsiftError

EXAMPLES = """Examples:

\b
soundsift train configs/default.yaml
soundsift train configs/default.yaml --until 500
soundsift train configs/gpu.yaml --minutes 9
soundsift train configs/hearing.yaml
soundsift train configs/judge.yaml
soundsift train configs/toy-codec.yaml
soundsift train configs/latents-base.yaml --plan --processes 64
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
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Print memory and time that a codec or a separator in latents would take; "
            "trains nothing.",
        ),
    ] = False,
    processes: Annotated[
        int, typer.Option(min=1, help="With --plan: processes that share the run.")
    ] = 1,
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
    if plan:
        _print_plan(config, values, network, processes)
        return
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
    if network == "codec":
        from soundsift.training.codec.config import CodecTrainingConfig
        from soundsift.training.codec.trainer import train_codec

        train_codec(validated(config, values, CodecTrainingConfig), until, minutes)
        return
    if network == "latents":
        from soundsift.training.latents.config import LatentTrainingConfig
        from soundsift.training.latents.trainer import train_latents

        train_latents(validated(config, values, LatentTrainingConfig), until, minutes)
        return
    run = validated(config, values, TrainingConfig)

    from soundsift.training.trainer import train as start

    start(run, until, minutes)


def _print_plan(config: Path, values: Any, network: object, processes: int) -> None:
    from soundsift.training.config import validated

    if network == "latents":
        from soundsift.training.latents.config import LatentTrainingConfig
        from soundsift.training.latents.plan import plan as plan_latents

        planned = plan_latents(validated(config, values, LatentTrainingConfig), processes)
    elif network == "codec":
        from soundsift.training.codec.config import CodecTrainingConfig
        from soundsift.training.codec.plan import plan as plan_codec

        planned = plan_codec(validated(config, values, CodecTrainingConfig), processes)
    else:
        raise SoundsiftError(
            f"{config}: no plan is made for this kind of run. Use --plan with a recipe of network "
            "codec or latents."
        )
    for line in planned.lines():
        typer.echo(line)

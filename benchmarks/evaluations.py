"""Quality against evaluations of the network, for each solver, on the benchmark's scenes by text.

    python benchmarks/evaluations.py BANK [--model default] [--scenes 60]
        [--evaluations 1 2 4 8 16 32] [--temperatures 0 1]

Mean SI-SDR improvement in dB of the first so many of the 240 scenes, which take turns in what they
ask for. A solver that cannot do a number of evaluations takes the next lower one that it can, and
none twice.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

import soundsift
from soundsift.errors import SoundsiftError
from soundsift.evaluation.metrics import bootstrap_mean, si_sdr_improvement
from soundsift.evaluation.scenes import Benchmark, BenchmarkScene
from soundsift.models.components import ModelComponents
from soundsift.models.velocity_field import Conditioning
from soundsift.sampling.flow import as_velocity
from soundsift.sampling.solvers import Solver, evaluations, schedule, solve

_AT_A_TIME = 10


@torch.inference_mode()
def gains(
    networks: ModelComponents,
    scenes: Sequence[BenchmarkScene],
    solver: Solver,
    steps: int,
    temperature: float,
) -> Iterator[float]:
    """SI-SDR improvement of each scene."""
    codec, field = networks.codec, networks.field
    times = [evaluation.time for evaluation in schedule(steps, solver)]
    generator = torch.Generator().manual_seed(0)
    for start in range(0, len(scenes), _AT_A_TIME):
        part = scenes[start : start + _AT_A_TIME]
        waves = torch.stack([torch.from_numpy(scene.mixture) for scene in part])
        states, mask = networks.text.encode_batch([scene.text for scene in part])
        context = torch.cat([codec.context(wave[None]) for wave in waves])
        known = field.prepare(Conditioning(context, states, mask), times)

        def velocity(noisy: Tensor, time: Tensor, known=known) -> Tensor:  # type: ignore[no-untyped-def]
            output = field(noisy, time, known).float()
            return as_velocity(output, networks.prediction, noisy, time)

        shape = (*context.shape[:2], 2 * field.config.latent_channels)
        noise = temperature * torch.randn(shape, generator=generator)
        latents = solve(velocity, noise, steps, solver)
        for scene, wave, own in zip(part, waves, latents, strict=True):
            found = codec.stems(own[None], wave[None])[0, 0].numpy()
            target = scene.scene.stems[0]
            yield si_sdr_improvement(found[0], target, scene.mixture[0])


def steps_for(solver: Solver, wanted: int) -> int:
    """The most steps that take no more than so many evaluations; 0 if one takes more."""
    return max((n for n in range(1, wanted + 1) if evaluations(solver, n) <= wanted), default=0)


def main() -> None:
    """Measure and print a row per solver and number of evaluations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("--model", default="default", help="its name or folder")
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--evaluations", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.0, 1.0])
    asked = parser.parse_args()
    networks = soundsift.load(asked.model).model
    drawn = Benchmark(asked.bank)
    scenes = [drawn.scene(number) for number in range(asked.scenes)]
    for solver in get_args(Solver):
        for steps in sorted({steps_for(solver, wanted) for wanted in asked.evaluations} - {0}):
            row = f"{solver:16} {evaluations(solver, steps):3} evaluations, {steps:2} steps:"
            for temperature in asked.temperatures:
                mean = bootstrap_mean(list(gains(networks, scenes, solver, steps, temperature)))
                row += f"  {mean.mean:6.2f} [{mean.low:.1f}, {mean.high:.1f}]"
            print(row, flush=True)


if __name__ == "__main__":
    try:
        main()
    except SoundsiftError as error:
        raise SystemExit(str(error)) from error

"""Time one evaluation of the velocity field at the released sizes, and what each measure gains.

    python benchmarks/transformer.py small base

Ten seconds of sound (250 frames), one item, eight tokens of text, random weights. Every variant
runs in a process of its own, since allocator and threads are settled once per process. The error is
that of one evaluation, the SNR that of the latents after 16 midpoint steps, against the first
variant. "Ready" is the time until the first evaluation is done, from a file of weights in memory's
cache; "peak" the process's most memory, the mapped file not counted twice. Give the machine nothing
else to do meanwhile.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from soundsift.allocator import keep_memory
from soundsift.checkpoints.int8 import from_int8, to_int8
from soundsift.checkpoints.sam_audio import RELEASED
from soundsift.checkpoints.state_dict import read_safetensors
from soundsift.config import VelocityFieldConfig
from soundsift.models import onednn
from soundsift.models.inference import InferenceField
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.sampling.solvers import solve

FRAMES, TOKENS, STEPS = 250, 8, 16
TIMES = [step / (2 * STEPS) for step in range(2 * STEPS)]

VARIANTS = {
    "plain": "float32, nothing tuned, prompt embedded at every evaluation",
    "allocator": "+ memory kept by the allocator",
    "prepared": "+ prompt prepared once",
    "autocast": "+ autocast to bfloat16",
    "compiled": "+ torch.compile",
    "float32": "arranged and packed for inference, float32",
    "unpacked": "arranged, bfloat16 weights, not packed",
    "untimed": "arranged and packed, bfloat16, times not prepared",
    "bfloat16": "arranged and packed, bfloat16, times prepared: what is used",
    "int8": "the same from weights stored in int8",
}

Field = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", default=["small", "base"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--evaluations", type=int, default=5, help="timed ones; 0: don't time")
    parser.add_argument("--no-errors", action="store_true", help="skip the 32 evaluations")
    parser.add_argument("--store", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--run", nargs=2, metavar=("VARIANT", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        variant, folder = options.run
        run(options.sizes[0], variant, Path(folder), options.evaluations, not options.no_errors)
        return
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    for size in options.sizes:
        compare(size, options)


def compare(size: str, options: argparse.Namespace) -> None:
    parameters = sum(math.prod(shape) for shape in _shapes(RELEASED[size]).values())
    print(f"\n{size}: {parameters / 1e6:.0f} M parameters\n")
    print("| variant | ms | against plain | error | SNR, dB | ready after, s | peak, GB |")
    print("|---|---|---|---|---|---|---|")
    first: dict[str, Any] | None = None
    with tempfile.TemporaryDirectory() as folder:
        make_files(RELEASED[size], Path(folder), options)
        for variant in options.variants:
            command = [sys.executable, __file__, size, "--run", variant, folder]
            command += ["--evaluations", str(options.evaluations)]
            command += ["--no-errors"] if options.no_errors else []
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            result = json.loads(done.stdout)
            first = first or result
            ms, plain = result.get("ms"), first.get("ms")
            cells = [
                VARIANTS[variant],
                f"{ms:.0f}" if ms else "",
                f"{plain / ms:.2f} x" if ms and plain else "",
                f"{result['error']:.1e}" if "error" in result else "",
                f"{result['snr']:.1f}" if "snr" in result else "",
                f"{result['ready']:.1f}",
                f"{result['peak']:.1f}",
            ]
            print("|", " | ".join(cells), "|", flush=True)


def run(size: str, variant: str, folder: Path, evaluations: int, errors: bool) -> None:
    """Measure a variant; the first one leaves its results in the folder for the others."""
    if variant not in ("plain",):
        keep_memory()
    config = RELEASED[size]
    noise, conditioning = make_input(config)
    begun = time.perf_counter()
    with torch.inference_mode():
        field = make_field(config, folder, variant, conditioning)
        output = field(noise, torch.tensor(0.5))
        result = {"ready": time.perf_counter() - begun}
        if evaluations:
            result["ms"] = 1e3 * statistics.median(
                _seconds(field, noise, time) for time in TIMES[1 : 1 + evaluations]
            )
        outputs = {"one": output}
        if errors:
            outputs["all"] = solve(field, noise, STEPS)
    expected = folder / "expected.safetensors"
    if not expected.exists():
        save_file(outputs, expected)
    else:
        reference = load_file(expected)
        result["error"] = relative(outputs["one"], reference["one"])
        if errors:
            result["snr"] = -20 * math.log10(relative(outputs["all"], reference["all"]))
    result["peak"] = peak_gigabytes()
    print(json.dumps(result))


def make_field(
    config: VelocityFieldConfig, folder: Path, variant: str, prompt: Conditioning
) -> Field:
    if variant in ("plain", "allocator", "prepared", "autocast", "compiled"):
        with torch.device("meta"):
            model = VelocityField(config)
        weights = load_file(folder / "weights.safetensors")
        model.load_state_dict({name: w.float() for name, w in weights.items()}, assign=True)
        model.eval().requires_grad_(False)
        if variant in ("plain", "allocator"):
            return lambda x, t: model(x, t, prompt)
        on = variant in ("autocast", "compiled")
        with torch.autocast("cpu", torch.bfloat16, enabled=on):
            prepared = model.prepare(prompt)
        call = torch.compile(model) if variant == "compiled" else model

        def field(x: Tensor, t: Tensor) -> Tensor:
            # The cache of cast weights lives as long as the context: one per evaluation, as in use.
            with torch.autocast("cpu", torch.bfloat16, enabled=on):
                y: Tensor = call(x, t, prepared)
                return y

        return field
    if variant == "unpacked":
        onednn.is_available = lambda _: False  # type: ignore[assignment]
    dtype = torch.float32 if variant == "float32" else torch.bfloat16
    file = folder / ("int8" if variant == "int8" else "weights.safetensors")
    fast = InferenceField(config, from_int8(read_safetensors(file), file), dtype)
    arranged = fast.prepare(prompt, [] if variant == "untimed" else TIMES)
    return lambda x, t: fast(x, t, arranged)


def make_files(config: VelocityFieldConfig, folder: Path, options: argparse.Namespace) -> None:
    weights = make_weights(config, getattr(torch, options.store))
    save_file(weights, folder / "weights.safetensors")
    if "int8" in options.variants:
        save_file(to_int8(weights), folder / "int8")


def make_input(config: VelocityFieldConfig) -> tuple[Tensor, Conditioning]:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(1, FRAMES, 2 * config.latent_channels, generator=generator)
    context = torch.randn(1, FRAMES, config.context_channels, generator=generator)
    text = torch.randn(1, TOKENS, config.transformer.text_dim, generator=generator)
    return noise, Conditioning(context, text)


def make_weights(config: VelocityFieldConfig, dtype: torch.dtype) -> dict[str, Tensor]:
    """Random weights with open gates, at the scales of a trained model.

    Every weight is a stretch of the same few million numbers: drawing billions takes minutes.
    """
    # A prime length, so that a repetition never falls on the same column.
    pool = torch.randn(4_194_301, generator=torch.Generator().manual_seed(0))
    weights: dict[str, Tensor] = {}
    at = 0
    for name, shape in _shapes(config).items():
        count = math.prod(shape)
        if at + count > len(pool):
            at = (at * 7919 + 12_347) % 1_000_003
        repeats = -(-(at + count) // len(pool))
        weight = pool.repeat(repeats)[at : at + count].reshape(shape)
        at += count
        if "norm" in name and name.endswith("weight"):
            weight = 1 + 0.1 * weight
        elif "modulation" in name:
            weight = 0.3 * weight * (shape[-1] ** -0.5 if name.endswith("weight") else 1)
        elif weight.ndim < 2:
            weight = 0.1 * weight
        else:
            weight = weight * weight[0].numel() ** -0.5
        weights[name] = weight.to(dtype).contiguous()
    return weights


def _shapes(config: VelocityFieldConfig) -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {name: w.shape for name, w in VelocityField(config).state_dict().items()}


def _seconds(field: Field, x: Tensor, flow_time: float) -> float:
    begun = time.perf_counter()
    field(x, torch.tensor(flow_time))
    return time.perf_counter() - begun


def peak_gigabytes() -> float:
    """Linux: the most memory this process had. `ru_maxrss` would count its parent's as well."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e9


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


if __name__ == "__main__":
    main()

"""Eight-bit products in the velocity field, by every way that PyTorch and torchao have.

    pip install torchao
    python benchmarks/int8.py small

The arranged field of the package is kept; only the products of its blocks are exchanged. Ten
seconds of sound (250 frames), random weights; every variant is a process of its own. The error is
that of one evaluation against the same field in float32. Give the machine nothing else to do
meanwhile; it takes a minute.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformer import TIMES, make_input, make_weights

from soundsift.allocator import keep_memory
from soundsift.checkpoints.int8 import from_int8, to_int8
from soundsift.checkpoints.sam_audio import RELEASED
from soundsift.checkpoints.state_dict import read_safetensors
from soundsift.models import inference
from soundsift.models.onednn import Activation
from soundsift.models.packed import PackedLinear

EVALUATIONS = 5


Multiply = Callable[[Tensor], Tensor]


class Product:
    """What stands in the place of `PackedLinear`.

    Args:
        weight: `(out, in)`.
        make: from the weight to the product with it.
    """

    def __init__(self, weight: Tensor, make: Callable[[Tensor], Multiply]) -> None:
        self.dtype, self.multiply = weight.dtype, make(weight)

    def __call__(self, x: Tensor, activation: Activation = "none") -> Tensor:
        """See `PackedLinear`."""
        y = self.multiply(x.to(self.dtype))
        return F.silu(y) if activation == "swish" else y

    def times(self, x: Tensor, factor: Tensor) -> Tensor:
        """See `PackedLinear`."""
        return self.multiply(x.to(self.dtype)) * factor


def torchao_weights(weight: Tensor) -> Multiply:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    layer = _layer(weight)
    quantize_(layer, Int8WeightOnlyConfig())
    return layer


def torchao_dynamic(weight: Tensor) -> Multiply:
    """Activations rounded frame by frame."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    layer = _layer(weight)
    quantize_(layer, Int8DynamicActivationInt8WeightConfig())
    return layer


def torch_dynamic(weight: Tensor, engine: str) -> Multiply:
    """PyTorch's dynamic layer: activations rounded with one scale for all frames."""
    torch.backends.quantized.engine = engine
    kinds = {nn.Linear: torch.ao.quantization.per_channel_dynamic_qconfig}
    layer = torch.ao.quantization.quantize_dynamic(_layer(weight.float()), kinds)
    return lambda x: layer(x.float()).to(x.dtype)


def aten_weights(weight: Tensor) -> Multiply:
    rounded, scale = _rounded(weight.float())
    scale = scale.to(weight.dtype)

    def multiply(x: Tensor) -> Tensor:
        y = torch._weight_int8pack_mm(x.reshape(-1, x.shape[-1]), rounded, scale)
        return y.reshape(*x.shape[:-1], -1)

    return multiply


def onednn_per_frame(weight: Tensor) -> Multiply:
    """OneDNN's packed product of int8 by int8, the fastest; activations rounded frame by frame."""
    rounded, scale = _rounded(weight.float())
    packed = torch.ops.onednn.qlinear_prepack(rounded, None)
    zeros = torch.zeros(len(weight), dtype=torch.int64)

    def multiply(x: Tensor) -> Tensor:
        frames, step = _rounded(x.reshape(-1, x.shape[-1]).float())
        y = torch.ops.onednn.qlinear_pointwise(
            frames, 1.0, 0, packed, scale, zeros, None, 1.0, 0, x.dtype, "none", [], ""
        )
        return (y * step[:, None].to(x.dtype)).reshape(*x.shape[:-1], -1)

    return multiply


def _layer(weight: Tensor) -> nn.Sequential:
    layer = nn.Sequential(nn.Linear(*weight.shape[::-1], bias=False, device="meta"))
    layer.load_state_dict({"0.weight": weight}, assign=True)
    return layer


def _rounded(x: Tensor) -> tuple[Tensor, Tensor]:
    scale = x.abs().amax(dim=1).div_(127)
    return (x / scale[:, None]).round_().to(torch.int8), scale


VARIANTS: dict[str, tuple[str, Callable[[Tensor], Multiply] | None]] = {
    "float32": ("float32, packed", None),
    "bfloat16": ("bfloat16, packed", None),
    "stored": ("bfloat16, packed, from weights stored in int8: what is used", None),
    "torchao-weights": ("torchao, weight-only", torchao_weights),
    "torchao-dynamic": ("torchao, dynamic per frame", torchao_dynamic),
    "fbgemm": ("`torch.ao` dynamic, fbgemm", partial(torch_dynamic, engine="x86")),
    "onednn": ("`torch.ao` dynamic, oneDNN", partial(torch_dynamic, engine="onednn")),
    "aten": ("`_weight_int8pack_mm`, weight-only", aten_weights),
    "per-frame": ("oneDNN int8, dynamic per frame", onednn_per_frame),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", nargs="?", default="small", choices=RELEASED)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--run", nargs=2, metavar=("VARIANT", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(options.size, options.run[0], Path(options.run[1]))))
        return
    print(f"{options.size}, PyTorch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print(
        "| | ms | against bfloat16 | error | against bfloat16 |\n|---|--:|--:|--:|--:|", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        weights = make_weights(RELEASED[options.size], torch.float32)
        save_file(weights, Path(folder) / "weights.safetensors")
        save_file(to_int8(weights), Path(folder) / "int8.safetensors")
        del weights
        base: dict[str, float] = {}
        for variant in options.variants:
            command = [sys.executable, __file__, options.size, "--run", variant, folder]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                print(f"| {VARIANTS[variant][0]} | {done.stderr.strip().splitlines()[-1]} |")
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            base = found if variant == "bfloat16" else base
            cells = [VARIANTS[variant][0], f"{found['ms']:.0f}", "", f"{found['error']:.1e}", ""]
            if base:
                cells[2] = f"{base['ms'] / found['ms']:.2f} x"
                cells[4] = f"{found['error'] / base['error']:.1f} x"
            print(f"| {' | '.join(cells)} |", flush=True)


def run(size: str, variant: str, folder: Path) -> dict[str, float]:
    warnings.simplefilter("ignore")  # most of these ways are deprecated
    logging.disable(logging.WARNING)
    keep_memory()
    config = RELEASED[size]
    noise, conditioning = make_input(config)
    way = VARIANTS[variant][1]
    if way is not None:

        def make(weight: Tensor) -> Product | PackedLinear:
            # Those in float32 are as in every other variant.
            return PackedLinear(weight) if weight.dtype == torch.float32 else Product(weight, way)

        inference.PackedLinear = make  # type: ignore[assignment,misc]
    dtype = torch.float32 if variant == "float32" else torch.bfloat16
    name = "int8.safetensors" if variant == "stored" else "weights.safetensors"
    field = inference.InferenceField(
        config, from_int8(read_safetensors(folder / name), folder / name), dtype
    )
    with torch.inference_mode():
        prepared = field.prepare(conditioning, TIMES)
        output = field(noise, torch.tensor(0.5), prepared)
        seconds = []
        for at in TIMES[1 : 1 + EVALUATIONS]:
            begun = time.perf_counter()
            field(noise, torch.tensor(at), prepared)
            seconds.append(time.perf_counter() - begun)
    expected = folder / "expected.safetensors"
    if not expected.exists():
        save_file({"output": output}, expected)
    reference = load_file(expected)["output"]
    error = float((output - reference).norm() / reference.norm())
    return {"ms": 1e3 * statistics.median(seconds), "error": error}


if __name__ == "__main__":
    main()

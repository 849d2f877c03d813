"""How fast the DAC-VAE codec is on this CPU, step by step from the published way to ours.

Every variant runs in a process of its own, at the released sizes with random weights: it encodes a
clip once and decodes two stems. Printed are times, their ratios to the first row, the
signal-to-noise ratio of latents and waves against the first row's, and the process's peak memory.

    python benchmarks/codec.py

Nothing else should run meanwhile; it takes about three minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from soundsift.allocator import keep_memory
from soundsift.config import DacVaeConfig
from soundsift.models.dac_vae import DacVae
from soundsift.models.dac_vae_native import NativeBackend, supported_instructions
from soundsift.models.dac_vae_tiled import TiledCodec
from soundsift.models.watermark import draw_message


@dataclass(frozen=True)
class Variant:
    """A way of running the codec."""

    name: str
    keeps_memory: bool = True
    folded: bool = True
    mark: bool = False
    bfloat16: bool = False
    #: Frames in a tile of `TiledCodec`; None for the plain network.
    tile: int | None = None
    #: What the C file is compiled for; None for PyTorch.
    way: str | None = None


VARIANTS = (
    Variant("as published", keeps_memory=False, folded=False, mark=True),
    Variant("memory kept by the allocator", folded=False, mark=True),
    Variant("weight norm folded", mark=True),
    Variant("without the mark"),
    Variant("bfloat16 autocast", bfloat16=True),
    Variant("channels last, tiles of 4 s (without compiler)", tile=100),
    Variant("compiled for AVX2, tiles of 1.3 s", tile=32, way="avx2"),
    Variant("compiled for AVX-512, tiles of 1.3 s", tile=32, way="avx512"),
    Variant("compiled for AMX, tiles of 1.3 s", tile=32, way="amx"),
    Variant("compiled for AMX, tiles of 4 s", tile=100, way="amx"),
    Variant("the same, allocator untouched", keeps_memory=False, tile=100, way="amx"),
)


def random_codec(folded: bool) -> DacVae:
    """A codec at the released sizes, drawn as the published code starts its training."""
    torch.manual_seed(0)
    codec = DacVae(DacVaeConfig()).eval().requires_grad_(False)
    for module in [*codec.encoder.modules(), *codec.decoder.modules()]:
        if isinstance(module, nn.Conv1d):
            nn.init.trunc_normal_(module.weight, std=0.02)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d) and not folded:
            nn.utils.parametrizations.weight_norm(module)
    return codec


def run(variant: Variant, seconds: int, threads: int, folder: Path) -> None:
    torch.set_num_threads(threads)
    if variant.keeps_memory:
        keep_memory()
    codec = random_codec(variant.folded)
    generator = torch.Generator().manual_seed(1)
    wave = 0.1 * torch.randn(1, 1, seconds * 48_000, generator=generator)
    latents = torch.randn(2, seconds * 25, 128, generator=generator)
    message = draw_message(0, batch=2) if variant.mark else None
    unmarked: list[Tensor] = []
    codec.watermark.register_forward_pre_hook(lambda _, inputs: unmarked.append(inputs[0]))
    tiled, start_up = None, 0.0
    if variant.tile is not None:
        begun = time.perf_counter()
        backend = None
        if variant.way is not None:
            backend = NativeBackend.create([variant.way])
            if variant.way not in supported_instructions() or backend is None:
                raise SystemExit(f"no {variant.way} here, or no C compiler")
        tiled = TiledCodec(codec, backend)
        start_up = time.perf_counter() - begun

    def encode(x: Tensor) -> Tensor:
        return codec.encode(x) if tiled is None else tiled.encode(x, variant.tile or 1)

    def decode(x: Tensor) -> Tensor:
        if tiled is not None:
            return tiled.decode(x, variant.tile or 1)
        return codec.decode(x, message)

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=variant.bfloat16):
        # One second to warm up: libraries load, threads start.
        decode(latents[:, :25]), encode(wave[..., :48_000])
        unmarked.clear()
        begun = time.perf_counter()
        encoded = encode(wave)
        between = time.perf_counter()
        decoded = decode(latents)
        ended = time.perf_counter()
    outputs = {"latents": encoded.float(), "wave": (unmarked or [decoded])[0].float()}
    torch.save(outputs, folder / "outputs.pt")
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    numbers = {
        "encode": between - begun,
        "decode": ended - between,
        "peak": peak / 2**20,
        "start_up": start_up,
    }
    (folder / "numbers.json").write_text(json.dumps(numbers))


def decibels(ours: Tensor, reference: Tensor) -> str:
    noise = (ours - reference).double().square().sum()
    if noise == 0:
        return "equal"
    return f"{10 * torch.log10(reference.double().square().sum() / noise):.0f} dB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="length of the clip")
    parser.add_argument("--threads", type=int, default=2)
    chosen = ", ".join(f"{i} {variant.name}" for i, variant in enumerate(VARIANTS))
    parser.add_argument(
        "--variants", type=int, nargs="+", default=range(len(VARIANTS)), help=chosen
    )
    parser.add_argument("--variant", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant is not None:
        run(VARIANTS[args.variant], args.seconds, args.threads, args.folder)
        return
    print(f"{args.seconds} s of sound, {args.threads} threads, PyTorch {torch.__version__}\n")
    print("| | encode | | SNR | decode two stems | | SNR | peak memory |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    first: dict[str, float] = {}
    reference: dict[str, Tensor] = {}
    for i in args.variants:
        variant = VARIANTS[i]
        with tempfile.TemporaryDirectory() as folder:
            options = ["--seconds", str(args.seconds), "--threads", str(args.threads)]
            command = [sys.executable, __file__, "--variant", str(i), "--folder", folder, *options]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                print(f"| {variant.name} | {done.stderr.strip().splitlines()[-1]} |")
                continue
            numbers = json.loads((Path(folder) / "numbers.json").read_text())
            outputs = torch.load(Path(folder) / "outputs.pt")
        first, reference = first or numbers, reference or outputs
        cells = [variant.name]
        for step, output in (("encode", "latents"), ("decode", "wave")):
            ratio = first[step] / numbers[step]
            snr = decibels(outputs[output], reference[output])
            cells += [f"{numbers[step]:.2f} s", f"{ratio:.2f} x", snr]
        print(f"| {' | '.join(cells)} | {numbers['peak']:.1f} GB |", flush=True)
        if numbers["start_up"]:
            print(f"  start-up: {numbers['start_up']:.2f} s", file=sys.stderr)


if __name__ == "__main__":
    main()

"""A released model from loading to sound: how long, and how much memory.

    python benchmarks/released.py small

Writes a converted model of the released size with random weights (bfloat16; the codec and T5 in
float32, as always) to a temporary folder, then loads it in a process of its own, as a user would,
and separates ten seconds by text, with 8 and with 32 evaluations. Give the machine nothing else to
do meanwhile.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn

from soundsift.checkpoints.load import CODEC_WEIGHTS, TEXT_ENCODER
from soundsift.checkpoints.released import RELEASED
from soundsift.config import DacVaeConfig, SeparatorConfig
from soundsift.models.dac_vae import DacVae
from soundsift.models.velocity_field import VelocityField

SECONDS, RATE = 10, 48_000
PRESETS = {"draft": 8, "standard": 32}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", nargs="?", default="small", choices=RELEASED)
    parser.add_argument("--folder", type=Path, help="keep the model here, or use the one there")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(options.run, options.presets)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / options.size
        if not (folder / "config.yaml").is_file():
            write_model(options.size, folder)
        command = [sys.executable, __file__, options.size, "--run", str(folder)]
        command += ["--presets", *options.presets]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    print(f"sam-audio-{options.size}, random weights, {found['threads']} threads\n")
    print("| | seconds | times real time |\n|---|--:|--:|")
    print(f"| imports | {found['import']:.1f} | |")
    print(f"| build and load | {found['load']:.1f} | |")
    for preset, seconds in found["separate"].items():
        evaluations = PRESETS[preset]
        print(f"| {SECONDS} s by text, {evaluations} evaluations | {seconds:.1f} |", end="")
        print(f" {SECONDS / seconds:.2f} |")
    peak, loaded = (found[name] / 1e9 for name in ("peak", "loaded"))
    print(f"\nPeak memory {peak:.2f} GB, after loading {loaded:.2f} GB")


def run(folder: Path, presets: list[str]) -> dict[str, Any]:
    """Load and separate, in this process."""
    begun = time.perf_counter()
    import transformers  # noqa: F401

    import soundsift.separation.separator

    imported = time.perf_counter()
    separator = soundsift.load(folder, device="cpu")
    loaded, memory = time.perf_counter(), _memory()
    mixture = np.random.default_rng(0).standard_normal(SECONDS * RATE).astype(np.float32) * 0.1
    seconds = {}
    for preset in presets:
        start = time.perf_counter()
        separator.separate(mixture, sample_rate=RATE, text="dog barking", preset=preset)
        seconds[preset] = time.perf_counter() - start
    return {
        "threads": torch.get_num_threads(),
        "import": imported - begun,
        "load": loaded - imported,
        "separate": seconds,
        "loaded": memory,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def write_model(size: str, folder: Path) -> None:
    """A converted model with random weights, and a text encoder beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    codec = DacVaeConfig()
    config = SeparatorConfig(
        name=f"sam-audio-{size}",
        codec=codec,
        text_encoder="t5-base",
        field=RELEASED[size],
        window_seconds=20,
        overlap_seconds=5,
    )
    save_file(_random(VelocityField, config.field, torch.bfloat16), folder / "model.safetensors")
    save_file(_random(DacVae, codec, torch.float32), folder / CODEC_WEIGHTS)
    _write_text_encoder(folder / TEXT_ENCODER)
    (folder / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))


def _random(kind: type[nn.Module], config: Any, dtype: torch.dtype) -> dict[str, Tensor]:
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in kind(config).state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, shape in shapes.items():
        if len(shape) < 2:
            weights[name] = torch.ones(shape)
        else:
            scale = shape[1:].numel() ** -0.5
            weights[name] = (torch.randn(shape, generator=generator) * scale).to(dtype)
    return weights


def _write_text_encoder(folder: Path) -> None:
    from transformers import T5Config, T5EncoderModel

    sizes = T5Config(d_model=768, d_ff=3072, num_layers=12, num_heads=12)
    T5EncoderModel(sizes).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({"</s>": 1, "dog": 3, "barking": 4}, unk_token="</s>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    words.save(str(folder / "tokenizer.json"))


if __name__ == "__main__":
    main()

"""A released model, as it is used against its plain float32 form: how long, and how much memory.

    python benchmarks/released.py small

Writes a converted model of the released size with random weights (bfloat16; the codec and T5 in
float32, as always), then separates ten seconds by text in one process per way:

- plain: the same networks as they are defined, in float32, as somebody would run them who tunes
  nothing;
- allocator: the same, once glibc keeps its memory;
- used: what `soundsift.load` makes of the model.

Ratios and errors are against the first way. A decoder is fed with what its own field made, so its
error is taken from a second of fixed latents. Two minutes for small, three for base; give the
machine nothing else to do meanwhile.
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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import yaml
from codec import random_codec
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformer import make_weights, peak_gigabytes, relative

import soundsift
from soundsift.allocator import keep_memory
from soundsift.checkpoints.hub import without_warnings
from soundsift.checkpoints.load import CODEC_WEIGHTS, TEXT_ENCODER
from soundsift.checkpoints.sam_audio import RELEASED
from soundsift.checkpoints.store import WEIGHTS, load_config, load_weights
from soundsift.checkpoints.t5 import T5TextEncoder
from soundsift.config import DacVaeConfig, SeparatorConfig
from soundsift.models.dac_vae import DacVae
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.presets import find_preset
from soundsift.sampling.solvers import solve
from soundsift.separation.separator import Separator

SECONDS, RATE, PHRASE, SEED = 10, 48_000, "dog barking", 0

WAYS = {
    "plain": "float32, nothing tuned",
    "allocator": "the same, memory kept by the allocator",
    "used": "what is used",
}
STAGES = {"encode": "encode", "field": "an evaluation", "decode": "decode two stems"}

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class Watch:
    """Times and first outputs of the parts of a separation."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)

    def on(self, stage: str, function: Function) -> Function:
        """The same function, watched."""

        def watched(*args: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            output = function(*args, **named)
            self.seconds.setdefault(stage, []).append(time.perf_counter() - begun)
            self.outputs.setdefault(stage, output)
            return output

        return watched  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", nargs="?", default="small", choices=RELEASED)
    parser.add_argument("--folder", type=Path, help="keep the model here, or use the one there")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument(
        "--short", action="store_true", help="reckon 32 evaluations, don't run them"
    )
    parser.add_argument("--seconds", type=int, default=SECONDS, help="length of the clip")
    parser.add_argument("--run", nargs=2, metavar=("WAY", "RESULTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        way, results = options.run
        run(way, options.folder, Path(results), options.seconds, options.short)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / options.size
        if not (folder / "config.yaml").is_file():
            write_model(options.size, folder)
        states = T5TextEncoder(folder / TEXT_ENCODER).encode(PHRASE)
        save_file({"states": states}, Path(temporary) / "text.safetensors")
        command = [sys.executable, __file__, "--folder", str(folder)]
        command += ["--seconds", str(options.seconds), *(["--short"] if options.short else [])]
        found, outputs = {}, {}
        for way in options.ways:
            results = Path(temporary) / way
            results.mkdir()
            subprocess.run([*command, "--run", way, str(results)], check=True)
            found[way] = json.loads((results / "numbers.json").read_text())
            outputs[way] = load_file(results / "outputs.safetensors")
    print(f"sam-audio-{options.size}, random weights, {options.seconds} s by text, ", end="")
    print(f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}\n")
    show(found, outputs)


def show(found: dict[str, dict[str, Any]], outputs: dict[str, dict[str, Tensor]]) -> None:
    names = [*STAGES.values(), "all, 8 evaluations", "all, 32", "peak memory"]
    print(f"| | {' | | '.join(names)} |")
    print("|---" + "|--:" * (2 * len(names) - 1) + "|")
    first = found[next(iter(found))]
    for way, numbers in found.items():
        cells = [WAYS[way]]
        for name in (*STAGES, "all 8", "all 32"):
            seconds = numbers[name]
            cells += [f"{seconds:.2f} s", f"{first[name] / seconds:.2f} x"]
        print(f"| {' | '.join(cells)} | {numbers['peak']:.2f} GB |")
    reference = outputs.pop(next(iter(outputs)))
    print("\nErrors against the first, relative (dB):\n")
    for way, own in outputs.items():
        errors = {name: relative(own[name], reference[name]) for name in reference}
        shown = (f"{name} {e:.1e} ({_decibels(e):.0f})" for name, e in errors.items())
        print(f"- {WAYS[way]}: {', '.join(shown)}")
    for way, numbers in found.items():
        phrase = f", the first phrase encoded in {numbers['phrase']:.1f} s" if way == "used" else ""
        print(f"- {WAYS[way]}: loaded in {numbers['load']:.1f} s{phrase}")
    print("\nAll: from wave to stems, the phrase known. Of the plain ways 32 is reckoned from 8.")


def _decibels(error: float) -> float:
    return math.inf if error == 0 else -20 * math.log10(error)


def run(way: str, folder: Path, results: Path, seconds: int, short: bool) -> None:
    """Load and separate, in this process."""
    mixture = np.random.default_rng(0).standard_normal(seconds * RATE).astype(np.float32) * 0.1
    if way == "allocator":
        keep_memory()
    if way == "used":
        numbers, outputs = used(folder, mixture, short)
    else:
        states = load_file(results.with_name("text.safetensors"))["states"]
        numbers, outputs = plain(folder, mixture, states)
    # For the plain ways minutes more, that say nothing more.
    numbers.setdefault("all 32", numbers["all 8"] + 24 * numbers["field"])
    numbers["peak"] = peak_gigabytes()
    stored = {name: tensor.contiguous() for name, tensor in outputs.items()}
    save_file(stored, results / "outputs.safetensors")
    (results / "numbers.json").write_text(json.dumps(numbers))


def used(
    folder: Path, mixture: np.ndarray, short: bool
) -> tuple[dict[str, float], dict[str, Tensor]]:
    numbers, watch = {}, Watch()
    begun = time.perf_counter()
    separator = soundsift.load(folder, device="cpu")
    numbers["load"] = time.perf_counter() - begun
    networks = separator.model
    begun = time.perf_counter()
    networks.text.encode_batch([PHRASE])
    numbers["phrase"] = time.perf_counter() - begun
    vae: DacVae = networks.codec.vae  # type: ignore[attr-defined]
    outputs = {"decode": vae.decode(_some_latents(vae.config))}
    vae.encode = watch.on("encode", vae.encode)  # type: ignore[method-assign]
    vae.decode = watch.on("decode", vae.decode)  # type: ignore[method-assign]
    watched = _Watched(networks.field, watch)
    separator = Separator(separator.config, replace(networks, field=watched))  # type: ignore[arg-type]
    for preset, evaluations in (("draft", 8), ("standard", 32))[: 1 if short else 2]:
        begun = time.perf_counter()
        stems = separator.separate(mixture, sample_rate=RATE, text=PHRASE, preset=preset, seed=SEED)
        numbers[f"all {evaluations}"] = time.perf_counter() - begun
        if preset == "draft":
            both = np.stack([stems.target[0], stems.residual[0]])
            outputs["all"] = torch.from_numpy(both)
            numbers |= {stage: statistics.median(watch.seconds[stage]) for stage in STAGES}
            # One after the other.
            numbers["decode"] = sum(watch.seconds["decode"])
    return numbers, outputs | {name: watch.outputs[name] for name in ("encode", "field")}


class _Watched:
    """A field whose evaluations are watched."""

    def __init__(self, inner: Any, watch: Watch) -> None:
        self._inner, self._call = inner, watch.on("field", inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, *args: Any) -> Tensor:
        output: Tensor = self._call(*args)
        return output


@torch.inference_mode()
def plain(
    folder: Path, mixture: np.ndarray, states: Tensor
) -> tuple[dict[str, float], dict[str, Tensor]]:
    numbers, watch = {}, Watch()
    begun = time.perf_counter()
    config = load_config(folder)
    assert isinstance(config.codec, DacVaeConfig)
    with torch.device("meta"):
        network, vae = VelocityField(config.field).eval(), DacVae(config.codec).eval()
    network.load_state_dict(load_weights(folder), assign=True)
    vae.load_state_dict(load_file(folder / CODEC_WEIGHTS), assign=True)
    numbers["load"] = time.perf_counter() - begun
    outputs = {"decode": vae.decode(_some_latents(config.codec))}
    begun = time.perf_counter()
    latents = watch.on("encode", vae.encode)(torch.from_numpy(mixture)[None, None])
    zeros = torch.zeros_like(latents)
    context = torch.cat([zeros, zeros, latents, latents], dim=-1)
    prompt = Conditioning(context, states[None])
    generator = torch.Generator().manual_seed(SEED)
    # As the separator draws it: in blocks of ten seconds.
    noise = torch.randn(1, 250, 2 * latents.shape[-1], generator=generator)[:, : latents.shape[1]]
    preset = find_preset("draft", config.prediction)
    call = watch.on("field", network)
    found = solve(lambda x, t: call(x, t, prompt), noise, preset.steps, preset.solver)
    stems = watch.on("decode", vae.decode)(torch.cat(found.chunk(2, dim=-1)))
    numbers["all 8"] = time.perf_counter() - begun
    numbers |= {stage: statistics.median(watch.seconds[stage]) for stage in STAGES}
    outputs["all"] = stems[:, 0]
    return numbers, outputs | {name: watch.outputs[name] for name in ("encode", "field")}


def _some_latents(config: DacVaeConfig) -> Tensor:
    """A second of them."""
    return torch.randn(1, 25, config.codebook_dim, generator=torch.Generator().manual_seed(1))


def write_model(size: str, folder: Path) -> None:
    """A converted model with random weights, and a text encoder beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = SeparatorConfig(
        name=f"sam-audio-{size}",
        codec=DacVaeConfig(),
        prediction="velocity",
        text_encoder="t5-base",
        field=RELEASED[size],
        window_seconds=20,
        overlap_seconds=5,
    )
    weights = make_weights(config.field, torch.bfloat16)
    # As `soundsift models convert` writes them.
    stored = {name: w if w.ndim > 1 else w.float() for name, w in weights.items()}
    save_file(stored, folder / WEIGHTS)
    save_file(random_codec(folded=True).state_dict(), folder / CODEC_WEIGHTS)
    _write_text_encoder(folder / TEXT_ENCODER)
    (folder / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))


def _write_text_encoder(folder: Path) -> None:
    with without_warnings():
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

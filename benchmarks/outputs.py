"""Hold the outputs of two versions of the package against each other, to the last bits.

    python benchmarks/outputs.py write before.npz [--released FOLDER]   # with the old version
    python benchmarks/outputs.py write after.npz [--released FOLDER]    # with the new one
    python benchmarks/outputs.py compare before.npz after.npz

Text, spans, several sounds, streams, other rates and channels, every way of windowing; with
`--released`, also a model in the released form (a small one with random weights will do).
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import soundsift
from soundsift.audio import read


def mixtures() -> dict[str, tuple[np.ndarray, int]]:
    """The bundled recording, and noise of several lengths, rates and channels."""
    generator = np.random.default_rng(0)
    farm = read(Path(soundsift.__file__).parent / "assets" / "farm.flac")

    def noise(channels: int, seconds: float, rate: int) -> tuple[np.ndarray, int]:
        shape = (channels, round(seconds * rate))
        return (0.1 * generator.normal(size=shape)).astype(np.float32), rate

    return {
        "farm": (farm.samples, farm.sample_rate),
        "short": noise(1, 0.3, 48_000),
        "mono": noise(1, 4.1, 16_000),
        "stereo": noise(2, 25.0, 44_100),
        "six": noise(6, 3.0, 48_000),
    }


def outputs(released: Path | None) -> dict[str, np.ndarray]:
    """Every output by a name that says how it was made."""
    torch.manual_seed(0)
    found: dict[str, np.ndarray] = {}
    models = {"default": soundsift.load(device="cpu", precision="float32")}
    if released is not None:
        models["released"] = soundsift.load(released, device="cpu", precision="float32")
    sounds = mixtures()
    for name, model in models.items():
        windowing = "windowing"
        if windowing not in inspect.signature(_options_of(model)).parameters:
            windowing = "joining"

        def ask(key: str, sound: str, model: Any = model, name: str = name, **words: Any) -> None:
            samples, rate = sounds[sound]
            result = model.separate(samples, sample_rate=rate, preset="draft", **words)
            found[f"{name}/{key}"] = np.stack([result.target, result.residual])

        for sound in sounds:
            ask(f"text {sound}", sound, text="cow mooing")
        ask("spans farm", "farm", spans=[(0.5, 1.5)], not_spans=[(2.0, 2.5)])
        ask("both farm", "farm", text="a woman speaking", spans=["0.2-0.9"])
        ask("both stereo", "stereo", text="dog barking", spans=[(2.0, 3.0)])
        ask("consistent", "mono", text="dog", consistent=True)
        ask("window", "stereo", text="dog", window=6.0, overlap=2.0)
        for way in ("chunks", "one-shot"):
            ask(way, "stereo", text="dog", **{windowing: way})
        samples, rate = sounds["farm"]
        words = {"sample_rate": rate, "preset": "draft"}
        for exclusive in (False, True):
            many = model.separate_many(samples, ["cow", "music"], exclusive=exclusive, **words)
            found[f"{name}/several {exclusive}"] = np.stack([one.target for one in many])
        samples, rate = sounds["mono"]
        blocks = iter(np.split(samples, range(800, samples.shape[1], 800), axis=1))
        stream = model.stream(blocks, sample_rate=rate, text="dog", preset="draft")
        found[f"{name}/stream"] = np.concatenate(list(stream), axis=1)
    return found


def _options_of(model: Any) -> Callable[..., Any]:
    from soundsift.separation import options

    del model
    return options.Options


def compare(before: Path, after: Path) -> float:
    """Print the largest difference of every output, and return the largest of all."""
    old, new = np.load(before), np.load(after)
    worst = 0.0
    for key in sorted({*old.files, *new.files}):
        if key not in old.files or key not in new.files or old[key].shape != new[key].shape:
            print(f"{key:40} differs in shape or is missing")
            worst = float("inf")
            continue
        difference = float(np.abs(old[key] - new[key]).max(initial=0.0))
        worst = max(worst, difference)
        print(f"{key:40} {difference:.1e}")
    return worst


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("write", "compare"))
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--released", type=Path)
    given = parser.parse_args()
    if given.command == "write":
        np.savez(given.files[0], **outputs(given.released))
    elif compare(*given.files) > 1e-6:
        raise SystemExit("The outputs differ by more than 1e-6.")


if __name__ == "__main__":
    main()

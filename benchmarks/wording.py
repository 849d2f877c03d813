"""How much the wording of a prompt matters, and how several sounds make one target.

    python benchmarks/wording.py BANK ways    # 60 ways to say ten sounds
    python benchmarks/wording.py BANK unions  # two of three sounds in one prompt

Held-out clips, scenes of the suite `familiar`. Sounds on which the canonical phrase fails say
nothing about wording: scenes in which it gains less than 3 dB are passed over. Figures are in
docs/wording.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import torch

import soundsift
from soundsift.config import SAMPLE_RATE
from soundsift.evaluation.metrics import sdr, si_sdr
from soundsift.evaluation.scenes import Benchmark
from soundsift.phrases import Phrases

#: Concept, with an article, in the plural, as a sentence.
SOUNDS = (
    ("dog barking", "a dog barking", "dogs barking", "a dog is barking"),
    ("cow mooing", "a cow mooing", "cows mooing", "a cow is mooing"),
    ("woman speaking", "a woman speaking", "women speaking", "a woman is speaking"),
    ("violin", "a violin", "violins", "a violin is playing"),
    ("piano", "a piano", "pianos", "a piano is playing"),
    ("church organ", "a church organ", "church organs", "a church organ is playing"),
    ("glass breaking", "a glass breaking", "glasses breaking", "a glass is breaking"),
    ("phone ringtone", "a phone ringtone", "phone ringtones", "a phone ringtone is playing"),
    ("fire crackling", "a fire crackling", "fires crackling", "a fire is crackling"),
    ("bass drum", "a bass drum", "bass drums", "a bass drum is playing"),
)
_FORMS = ("{x}", "{a}", "{p}", "the {x}", "the {p}", "some {p}", "that {x}")
_FRAMES = (
    "please remove {}",
    "isolate {}",
    "I want to hear only {}.",
    "I can hear {}",
    "the sound of {}",
    "Can you extract {}, please?",
    "{} in the recording",
)


def ways(sound: tuple[str, str, str, str]) -> list[str]:
    """60 ways to say a sound: articles, plurals, capitals, punctuation, sentences."""
    x, a, p, sentence = sound
    forms = [form.format(x=x, a=a, p=p) for form in _FORMS]
    said = [*forms, sentence, sentence.capitalize() + "."]
    said += [f(form) for f in (str.upper, str.title, str.capitalize) for form in forms[:5]]
    said += [form + mark for form in forms[:3] for mark in ("!", "?", "...", ",")]
    said += [f'"{x}"', f"'{x}'", f"“{a}”", f"({x})", f"  {x}  ", f"{x} please", f"all the {p}"]
    said += [frame.format(form) for frame in _FRAMES for form in (forms[0], forms[1], forms[3])]
    unique = list(dict.fromkeys(said))
    assert len(unique) >= 60, len(unique)
    return unique[:60]


@contextmanager
def as_typed() -> Iterator[None]:
    """Prompts in lower case and nothing else done to them, as before `soundsift.phrases`."""
    with mock.patch("soundsift.prompts.read_phrases", lambda text: Phrases((text,))):
        yield


def measure_ways(bank: Path, scenes: int) -> None:
    separator, benchmark = soundsift.load(), Benchmark(bank, "familiar")
    spread: dict[str, list[float]] = {"as typed": [], "read": []}
    for sound in SOUNDS:
        found = 0
        for number in range(20):
            scene = benchmark.scene_of(sound[0], number)
            reference, mixture = scene.scene.stems[0], scene.mixture[0]

            def levels(texts: list[str], mixture: np.ndarray = scene.mixture) -> list[float]:
                results = separator.separate_many(mixture, texts, sample_rate=SAMPLE_RATE)
                return [result.target_level_db for result in results]

            (alone,) = separator.separate_many(scene.mixture, [sound[0]], sample_rate=SAMPLE_RATE)
            gain = si_sdr(alone.target[0], reference) - si_sdr(mixture, reference)
            if gain < 3:
                continue
            found += 1
            said = ways(sound)
            read = np.array(levels(said))
            with as_typed():
                typed = np.array(levels(said))
            for name, values in (("as typed", typed), ("read", read)):
                off = values - np.median(values)
                spread[name] += [float(value) for value in off]
                worst = sorted(zip(np.abs(off), said, values, strict=True), reverse=True)[:3]
                share = np.mean(np.abs(off) <= 3)
                print(f"{sound[0]} {number} {name}: {share:.0%}", worst, flush=True)
            if found == scenes:
                break
    for name, values in spread.items():
        share = float(np.mean(np.abs(values) <= 3))
        print(json.dumps({"prompts": name, "ways": len(values), "within 3 dB": round(share, 3)}))


def measure_unions(bank: Path, scenes: int) -> None:
    separator, benchmark = soundsift.load(), Benchmark(bank, "familiar")
    rules: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "sum, at most 1": lambda part: part.sum(dim=0).clamp(max=1.0),
        "largest": lambda part: part.amax(dim=0),
        "1 - product of (1 - mask)": lambda part: 1 - (1 - part).prod(dim=0),
    }
    rows: dict[str, list[tuple[float, float]]] = {}
    numbers = [number for number in range(240) if number // 4 % 2 == 1][:scenes]
    for number in numbers:
        scene = benchmark.scene(number)
        first, second = scene.text, scene.other
        reference, mixture = scene.scene.stems[:2].sum(axis=0), scene.mixture[0]

        def separated(text: str, mixture: np.ndarray = mixture) -> np.ndarray:
            return separator.separate(mixture, sample_rate=SAMPLE_RATE, text=text).target[0]

        targets: dict[str, np.ndarray] = {}
        for name, rule in rules.items():
            with mock.patch(
                "soundsift.models.mel_codec.united",
                lambda shares, sizes, rule=rule: rule(shares)[None] if sizes else shares,
            ):
                targets[f"two phrases, {name}"] = separated(f"{first}, {second}")
        with as_typed():
            for joint in (" and ", ", "):
                targets[f"one phrase, joined by {joint!r}"] = separated(first + joint + second)
        for name, target in targets.items():
            gains = (
                si_sdr(target, reference) - si_sdr(mixture, reference),
                sdr(target, reference) - sdr(mixture, reference),
            )
            rows.setdefault(name, []).append(gains)
        print(number, first, "+", second, flush=True)
    for name, gains in rows.items():
        mean = np.mean(gains, axis=0)
        error = np.std(gains, axis=0) / np.sqrt(len(gains))
        print(
            f"{name}: SI-SDRi {mean[0]:.2f} ({error[0]:.2f}), SDRi {mean[1]:.2f} ({error[1]:.2f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("what", choices=("ways", "unions"))
    parser.add_argument("--scenes", type=int, default=2)
    arguments = parser.parse_args()
    measure = {"ways": measure_ways, "unions": measure_unions}[arguments.what]
    measure(arguments.bank, arguments.scenes)


if __name__ == "__main__":
    main()

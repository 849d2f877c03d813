"""Write the clips of one split of a sound bank as a folder of classes, for `--suite pairs`.

    python benchmarks/classes.py BANK OUT [--split stranger-test]

Every concept with at least two clips of a second or more becomes a subfolder with up to ten WAV
files of at most five seconds: clips of different sources take turns, in the order of the manifest.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import soundfile

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip

_SHORTEST, _LONGEST, _MOST = 1.0, 5.0, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", default="stranger-test")
    given = parser.parse_args()
    bank = Bank(given.bank, (given.split,))
    concepts: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    for clip in bank.clips:
        if clip.seconds >= _SHORTEST:
            concepts[clip.concept][clip.source].append(clip)
    for concept, sources in sorted(concepts.items()):
        turns = [
            clips[turn]
            for turn in range(max(map(len, sources.values())))
            for _, clips in sorted(sources.items())
            if turn < len(clips)
        ]
        if len(turns) < 2:
            continue
        folder = given.out / concept
        folder.mkdir(parents=True, exist_ok=True)
        for number, clip in enumerate(turns[:_MOST]):
            wave = bank.audio(clip, most=round(_LONGEST * SAMPLE_RATE))
            soundfile.write(folder / f"{number:02d}.wav", wave, SAMPLE_RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()

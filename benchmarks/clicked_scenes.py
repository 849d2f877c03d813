"""What the default model makes of a click: improvement, and whether the output follows the click.

    python benchmarks/clicked_scenes.py BANK STAMPS [--first 0] [--scenes 12] [--split test]
        [--kinds KIND ...]

STAMPS is the folder of pictures of Debian's tuxpaint-stamps-default. Each scene has two objects
(`soundsift.evaluation.clicked_scenes`), of two kinds or of one. Printed are the means of SI-SDR
improvement in dB and the share of scenes in which the output is nearer to the clicked object's
sound than to the other's, by click, by text, and by both. Concepts with fewer than two clips in the
split are left out.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

import soundsift
from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank
from soundsift.errors import SoundsiftError
from soundsift.evaluation.click_clips import read_objects
from soundsift.evaluation.clicked_scenes import KINDS, make_scene, write_scene
from soundsift.evaluation.metrics import si_sdr
from soundsift.segmentation import follow_object
from soundsift.video import VisualPrompt

#: Pictures by what they sound like.
PICTURES = {
    "acoustic guitar": ["hobbies/music/string/guitar_classical", "hobbies/music/string/guitar2"],
    "bassoon": ["hobbies/music/wind/bassoon"],
    "cello": ["hobbies/music/string/cello"],
    "chicken clucking": ["animals/birds/hen", "animals/birds/chicken_profile"],
    "cow mooing": ["animals/mammals/bovines/cow", "animals/mammals/bovines/cow_white"],
    "dog barking": ["animals/mammals/dogs/dog"],
    "duck quacking": ["animals/birds/duck", "animals/birds/drake"],
    "electric guitar": ["hobbies/music/string/guitar_electric"],
    "frogs croaking": ["animals/amphibians/frog", "animals/amphibians/frog-1"],
    "hammering": ["household/tools/hammer"],
    "horse neighing": ["animals/mammals/equines/horse"],
    "pig grunting": ["animals/mammals/pig", "animals/mammals/pig_golden"],
    "sheep bleating": ["animals/mammals/bovines/sheep"],
    "trumpet": ["hobbies/music/brass/trumpet"],
    "violin": ["hobbies/music/string/violin"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("stamps", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--split", default="test")
    parser.add_argument("--kinds", nargs="*", choices=KINDS[:3], default=["two kinds", "one kind"])
    given = parser.parse_args()
    bank = Bank(given.bank, (given.split,))
    objects = {
        text: [read_objects(given.stamps, 20, f"{name}.png", (0.02, 0.99))[0] for name in names]
        for text, names in PICTURES.items()
    }
    counts = Counter(clip.concept for clip in bank.clips if clip.seconds >= 0.25)
    objects = {text: seen for text, seen in objects.items() if counts[text] >= 2}
    separator = soundsift.load(device="cpu")
    scores: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.first, given.first + given.scenes):
            for kind in given.kinds:
                scene = make_scene(number, kind, objects, bank)
                video = write_scene(scene, Path(folder) / "scene.mp4")
                track = follow_object(video, [scene.point])
                seen = VisualPrompt(masks=np.stack(list(track.masks())), video=video)
                mixture = scene.waves.sum(0)
                ways = {"click": (None, seen), "text": (scene.texts[0], None)}
                ways["both"] = scene.texts[0], seen
                for way, (text, visual) in ways.items():
                    name = ""
                    try:
                        result = separator.separate(
                            mixture, sample_rate=SAMPLE_RATE, text=text, visual=visual, judge=False
                        )
                    except SoundsiftError as error:
                        target = mixture  # nothing is separated
                        name = f"refused: {error}"
                    else:
                        target = result.target[0]
                        name = str(result.settings.get("seen", ""))
                    own, other = (si_sdr(target, wave) for wave in scene.waves)
                    gain = float(own - si_sdr(mixture, scene.waves[0]))
                    scores[kind, way].append((gain, bool(own > other)))
                    texts = " / ".join(scene.texts)
                    print(f"{number:2} {kind:9} {way:5} {gain:6.2f} {own > other} {texts} {name}")
    for (kind, way), found in sorted(scores.items()):
        gains = np.array([gain for gain, _ in found])
        follows = np.mean([right for _, right in found])
        error = gains.std(ddof=1) / np.sqrt(len(gains))
        print(f"{kind:9} {way:5} {gains.mean():5.2f} dB (SE {error:.2f}), follows {follows:.0%}")


if __name__ == "__main__":
    main()

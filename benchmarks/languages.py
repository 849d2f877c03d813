"""What prompts in five languages lose against English, on stranger-validation scenes.

    python benchmarks/languages.py BANK

The prompts were written as a speaker might say them, without regard to the lexicons. Each is
separated as it is read, and as typed (which shows what the lexicon is for). Figures are in
docs/languages.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import soundsift
from soundsift.config import SAMPLE_RATE
from soundsift.evaluation.metrics import si_sdr
from soundsift.evaluation.scenes import Benchmark
from soundsift.prompts import Prompt

LANGUAGES = ("de", "es", "ru", "zh", "ja")
#: Per English caption, in the order of `LANGUAGES`.
PROMPTS = {
    "background music": ("leise Musik im Hintergrund", "la música de fondo", "музыка на фоне",
                         "背景音乐", "後ろで流れている音楽"),
    "banjo": ("ein Banjo", "un banjo", "игра на банджо", "班卓琴", "バンジョーの演奏"),
    "chick cheeping": ("piepsende Küken", "pollitos piando", "писк цыплят", "小鸡叽叽叫",
                       "ひよこがピヨピヨ鳴く声"),
    "electric piano": ("E-Piano", "piano eléctrico", "электрическое пианино", "电钢琴的声音",
                       "エレクトリックピアノ"),
    "fire crackling": ("knisterndes Lagerfeuer", "el crepitar de una hoguera",
                       "потрескивание костра", "篝火燃烧的声音", "焚き火のパチパチという音"),
    "folk music": ("Volksmusik", "música folclórica", "народная музыка", "民间音乐", "民族音楽"),
    "helicopter": ("ein fliegender Hubschrauber", "un helicóptero volando", "летящий вертолёт",
                   "直升机", "ヘリコプターの音"),
    "hi-hat": ("die Hi-Hat", "el charles de la batería", "хай-хэт", "踩镲", "ハイハット"),
    "horse snorting": ("schnaubendes Pferd", "caballo resoplando", "фырканье лошади", "马打响鼻",
                       "馬が鼻を鳴らす音"),
    "ice breaking": ("brechendes Eis", "hielo rompiéndose", "треск льда", "冰破裂的声音",
                     "氷が割れる音"),
    "man speaking": ("ein Mann spricht", "un hombre que habla", "мужчина разговаривает",
                     "一个男人在说话", "男の人が話している声"),
    "military march": ("ein Militärmarsch", "una marcha militar", "военный марш", "军队进行曲",
                       "軍隊の行進曲"),
    "person speaking": ("jemand spricht", "alguien hablando", "кто-то говорит", "有人在说话",
                        "誰かが話している"),
    "piano": ("Klavier", "el piano", "фортепиано", "钢琴", "ピアノ"),
    "propeller aircraft engine": ("Motor eines Propellerflugzeugs", "motor de avión de hélice",
                                  "двигатель винтового самолёта", "螺旋桨飞机的引擎",
                                  "プロペラ機のエンジン音"),
    "ride cymbal": ("das Ridebecken", "el platillo ride", "тарелка райд", "叮叮镲",
                    "ライドシンバル"),
    "sheep bleating": ("ein blökendes Schaf", "una oveja balando", "блеяние овцы", "羊叫声",
                       "羊の鳴き声"),
    "tom drum": ("die Tomtoms", "los timbales de la batería", "том-том", "通鼓", "タムドラム"),
    "tuba": ("eine Tuba", "la tuba", "туба", "大号", "チューバ"),
    "water dripping": ("tropfendes Wasser", "agua que gotea", "капающая вода", "滴水的声音",
                       "水滴の音"),
    "whoosh": ("ein Zischen durch die Luft", "un zumbido rápido", "свист воздуха", "嗖的一声",
               "シュッという音"),
    "zombie groaning": ("stöhnender Zombie", "un zombi gimiendo", "стон зомби", "僵尸的呻吟",
                        "ゾンビのうめき声"),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("--scenes", type=int, default=40)
    arguments = parser.parse_args()
    separator, benchmark = soundsift.load(), Benchmark(arguments.bank, "stranger-validation")
    gains: dict[str, list[float]] = {}
    english = set()
    for number in range(arguments.scenes):
        scene = benchmark.scene(number)
        reference, mixture = scene.scene.stems[0], scene.mixture
        said = {"en": Prompt(scene.text, language="en")}
        for code, typed in zip(LANGUAGES, PROMPTS[scene.text], strict=True):
            said[code] = Prompt(typed)
            said[f"{code} as typed"] = Prompt(typed, language="en")
        unique = list(dict.fromkeys(said.values()))
        results = separator.separate_many(mixture, unique, sample_rate=SAMPLE_RATE)
        gained = {
            prompt: float(si_sdr(result.target[0], reference) - si_sdr(mixture[0], reference))
            for prompt, result in zip(unique, results, strict=True)
        }
        for name, prompt in said.items():
            gains.setdefault(name, []).append(gained[prompt])
        english.add((scene.text, *(said[code].text for code in LANGUAGES)))
        print(
            number, scene.text, {name: round(gained[p], 1) for name, p in said.items()}, flush=True
        )
    for row in sorted(english):
        print(json.dumps(row, ensure_ascii=False))
    for name, values in gains.items():
        lost = np.array(values) - np.array(gains["en"])
        error = lost.std(ddof=1) / np.sqrt(len(lost))
        print(f"{name}: {np.mean(values):.2f}, against English {lost.mean():+.2f} ({error:.2f})")


if __name__ == "__main__":
    main()

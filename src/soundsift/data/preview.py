"""Example scenes as sound and pictures, for people to hear what a model is trained on."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from soundsift.audio import write
from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank
from soundsift.data.scene import Query, Scene
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator
from soundsift.errors import SoundsiftError
from soundsift.plots import spectrogram_picture

_RECORD = "scene.json"


def write_previews(
    bank: Path,
    out: Path,
    count: int,
    *,
    seconds: float = 8.0,
    split: str = "train",
    seed: int = 0,
    law: SceneConfig | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write scenes `out/scene-000`, `out/scene-001` and so on, each a folder, whole or not at all.

    Args:
        bank: folder of the sound bank.
        out: folder for the scenes, made if missing.
        count: how many.
        seconds: length of each.
        split: which clips to draw from.
        seed: other seeds give other scenes.
        law: how scenes are drawn, if not by the default law.
        overwrite: replace scenes that exist already.

    Returns:
        The scenes' folders.

    Raises:
        SoundsiftError: the bank has no clips of that split, or a folder exists already.
    """
    folders = [out / f"scene-{number:03d}" for number in range(count)]
    for folder in folders:
        _check_free(folder, overwrite)
    clips = Bank(bank, (split,))
    if not clips.clips:
        raise SoundsiftError(
            f"{bank} has no clips in its split {split!r}. Build it with `soundsift data build`."
        )
    generator = SceneGenerator(clips, law or SceneConfig(), seed)
    for number, folder in enumerate(folders):
        rng = generator.rng(number)
        scene = generator.scene(rng, seconds)
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            write_scene(partial, scene, generator.query(scene, rng))
            if folder.exists():
                shutil.rmtree(folder)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folders


def write_scene(folder: Path, scene: Scene, query: Query) -> None:
    """Write one scene: the mixture, a file per stem, what was asked, and a picture.

    Args:
        folder: made if missing.
        scene: the scene.
        query: the question about it; its answer is the picture's target.
    """
    stems = scene.stems
    mixture, target = stems.sum(axis=0), query.target(stems)
    names = [_stem_name(i, source.clip.concept) for i, source in enumerate(scene.sources)]
    # Floats: nothing clips, and the stems add up to the mixture.
    write(folder / "mixture.wav", mixture[None], SAMPLE_RATE, "f32")
    for name, stem in zip(names, stems, strict=True):
        write(folder / name, stem[None], SAMPLE_RATE, "f32")
    spectrogram_picture(
        folder / "picture.png",
        mixture[None],
        target[None],
        (mixture - target)[None],
        SAMPLE_RATE,
        query.spans,
        query.text or "",
    )
    record = _record(scene, query, names)
    (folder / _RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _record(scene: Scene, query: Query, names: list[str]) -> dict[str, Any]:
    sources = [
        {
            "stem": name,
            "caption": source.clip.concept,
            "captions": source.clip.captions,
            "groups": source.clip.groups,
            "kind": source.clip.kind,
            "source": source.clip.source,
            "path": source.clip.path,
            "licence": source.clip.licence,
        }
        for name, source in zip(names, scene.sources, strict=True)
    ]
    asked = {
        "text": query.text,
        "spans": [asdict(span) for span in query.spans],
        "answer": [names[i] for i in query.targets],
    }
    return {"sample_rate": SAMPLE_RATE, "query": asked, "sources": sources}


def _stem_name(index: int, concept: str) -> str:
    return f"stem-{index + 1}-{re.sub('[^a-z0-9]+', '-', concept.lower()).strip('-')}.wav"


def _check_free(folder: Path, overwrite: bool) -> None:
    if not folder.exists():
        return
    # Replacing a folder deletes it: never one that isn't ours.
    if not (folder / _RECORD).is_file():
        raise SoundsiftError(f"{folder} exists already and is no preview; choose another folder.")
    if not overwrite:
        raise SoundsiftError(
            f"{folder} exists already; choose another place or allow overwriting (--overwrite)."
        )

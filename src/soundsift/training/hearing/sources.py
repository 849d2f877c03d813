"""Rendered sources: band energies of single sounds, which scenes are mixed from without waves.

Energies of independent sounds add up, so a mixture's bands are the sum of its sources' bands. A
source is rendered once, with its effects, and serves in hundreds of scenes.

Shapes: N sources, S moments (50 a second), T latent frames.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from soundsift.config import MelCodecConfig
from soundsift.data.bank import Bank, Clip
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator
from soundsift.models.mel_codec import MelCodec

#: A frame this far below the source's loudest one is silent.
_SILENCE_DECADES = 4.0
#: log10 of the least energy that is kept.
_LEAST = -12.0
_SHARE_OF_NOISE = 0.03


@dataclass(frozen=True)
class RenderedSources:
    """Sources on disk.

    Attributes:
        energies: `(N, S, bands)`, log10 of energy, float16, mapped from disk.
        clips: the clip that each begins with; None for synthetic noise.
    """

    energies: NDArray[np.float16]
    clips: list[Clip | None]


def render_sources(
    folder: Path, bank: Bank, law: SceneConfig, count: int, seconds: float, seed: int
) -> RenderedSources:
    """Render sources, or go on with rendering where it was stopped.

    Args:
        folder: where they are kept.
        bank: the clips to draw from.
        law: probabilities of effects.
        count: N.
        seconds: length of a source.
        seed: decides source number i together with i.
    """
    folder.mkdir(parents=True, exist_ok=True)
    codec_config = MelCodecConfig()
    moments = round(seconds * codec_config.frame_rate) * codec_config.detail_subframes
    row = moments * codec_config.detail_bands
    listing, file = folder / "sources.jsonl", folder / "energies.f16"
    done = listing.read_text().splitlines() if listing.exists() else []
    done = done[: file.stat().st_size // (2 * row)] if file.exists() else []
    index = {(clip.shard, clip.offset): clip for clip in bank.clips}
    if len(done) < count:
        listing.write_text("".join(f"{line}\n" for line in done))
        with file.open("r+b" if file.exists() else "wb") as energies, listing.open("a") as lines:
            energies.truncate(len(done) * row * 2)
            energies.seek(0, 2)
            generator = SceneGenerator(bank, law, seed)
            numbers = range(len(done), count)
            rendered = _render(generator, numbers, seconds)
            for clip, values in tqdm(rendered, initial=len(done), total=count, desc="rendering"):
                energies.write(values.astype(np.float16).tobytes())
                energies.flush()
                key = None if clip is None else [clip.shard, clip.offset]
                lines.write(json.dumps(key) + "\n")
                lines.flush()
        done = listing.read_text().splitlines()
    keys = [json.loads(line) for line in done[:count]]
    shape = (len(keys), moments, codec_config.detail_bands)
    return RenderedSources(
        np.memmap(file, np.float16, "r", shape=shape),
        [None if key is None else index[key[0], key[1]] for key in keys],
    )


def _render(
    generator: SceneGenerator, numbers: range, seconds: float
) -> Iterator[tuple[Clip | None, NDArray[np.float32]]]:
    codec = MelCodec(MelCodecConfig())
    for number in numbers:
        rng = generator.rng(number)
        if rng.random() < _SHARE_OF_NOISE:
            source = generator.noise(rng, seconds)
        else:
            source = generator.single(rng, seconds)
        energy = codec.detail_energy(torch.from_numpy(source.wave)).T.numpy()
        clip = source.clip if source.named else None
        yield clip, np.log10(np.maximum(energy, 10.0**_LEAST))


def audible_frames(energies: NDArray[np.float32], subframes: int) -> NDArray[np.float32]:
    """Energy of every latent frame `(T,)`, 0 where the source is silent.

    Args:
        energies: `(S, bands)`.
        subframes: moments of a frame.
    """
    frames: NDArray[np.float32] = energies.sum(axis=1).reshape(-1, subframes).sum(axis=1)
    loud = float(frames.max(initial=0.0))
    return np.where(frames > loud * 10.0**-_SILENCE_DECADES, frames, 0.0).astype(np.float32)

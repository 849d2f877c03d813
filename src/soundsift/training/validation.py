"""Validation on fixed scenes: improvement by one evaluation without noise, by kind of prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank
from soundsift.data.example_prompts import SPARE_SECONDS, query_by_example, with_transients
from soundsift.data.scene import Query
from soundsift.data.scenes import SceneGenerator
from soundsift.data.spans import active_spans
from soundsift.evaluation.scenes import SUITES, confusable
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.sampling.flow import interpolate
from soundsift.spans import OPEN, Span
from soundsift.training.answers import AUDIBLE, encode_queries
from soundsift.training.batches import Batch
from soundsift.training.config import TrainingConfig
from soundsift.training.losses import mask_level_db, mask_sdr_db, mask_si_sdr_db

T = TypeVar("T")

#: A query: name of its figure, kind of its target, phrase, and its tensors.
_Row = tuple[str, str, str | None, dict[str, Tensor]]

_SECONDS = 6.0
_AT_A_TIME = 16
#: Scenes with an example prompt are numbered from here on, apart from the others.
_FIRST_WITH_EXAMPLE = 1_000_000
#: A level within so many dB of the target's counts as right.
_LEVEL_DB = 3.0


class Validation:
    """Asks every scene for a source by text, by spans and by both, and for an absent sound.

    Scenes of familiar sources (split "validation") follow the run's law. If the bank has strangers
    (split "stranger-validation"), as many scenes of them follow the benchmark's law; names of their
    figures begin with `stranger/`. Models that know example prompts are also asked by one, in other
    familiar scenes: `example` if the sound is heard in the window, `example/absent` if not. A bank
    without familiar clips has strangers' figures alone.

    Args:
        config: the run.
        codec: the run's codec.
        text: encoder of the phrases.
    """

    def __init__(self, config: TrainingConfig, codec: MelCodec, text: TextEncoder) -> None:
        self.codec, self.text = codec, text
        counts = {"source_counts": (0.0, 0.6, 0.4)}
        law = config.scenes.model_copy(
            update=counts | {"drop_text": 0.0, "absent": 0.0, "group": 0.0}
        )
        self.rows: list[_Row] = []
        familiar = Bank(config.bank, ("validation",))
        if familiar.clips:
            trained = {clip.concept for clip in Bank(config.bank, ("train",)).clips}
            generator = SceneGenerator(familiar, law, seed=1)
            self.rows += _prompts(config.validation_scenes, generator, codec, "", trained)
        strangers = Bank(config.bank, ("stranger-validation",))
        if strangers.clips:
            stranger_law = SUITES["stranger-validation"].law.model_copy(update=counts)
            generator_of_strangers = SceneGenerator(strangers, stranger_law, seed=1)
            self.rows += _prompts(
                config.validation_scenes, generator_of_strangers, codec, "stranger/"
            )
        if familiar.clips and config.model.field.anchor_count > OPEN:
            self.rows += _by_example(config.validation_scenes, generator, codec)

    def run(self, field: VelocityField) -> dict[str, float]:
        """The figures of `each` as means over scenes."""
        return {name: float(np.mean(values)) for name, values in self.each(field).items()}

    def each(self, field: VelocityField) -> dict[str, list[float]]:
        """Figures of every scene, in the same order for every field.

        Returns:
            Improvement of SI-SDR in dB as `text`, `span`, `both`, and `text/KIND` per kind of
            target; attenuation in dB as `absent`; `text/sdr`, the improvement of SDR by text, and
            `text/level`, the share of outputs by text within 3 dB of the target's level.
        """
        found: dict[str, list[float]] = {}
        field.eval()
        device = next(field.parameters()).device
        with torch.no_grad():
            for start in range(0, len(self.rows), _AT_A_TIME):
                part = self.rows[start : start + _AT_A_TIME]
                joined = {k: torch.cat([row[3][k] for row in part]) for k in part[0][3]}
                batch = Batch(
                    phrases=[row[2] for row in part],
                    time=torch.zeros(len(part)),
                    noise=torch.zeros_like(joined["latents"]),
                    share=1.0,
                    **joined,
                ).to(device)
                mask = self.codec.cell_mask(predict(field, batch, self.text).float())
                everything = torch.ones_like(mask)
                sdr = mask_sdr_db(mask, batch)
                si_sdr = mask_si_sdr_db(mask, batch) - mask_si_sdr_db(everything, batch)
                gains = torch.where(batch.present, si_sdr, sdr).tolist()
                sdr_gains = (sdr - mask_sdr_db(everything, batch)).tolist()
                near = (mask_level_db(mask, batch).abs() <= _LEVEL_DB).float().tolist()
                for i, (name, kind, _, _) in enumerate(part):
                    found.setdefault(name, []).append(gains[i])
                    if name.endswith("text"):
                        found.setdefault(f"{name}/{kind}", []).append(gains[i])
                        found.setdefault(f"{name}/sdr", []).append(sdr_gains[i])
                        found.setdefault(f"{name}/level", []).append(near[i])
        field.train()
        return found


def _prompts(
    scenes: int,
    generator: SceneGenerator,
    codec: MelCodec,
    prefix: str,
    concepts: set[str] | None = None,
) -> list[_Row]:
    """Four prompts about the first source of each of so many scenes."""
    law = generator.config.model_copy(update={"absent": 1.0})
    absent = SceneGenerator(generator.bank, law, seed=1)
    rows: list[_Row] = []
    number = 0
    while len(rows) < 4 * scenes:
        rng = generator.rng(number)
        number += 1
        scene = generator.scene(rng, _SECONDS)
        clip = scene.sources[0].clip
        if len(scene.named) < 2 or (concepts is not None and clip.concept not in concepts):
            continue
        if any(confusable(clip, source.clip) for source in scene.sources[1:]):
            continue
        phrase = clip.captions[int(rng.integers(min(2, len(clip.captions))))]
        wave = scene.sources[0].wave
        spans = tuple(Span(a, b) for a, b in active_spans(wave, SAMPLE_RATE) if b > a)
        queries = [
            Query(phrase, (), (0,)),
            Query(None, spans, (0,)),
            Query(phrase, spans, (0,)),
            replace(absent.query(scene, rng), spans=()),
        ]
        tensors = encode_queries(codec, scene, queries)
        for i, name in enumerate(("text", "span", "both", "absent")):
            row = {key: value[i : i + 1] for key, value in tensors.items()}
            rows.append((prefix + name, clip.kind, queries[i].text, row))
    return rows


def _by_example(scenes: int, generator: SceneGenerator, codec: MelCodec) -> list[_Row]:
    """One query by an example prompt, without text, about each of so many scenes."""
    rows: list[_Row] = []
    number = _FIRST_WITH_EXAMPLE
    while len(rows) < scenes:
        rng = generator.rng(number)
        number += 1
        drawn = generator.draw(rng, _SECONDS + SPARE_SECONDS)
        drawn = with_transients(drawn, generator.config.p_transient, rng)
        scene = generator.rendered(drawn)
        query = query_by_example(scene, round(_SECONDS * codec.config.frame_rate), rng)
        if len(scene.named) >= 2 and query.example:
            tensors = encode_queries(codec, scene, [replace(query, text=None)])
            # Figures are about the window alone.
            tensors["example_energy"] = torch.zeros(1)
            tensors["present"] = tensors["target_energy"] > AUDIBLE
            name = "example" if bool(tensors["present"]) else "example/absent"
            rows.append((name, scene.sources[0].clip.kind, None, tensors))
    return rows


def predict(
    model: Callable[[Tensor, Tensor, Conditioning], T], batch: Batch, text: TextEncoder
) -> T:
    """A model's output for a batch at its times, in bfloat16 where that is exact enough.

    Args:
        model: a `VelocityField` or `TaggedField`, possibly wrapped for several processes.
        batch: queries with times and noise.
        text: encoder of the phrases.
    """
    states, mask = text.encode_batch(batch.phrases)
    conditioning = Conditioning(
        context=batch.context, text=states, text_mask=mask, anchors=batch.anchors
    )
    with torch.autocast(batch.context.device.type, torch.bfloat16):
        return model(noisy_latents(batch), batch.time, conditioning)


def noisy_latents(batch: Batch) -> Tensor:
    """Points of a batch on the flow's path, `(B, T, 2 * latent_channels)`."""
    return interpolate(batch.noise, batch.latents, batch.time)

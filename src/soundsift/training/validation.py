"""Validation on a fixed set of scenes: what one evaluation without noise improves, by prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.data.bank import Bank
from soundsift.data.example_prompts import SPARE_SECONDS, query_by_example, with_transients
from soundsift.data.scenes import Query, SceneGenerator
from soundsift.data.spans import active_spans
from soundsift.flow import interpolate
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.prompts import OPEN, Span
from soundsift.training.batches import AUDIBLE, Batch, encode_queries
from soundsift.training.config import TrainingConfig
from soundsift.training.losses import mask_sdr_db, mask_si_sdr_db

T = TypeVar("T")

#: Of one query: how it is asked, kind of its target, phrase, and its tensors.
_Row = tuple[str, str, str | None, dict[str, Tensor]]

_SECONDS = 6.0
_AT_A_TIME = 16
#: Far from the scenes of the other questions.
_FIRST_WITH_EXAMPLE = 1_000_000


class Validation:
    """Asks every scene for a source by text, by span and by both, and for a sound not there.

    Models that know examples are also asked by one (of other scenes): `example` where the sound is
    heard in the window, `example/absent` where it is not.

    Args:
        config: the run.
        codec: the run's codec.
        text: encoder of the phrases.
    """

    def __init__(self, config: TrainingConfig, codec: MelCodec, text: TextEncoder) -> None:
        self.codec, self.text = codec, text
        law = config.scenes.model_copy(
            update={
                "source_counts": (0.0, 0.6, 0.4, 0.0),
                "drop_text": 0.0,
                "absent": 0.0,
                "group": 0.0,
            }
        )
        bank = Bank(config.bank, ("validation",))
        generator = SceneGenerator(bank, law, seed=1)
        absent = SceneGenerator(bank, law.model_copy(update={"absent": 1.0}), seed=1)
        trained = {clip.concept for clip in Bank(config.bank, ("train",)).clips}
        self.rows: list[_Row] = []
        number = 0
        while len(self.rows) < 4 * config.validation_scenes:
            rng = generator.rng(number)
            number += 1
            scene = generator.scene(rng, _SECONDS)
            if len(scene.sources) < 2 or scene.sources[0].clip.concept not in trained:
                continue
            phrase = scene.sources[0].clip.captions[int(rng.integers(2))]
            wave = scene.sources[0].wave
            spans = tuple(Span(a, b) for a, b in active_spans(wave, 48_000) if b > a)
            queries = [
                Query(phrase, (), (0,)),
                Query(None, spans, (0,)),
                Query(phrase, spans, (0,)),
                replace(absent.query(scene, rng), spans=()),
            ]
            tensors = encode_queries(codec, scene, queries)
            for i, name in enumerate(("text", "span", "both", "absent")):
                row = {key: value[i : i + 1] for key, value in tensors.items()}
                self.rows.append((name, scene.sources[0].clip.kind, queries[i].text, row))
        if config.model.field.anchor_count > OPEN:
            self.rows += _by_example(config.validation_scenes, generator, codec)

    def run(self, field: VelocityField) -> dict[str, float]:
        """Mean improvement in dB: `text`, `span`, `both`, `absent`, and `text/KIND` per kind."""
        found: dict[str, list[float]] = {}
        field.eval()
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
                )
                mask = self.codec.cell_mask(predict(field, batch, self.text).float())
                before, after = (mask_si_sdr_db(m, batch) for m in (torch.ones_like(mask), mask))
                gains = torch.where(
                    batch.present, after - before, mask_sdr_db(mask, batch)
                ).tolist()
                for (name, kind, _, _), gain in zip(part, gains, strict=True):
                    found.setdefault(name, []).append(gain)
                    if name == "text":
                        found.setdefault(f"text/{kind}", []).append(gain)
        field.train()
        return {name: float(np.mean(values)) for name, values in found.items()}


def _by_example(scenes: int, generator: SceneGenerator, codec: MelCodec) -> list[_Row]:
    """A source by an example from elsewhere, of as many scenes, without text."""
    rows: list[_Row] = []
    number = _FIRST_WITH_EXAMPLE
    while len(rows) < scenes:
        rng = generator.rng(number)
        number += 1
        scene = generator.scene(rng, _SECONDS + SPARE_SECONDS)
        scene = with_transients(scene, generator.config.p_transient, rng)
        query = query_by_example(scene, round(_SECONDS * codec.config.frame_rate), rng)
        if len(scene.sources) >= 2 and query.example:
            tensors = encode_queries(codec, scene, [replace(query, text=None)])
            # Of the window alone: what is heard in it, and what is not.
            tensors["example_energy"] = torch.zeros(1)
            tensors["present"] = tensors["target_energy"] > AUDIBLE
            name = "example" if bool(tensors["present"]) else "example/absent"
            rows.append((name, scene.sources[0].clip.kind, None, tensors))
    return rows


def predict(
    model: Callable[[Tensor, Tensor, Conditioning], T], batch: Batch, text: TextEncoder
) -> T:
    """What a model says to a batch at its times, in bfloat16 where that is exact enough.

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
    """Where a batch's latents stand on the path, `(B, T, 2 * latent_channels)`."""
    return interpolate(batch.noise, batch.latents, batch.time)

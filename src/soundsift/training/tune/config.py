"""What decides a tuning run, of the default model and of released ones."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from soundsift.data.scene_config import SceneConfig
from soundsift.devices import Precision
from soundsift.presets import PresetName
from soundsift.training.latents.config import DropConfig

#: The layers of a block that are changed.
LAYERS = (
    "self_attention.qkv",
    "self_attention.out",
    "cross_attention.query",
    "cross_attention.key_value",
    "cross_attention.out",
    "feed_forward.gate",
    "feed_forward.up",
    "feed_forward.down",
    "text_modulation",
)
#: The same of a released model: its attention and feed-forward layers.
LATENT_LAYERS = tuple(layer for layer in LAYERS if layer != "text_modulation")


class TuningConfig(BaseModel):
    """Sizes, rates and probabilities of a tuning run.

    Attributes:
        steps: optimiser steps.
        rank: rank of the changes.
        alpha: their factor, times the rank.
        rate: peak learning rate, reached after `warmup` steps; it falls linearly to zero.
        warmup: steps of warm-up.
        clip: largest gradient norm.
        hold: weight of the term that keeps the answers to all other prompts what they were.
        seconds: lengths of scenes; each batch has one of them.
        frames: latent frames per batch, over all its queries.
        p_own: probability that a scene holds the tuned sound.
        p_other_phrasing: probability that the sound is asked for in other words than the caption.
        held_out: share of the recordings that is kept for the check.
        checked_scenes: scenes of the sound in the check at most, and as many of other sounds.
        checked_preset: preset with which they are separated.
        scenes: how scenes are drawn.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=100, gt=0)
    rank: int = Field(default=8, gt=0, le=64)
    alpha: float = Field(default=16.0, gt=0)
    rate: float = Field(default=2e-3, gt=0)
    warmup: int = Field(default=10, ge=0)
    clip: float = Field(default=1.0, gt=0)
    hold: float = Field(default=1.0, ge=0)
    seconds: tuple[float, ...] = (4.0, 4.0, 6.0)
    frames: int = Field(default=1200, gt=0)
    p_own: float = Field(default=0.7, gt=0, le=1)
    p_other_phrasing: float = Field(default=0.3, ge=0, le=1)
    held_out: float = Field(default=0.25, gt=0, lt=1)
    checked_scenes: int = Field(default=20, gt=0)
    checked_preset: PresetName = "standard"
    scenes: SceneConfig = SceneConfig(
        offset_db=20.0,
        p_quiet=0.12,
        p_bed=0.5,
        p_slow_gain=0.2,
        p_far=0.15,
        absent=0.0,
        group=0.0,
        p_same_clip=0.3,
    )


class LatentTuningConfig(TuningConfig):
    """The same for released models; the numbers are those usual for LoRA, not chosen by results.

    Attributes:
        drop: how often prompts of the tuned sound are withheld. A query of which nothing is left is
            one of those that are to be answered as before.
        precision: type of the frozen matrices and of all products; auto is bfloat16 where the
            hardware multiplies it. What is trained is float32.
        checkpoint_activations: compute the inside of every block again in the backward pass instead
            of keeping it: a third more work, a fraction of the memory.
    """

    steps: int = Field(default=300, gt=0)
    rank: int = Field(default=16, gt=0, le=256)
    alpha: float = Field(default=32.0, gt=0)
    rate: float = Field(default=2e-4, gt=0)
    warmup: int = Field(default=20, ge=0)
    seconds: tuple[float, ...] = (5.0, 5.0, 10.0)
    frames: int = Field(default=1500, gt=0)
    checked_scenes: int = Field(default=8, gt=0)
    checked_preset: PresetName = "draft"
    drop: DropConfig = DropConfig(text=0.1, spans=0.3)
    precision: Precision = "auto"
    checkpoint_activations: bool = True

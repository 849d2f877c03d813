"""The components of a loaded model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from soundsift.config import HearingCalibration
from soundsift.models.codec import Codec
from soundsift.models.inference import InferenceField
from soundsift.models.judge import Scores
from soundsift.models.mel_codec import MelCodec
from soundsift.models.pe_vision import PeVision
from soundsift.models.waveform_codec import ConsistentCodec
from soundsift.sampling.flow import Prediction


class TextEncoder(Protocol):
    """Phrases to token states."""

    def encode_batch(self, phrases: list[str | None]) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """States `(batch, tokens, width)` and mask `(batch, tokens)` of a batch of prompts."""
        ...


class SpanPredictor(Protocol):
    """A mixture's context and phrases to the probability that a frame holds the sound."""

    @property
    def calibration(self) -> HearingCalibration:
        """How its probabilities become spans and confidences."""
        ...

    def frame_probabilities(self, context: Tensor, phrases: list[str]) -> Tensor:
        """The probability that each frame of a mixture holds each phrase's sound.

        Args:
            context: the codec's context of the mixture, `(1, frames, context_channels)`.
            phrases: the sounds.

        Returns:
            `(phrases, frames)`, float32, 0 to 1.
        """
        ...


class Rankers(Protocol):
    """Scores candidates of one mixture without a reference. Waves are mono, at the codec's rate."""

    def check(self) -> None:
        """Raise `SoundsiftError` if one of them is not on this machine; loads nothing."""
        ...

    def similarity(self, waves: Tensor, phrase: str) -> Tensor:
        """CLAP's cosine of `(batch, samples)` and a phrase: `(batch,)`, -1 to 1."""
        ...

    def ratings(self, mixture: Tensor, waves: Tensor, phrase: str) -> Scores:
        """The judge's scores of `(batch, samples)` from a mixture `(samples,)`."""
        ...

    def unload(self) -> None:
        """Free the memory of what was loaded; it is loaded again when needed."""
        ...


@dataclass(frozen=True)
class AppliedAdapter:
    """The adapter whose changes are in a model's weights.

    Attributes:
        name: of its file.
        digest: SHA-256 of its file.
        phrase: the text prompt that it was tuned for, if it says.
    """

    name: str
    digest: str
    phrase: str | None = None


@dataclass(frozen=True)
class ModelComponents:
    """The components of a loaded model.

    Attributes:
        field: the velocity field.
        prediction: whether the field's output is the velocity or the clean latents.
        codec: waves to latents and back.
        text: phrases to token states.
        device: device of all components.
        vision_encoder: builds the vision encoder when a video prompt needs it; None without one.
        span_predictor: loads the span predictor when a prompt asks for it; None without one.
        rankers: rank candidates; loaded when candidates ask for them. None without any.
        hearing: loads the network that says with every result when the sound was heard; None
            without one. It is small; where there is one, it is the span predictor.
        adapter: the adapter in the weights; None without one.
    """

    field: InferenceField
    prediction: Prediction
    codec: Codec
    text: TextEncoder
    device: torch.device
    vision_encoder: Callable[[], PeVision] | None = None
    span_predictor: Callable[[], SpanPredictor] | None = None
    rankers: Rankers | None = None
    hearing: Callable[[], SpanPredictor] | None = None
    adapter: AppliedAdapter | None = None

    def consistent(self) -> ModelComponents:
        """The same model with stems that add up to the mixture."""
        if self.codec.mixture_consistent:
            return self
        return replace(self, codec=ConsistentCodec(self.codec.downmixed()))

    def exclusive(self) -> ModelComponents:
        """The same model with a mixture that prompts share: their targets never exceed it."""
        return replace(self, codec=self._masks().sharing())

    def uniting(self, sizes: Sequence[int]) -> ModelComponents:
        """The same model for prompts of so many phrases each, which together are the target.

        A generative model's stems become consistent then: their masks can be united.
        """
        return self if set(sizes) <= {1} else replace(self, codec=self._masks().uniting(sizes))

    def _masks(self) -> MelCodec | ConsistentCodec:
        codec = self.consistent().codec
        if not isinstance(codec, MelCodec | ConsistentCodec):
            raise TypeError(f"{type(codec).__name__} has no cells to share")
        return codec

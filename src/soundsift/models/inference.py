"""The velocity field rearranged for inference: the same outputs, several times faster.

`VelocityField` is the definition, and is trained. Here its weights are cast, joined and packed
once, and its blocks make as few passes over the frames as possible:

- products run in the type asked for; the residual stream, norms, modulation and both ends of the
  network stay in float32;
- queries and keys hold their rotary pairs as two halves instead of side by side (the weights' rows
  are permuted, which the products of queries and keys don't see), so that turning them is a few
  passes over contiguous memory;
- a norm's weight and the modulation's scale are one factor; of cross-attention, the weight of the
  queries' norm is folded into the keys;
- what depends on time and text but not on the frames (time's modulation, cross-attention's keys
  and values) is computed for all times of a solver in one batch, and once for items that have the
  same text, as the windows of a recording do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from soundsift.config import VelocityFieldConfig
from soundsift.models.inference_blocks import (
    Block,
    SwiGLU,
    Temporal,
    Weights,
    normed,
    rotary_pair,
)
from soundsift.models.velocity_field import Conditioning, PreparedConditioning, VelocityField


@dataclass(frozen=True)
class Moment:
    """Everything that depends on time and text but not on the frames, for one flow time.

    Attributes:
        embedded: `(batch or 1, dim)`: time, embedded.
        modulation: `(batch or 1, 6, dim)`: what time adds to every block's modulation.
        keys_values: For each block, keys and values of cross-attention, each
            `(texts, heads, tokens, head_dim)`; with a time per item, `(batch, ...)`.
    """

    embedded: Tensor
    modulation: Tensor
    keys_values: tuple[tuple[Tensor, Tensor], ...]


@dataclass(frozen=True)
class InferenceConditioning:
    """A prompt prepared by `InferenceField.prepare`.

    Attributes:
        prepared: What does not depend on time. Its `text` may hold every text once, `(texts,
            tokens, dim)`; the rest is per item.
        text_of: `(batch,)`, int64: the row of `prepared.text` that an item has. None: there is one
            row per item, or one row for all items.
        pooled: For each block, `(batch, 6, dim)` that the text as a whole adds to the modulation;
            empty for models that are not modulated by it.
        moments: By flow time.
    """

    prepared: PreparedConditioning
    text_of: Tensor | None
    pooled: tuple[Tensor, ...]
    moments: Mapping[float, Moment]

    def items(self, of_texts: Tensor) -> Tensor:
        """From `(texts, ...)` to `(batch, ...)`."""
        if self.text_of is None:
            return of_texts.expand(self.prepared.frames.shape[0], *of_texts.shape[1:])
        return of_texts[self.text_of]


class InferenceField:
    """A velocity field for inference only. Called like `VelocityField`.

    Args:
        config: The sizes.
        weights: As in `VelocityField.state_dict()`, of any floating type. Each is asked for once
            and let go when it is arranged: a mapping that reads from a file keeps the peak of
            memory near the arranged weights.
        dtype: Type of the products in the blocks: float32, bfloat16 or float16.
        device: Where to compute.

    Raises:
        KeyError: If a weight is missing.
        RuntimeError: If weights don't fit the configuration, or there are some that it has not.
    """

    def __init__(
        self,
        config: VelocityFieldConfig,
        weights: Mapping[str, Tensor],
        dtype: torch.dtype,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config, self.dtype, self.device = config, dtype, torch.device(device)
        with torch.inference_mode():
            shapes = _shapes(config)
            source = Weights(weights, shapes, self.device)
            self._temporal = Temporal(source, dtype)
            # A few tokens, once per time: float32 costs nothing here, and a third of the error.
            self._memory = SwiGLU(source, "transformer.memory_embedding", torch.float32)
            self._blocks = [
                Block(source, f"transformer.blocks.{i}", config.transformer, dtype)
                for i in range(config.transformer.layers)
            ]
            self._ends = _ends(config, source)
            source.check_all_used()

    @torch.inference_mode()
    def prepare(
        self,
        conditioning: Conditioning,
        times: Sequence[float] = (),
        text_of: Tensor | None = None,
    ) -> InferenceConditioning:
        """Compute what stays the same from one evaluation to the next.

        Args:
            conditioning: What is known, as for `VelocityField.prepare`; with `text_of`, its text
                and text mask hold a row per distinct text instead of one per item.
            times: Flow times that the field will be asked for. Others work too, more slowly.
            text_of: `(batch,)`, int64: the row of the text that each item has. The caller groups
                items by their phrases: equal phrases in batches of different sizes get states
                that differ in the last bits, so states cannot be compared.
        """
        with self._no_autocast():
            prepared = self._ends.prepare(_float(conditioning))
            pooled: tuple[Tensor, ...] = ()
            if prepared.pooled is not None:
                pooled = tuple(block.pooled_modulation(prepared.pooled) for block in self._blocks)
            if text_of is not None:
                pooled = tuple(of_texts[text_of] for of_texts in pooled)
                if prepared.text_mask is not None:
                    prepared = replace(prepared, text_mask=prepared.text_mask[text_of])
            text = prepared.text
            moments = {}
            if times:
                # As they come back: solvers hand times over in float32.
                asked = torch.tensor(sorted(set(times)), dtype=torch.float32)
                found = self._moments(asked.to(self.device), text)
                moments = dict(zip(asked.tolist(), found, strict=True))
        return InferenceConditioning(prepared, text_of, pooled, moments)

    @torch.inference_mode()
    def __call__(
        self, noisy: Tensor, time: Tensor, prompt: Conditioning | InferenceConditioning
    ) -> Tensor:
        """Evaluate the field; see `VelocityField.forward` for shapes and errors."""
        if isinstance(prompt, Conditioning):
            prompt = self.prepare(prompt)
        prepared = prompt.prepared
        expected = (*prepared.frames.shape[:2], 2 * self.config.latent_channels)
        if tuple(noisy.shape) != expected:
            raise ValueError(f"noisy is {tuple(noisy.shape)}, expected {expected}")
        with self._no_autocast():
            return self._evaluate(noisy, time, prompt).to(noisy.dtype)

    def _evaluate(self, noisy: Tensor, time: Tensor, prompt: InferenceConditioning) -> Tensor:
        prepared = prompt.prepared
        moment = self._moment(time, prompt)
        x = prepared.frames + self._ends.noisy_projection(noisy.float())
        x = self._temporal(x)
        transformer = self._ends.transformer
        rotary = rotary_pair(x.shape[1], self.config.transformer, self.device)
        for i, block in enumerate(self._blocks):
            modulation = moment.modulation
            if prompt.pooled:
                modulation = modulation + prompt.pooled[i]
            keys, values = moment.keys_values[i]
            if time.numel() == 1:
                keys, values = prompt.items(keys), prompt.items(values)
            x = block(
                x, modulation, (keys, values), rotary, prepared.frame_mask, prepared.text_mask
            )
        shift, scale = (transformer.final_modulation + moment.embedded[:, None]).unbind(1)
        factor = transformer.final_norm.weight * (1 + scale[:, None])
        y = torch.addcmul(shift[:, None], normed(x, self.config.transformer.norm_eps), factor)
        output: Tensor = transformer.output(y)
        return output

    def _no_autocast(self) -> AbstractContextManager[object]:
        # Types are settled here; callers that serve a VelocityField as well may be under autocast.
        return torch.autocast(self.device.type, enabled=False)

    def _moment(self, time: Tensor, prompt: InferenceConditioning) -> Moment:
        time, text = time.float(), prompt.prepared.text
        if time.numel() == 1:
            known = prompt.moments.get(float(time))
            return known or self._moments(time.reshape(1), text)[0]
        # A time per item, as in training: no item shares its memory with another.
        return self._conditions(time, None if text is None else prompt.items(text))

    def _moments(self, times: Tensor, text: Tensor | None) -> list[Moment]:
        """A moment for each of the times `(count,)`, for text `(texts, tokens, dim)`."""
        count, texts = len(times), 1 if text is None else len(text)
        # Texts vary fastest.
        repeated = None if text is None else text.repeat(count, 1, 1)
        whole = self._conditions(times, repeated, texts)
        by_block = [
            list(zip(keys.chunk(count), values.chunk(count), strict=True))
            for keys, values in whole.keys_values
        ]
        return [
            Moment(
                whole.embedded[i : i + 1],
                whole.modulation[i : i + 1],
                tuple(parts[i] for parts in by_block),
            )
            for i in range(count)
        ]

    def _conditions(self, times: Tensor, text: Tensor | None, repeats: int = 1) -> Moment:
        """A batch of times, each with `repeats` texts, as one moment."""
        transformer = self._ends.transformer
        embedded = transformer.embed_time(times)
        modulation = transformer.time_modulation(F.silu(embedded))
        memory = self._memory(self._ends.memory(text, times.repeat_interleave(repeats)))
        return Moment(
            embedded,
            modulation.reshape(len(times), 6, -1),
            tuple(block.keys_values(memory) for block in self._blocks),
        )


def _shapes(config: VelocityFieldConfig) -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {name: w.shape for name, w in VelocityField(config).state_dict().items()}


def _ends(config: VelocityFieldConfig, source: Weights) -> VelocityField:
    """A velocity field in float32 without what is arranged here: blocks, memory, convolutions."""
    with torch.device("meta"):
        field = VelocityField(config)
    transformer = field.transformer
    transformer.blocks = torch.nn.ModuleList()
    del transformer.memory_embedding, transformer.temporal
    # Copies: a weight may be a view of a file, and would hold all of it.
    weights = {name: source.get(name).clone() for name in field.state_dict()}
    field.load_state_dict(weights, assign=True)
    return field.eval().requires_grad_(False)


def _float(conditioning: Conditioning) -> Conditioning:
    """Prompts are embedded in float32, whatever the encoders computed in."""
    text, video = conditioning.text, conditioning.video
    return replace(
        conditioning,
        context=conditioning.context.float(),
        text=None if text is None else text.float(),
        video=None if video is None else video.float(),
    )

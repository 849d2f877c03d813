"""The velocity field of two noisy stems, given a mixture and a prompt.

After arXiv 2512.18099, section 3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.config import VelocityFieldConfig
from soundsift.models.conditioning import AnchorEmbedding, VideoEmbedding
from soundsift.models.layers import scaled_normal_, sinusoid
from soundsift.models.transformer import DiffusionTransformer


@dataclass(frozen=True)
class Conditioning:
    """Conditioning of a batch: mixture and prompts. Masks are True where a position counts.

    Attributes:
        context: `(batch, frames, context_channels)`: the mixture's latent, laid out as the model
            expects.
        text: `(batch, tokens, text_dim)`: the text encoder's hidden states, or None if no item has
            text.
        text_mask: `(batch, tokens)`, bool; an item without text has no True. None: every token
            counts.
        anchors: `(batch, frames)`, int64, anchor ids as in `soundsift.spans`. None: no
            frame is marked, the same as id 0 (outside `frame_mask`: id `anchor_count`) everywhere.
        video: `(batch, frames, video_dim)`, zero for items without video. None: no item has
            any, the same as zeros.
        frame_mask: `(batch, frames)`, bool. None: every frame counts.
    """

    context: Tensor
    text: Tensor | None = None
    text_mask: Tensor | None = None
    anchors: Tensor | None = None
    video: Tensor | None = None
    frame_mask: Tensor | None = None


@dataclass(frozen=True)
class PreparedConditioning:
    """The part of an evaluation that does not depend on the noisy stems or on time.

    Attributes:
        frames: `(batch, frames, dim)`: context, video and anchors, embedded and added.
        text: `(batch, tokens, dim)`: text embedded, zero where there is none; None if no item has
            text.
        text_mask: `(batch, tokens)`, bool, at least one True per item; None: every token counts.
        frame_mask: `(batch, frames)`, bool; None: every frame counts.
        pooled: `(batch, dim)`: the text as a whole, zero where there is none; None for models that
            are not modulated by it.
    """

    frames: Tensor
    text: Tensor | None
    text_mask: Tensor | None
    frame_mask: Tensor | None
    pooled: Tensor | None


class VelocityField(nn.Module):
    """Predicts the velocity of `[target | residual]` latents.

    Fresh models predict zero. What the output means (velocity or data) is up to the training: see
    `soundsift.sampling.flow`.

    Args:
        config: The sizes.
    """

    def __init__(self, config: VelocityFieldConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.transformer.dim
        # One matrix in the paper, kept as two: the context's half is the same at every solver step.
        self.noisy_projection = nn.Linear(2 * config.latent_channels, dim, bias=False)
        self.context_projection = nn.Linear(config.context_channels, dim)
        self.text_projection = nn.Linear(config.transformer.text_dim, dim)
        self.pooled_projection: nn.Linear | None = None
        if config.transformer.pooled_text:
            self.pooled_projection = nn.Linear(config.transformer.text_dim, dim, bias=False)
        self.anchors = AnchorEmbedding(config.anchor_count, config.anchor_dim, dim)
        self.video = None if config.video_dim is None else VideoEmbedding(config.video_dim, dim)
        self.transformer = DiffusionTransformer(config.transformer)
        if not self.noisy_projection.weight.is_meta:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw fresh weights throughout: closed gates in the blocks, zero velocity."""
        for child in self.children():
            child.apply(_reset)  # children before their parents, who zero some of what they drew
        for layer in (
            self.noisy_projection,
            self.context_projection,
            self.text_projection,
            self.pooled_projection,
        ):
            if layer is not None:
                scaled_normal_(layer.weight)
            if layer is not None and layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def prepare(self, conditioning: Conditioning) -> PreparedConditioning:
        """Embed everything that stays the same from one evaluation to the next.

        Gradients flow through it, so that training may call `forward` with a plain `Conditioning`.

        Args:
            conditioning: Mixture and prompts.

        Returns:
            The same, embedded.

        Raises:
            ValueError: If there is video but the model has no video branch, or shapes do not agree.
        """
        context = conditioning.context
        if context.ndim != 3 or context.shape[-1] != self.config.context_channels:
            raise ValueError(
                f"context is {tuple(context.shape)}, expected "
                f"(batch, frames, {self.config.context_channels})"
            )
        # The residual stream starts here: back to the input's type after a bfloat16 product.
        frames = self.context_projection(context).to(context.dtype)
        if self.video is not None:
            frames = frames + self.video(conditioning.video)
        elif conditioning.video is not None:
            raise ValueError("video was given, but this model has no video branch")
        if conditioning.frame_mask is not None:
            _check_shape("frame_mask", conditioning.frame_mask, context.shape[:2])
        anchors = conditioning.anchors
        if anchors is None:
            anchors = self._unmarked(context, conditioning.frame_mask)
        _check_shape("anchors", anchors, context.shape[:2])
        frames = frames + self.anchors(anchors)
        text, text_mask = self._prepare_text(conditioning)
        return PreparedConditioning(
            frames,
            text,
            text_mask,
            _drop_full(conditioning.frame_mask),
            self._pool_text(conditioning),
        )

    def _pool_text(self, conditioning: Conditioning) -> Tensor | None:
        """Embed the mean of each item's tokens, scaled to a mean square of 1."""
        if self.pooled_projection is None or conditioning.text is None:
            return None
        text, mask = conditioning.text, conditioning.text_mask
        if mask is not None:
            text = text * mask[..., None]
        # Of a sum over tokens only the direction is kept, so their number does not matter.
        direction = functional.normalize(text.sum(dim=1), dim=-1) * text.shape[-1] ** 0.5
        return functional.silu(self.pooled_projection(direction))

    def _unmarked(self, context: Tensor, frame_mask: Tensor | None) -> Tensor:
        """Frame ids of a prompt without spans, `(batch, frames)`."""
        ids = context.new_zeros(context.shape[:2], dtype=torch.int64)
        return ids if frame_mask is None else ids.masked_fill(~frame_mask, self.config.anchor_count)

    def _prepare_text(self, conditioning: Conditioning) -> tuple[Tensor | None, Tensor | None]:
        """Embed text; items without any get one zero token, which leaves them the time alone."""
        if conditioning.text is None or conditioning.text.shape[1] == 0:
            return None, None
        text: Tensor = self.text_projection(conditioning.text)
        mask = conditioning.text_mask
        if mask is None:
            return text, None
        _check_shape("text_mask", mask, text.shape[:2])
        text = torch.where(mask[..., None], text, 0.0)
        first = torch.arange(mask.shape[1], device=mask.device) == 0
        return text, _drop_full(mask | (first & ~mask.any(dim=1, keepdim=True)))

    def memory(self, text: Tensor | None, time: Tensor) -> Tensor:
        """What cross-attention reads: embedded text with time added to each token, or time alone.

        Args:
            text: `(batch, tokens, dim)`, or None.
            time: `(batch,)`.

        Returns:
            `(batch, tokens or 1, dim)`.
        """
        waves = sinusoid(time, self.config.transformer.dim)[:, None]
        waves = waves.to(self.text_projection.weight.dtype)
        return waves if text is None else text + waves

    def forward(
        self,
        noisy: Tensor,
        time: Tensor,
        prompt: Conditioning | PreparedConditioning,
        taps: list[Tensor] | None = None,
    ) -> Tensor:
        """Evaluate the field.

        Args:
            noisy: `(batch, frames, 2 * latent_channels)`: noisy target and residual latents.
            time: `(batch,)`, or one number for the whole batch, from 0 (noise) to 1 (data).
            prompt: The conditioning; prepare it once if it is used more than once.
            taps: receives every block's output, `(batch, frames, dim)`, for losses on them.

        Returns:
            `(batch, frames, 2 * latent_channels)`, in the type of `noisy`.

        Raises:
            ValueError: If the shapes do not agree.
        """
        if isinstance(prompt, Conditioning):
            prompt = self.prepare(prompt)
        expected = (*prompt.frames.shape[:2], 2 * self.config.latent_channels)
        _check_shape("noisy", noisy, expected)
        time = time.expand(noisy.shape[0])
        x = prompt.frames + self.noisy_projection(noisy)
        y: Tensor = self.transformer(
            x,
            time,
            self.memory(prompt.text, time),
            prompt.text_mask,
            prompt.frame_mask,
            prompt.pooled,
            taps,
        )
        return y.to(noisy.dtype)


def _reset(module: nn.Module) -> None:
    reset = getattr(module, "reset_parameters", None)
    if reset is not None:
        reset()


def _check_shape(name: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != tuple(expected):
        raise ValueError(f"{name} is {tuple(tensor.shape)}, expected {tuple(expected)}")


def _drop_full(mask: Tensor | None) -> Tensor | None:
    """A mask that hides nothing is no mask: attention has a faster path for that."""
    if mask is None or torch.compiler.is_exporting():  # a graph serves every mask
        return mask
    return None if bool(mask.all()) else mask

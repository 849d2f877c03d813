"""What a velocity field looks like, as data: strict models that refuse unknown keys.

The released SAM Audio models and the ones trained here are instances of the same
`VelocityFieldConfig`; the former are listed in `soundsift.checkpoints.released`.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TransformerConfig(_Strict):
    """Sizes of the diffusion transformer (arXiv 2512.18099, section 3).

    Attributes:
        dim: Width of the residual stream.
        heads: Attention heads; `dim / heads` must be even, as rotary embeddings turn pairs.
        layers: Number of blocks.
        ffn_hidden: Hidden width of the gated feed-forward layers.
        text_dim: Width of the text encoder's hidden states.
        out_channels: Channels of the velocity: target and residual latents side by side.
        norm_eps: Added to the mean square in every RMS norm.
        dropout: Rate on the output of each branch while training; 0.1 for the released models.
        qk_norm: Whether queries and keys are RMS-normalised per head.
        rope_theta: Base of the rotary wavelengths.
        time_embedding_dim: Width of the sinusoid that encodes flow time.
        pooled_text: Whether the text as a whole also modulates every block. The released models
            read text by cross-attention alone; a small model learns to obey it sooner this way.
    """

    dim: int = Field(gt=0)
    heads: int = Field(gt=0)
    layers: int = Field(gt=0)
    ffn_hidden: int = Field(gt=0)
    text_dim: int = Field(gt=0)
    out_channels: int = Field(default=256, gt=0, multiple_of=2)
    norm_eps: float = Field(default=1e-5, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    qk_norm: bool = True
    rope_theta: float = Field(default=20000.0, gt=0)
    time_embedding_dim: int = Field(default=256, gt=0, multiple_of=2)
    pooled_text: bool = False

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> "TransformerConfig":
        if self.dim % (2 * self.heads):
            raise ValueError(f"dim {self.dim} must split into {self.heads} heads of even width")
        return self

    @property
    def head_dim(self) -> int:
        """Channels per attention head."""
        return self.dim // self.heads


class VelocityFieldConfig(_Strict):
    """The transformer together with what surrounds it: noisy stems, mixture and prompts.

    Attributes:
        latent_channels: Channels of one stem's latent; the field moves two stems.
        context_channels: What is known of the mixture, that is everything in the input that is not
            noisy. The released models expect 512: 256 zeros, then the mixture's 128 twice.
        anchor_count: Kinds of frame a span prompt tells apart (unmarked, +, -); one more id is
            padding.
        anchor_dim: Width of the embedding of those ids.
        video_dim: Width of the video features, or None for a model without a video branch.
        transformer: The transformer's sizes.
    """

    latent_channels: int = Field(default=128, gt=0)
    context_channels: int = Field(default=512, gt=0)
    anchor_count: int = Field(default=3, gt=0)
    anchor_dim: int = Field(default=128, gt=0)
    video_dim: int | None = Field(default=None, gt=0)
    transformer: TransformerConfig

    @model_validator(mode="after")
    def _two_stems_out(self) -> "VelocityFieldConfig":
        if self.transformer.out_channels != 2 * self.latent_channels:
            raise ValueError(
                f"transformer.out_channels is {self.transformer.out_channels}, expected "
                f"2 * latent_channels = {2 * self.latent_channels}"
            )
        return self


class MelCodecConfig(_Strict):
    """Constants of the default model's codec, `soundsift.models.mel_codec`.

    Attributes:
        sample_rate: Samples a second that it works at; other rates are resampled.
        frame_rate: Latent frames a second.
        subframes: Moments per latent frame, each with its own numbers.
        bands: Mel bands per moment; `bands * subframes` is the latent's width.
        window: Length of the Fourier transform in samples.
        detail_subframes, detail_bands, detail_window: The same for a second analysis of the
            mixture, finer in time, which only the transformer sees.
        lowest_hertz: Centre of the lowest band.
        floor_db: Attenuation at which a stem counts as absent from a cell.
    """

    sample_rate: int = Field(default=48_000, gt=0)
    frame_rate: int = Field(default=25, gt=0)
    subframes: int = Field(default=1, gt=0)
    bands: int = Field(default=128, gt=0)
    window: int = Field(default=3072, gt=0)
    detail_subframes: int = Field(default=2, gt=0)
    detail_bands: int = Field(default=128, gt=0)
    detail_window: int = Field(default=2048, gt=0)
    lowest_hertz: float = Field(default=40.0, gt=0)
    floor_db: float = Field(default=30.0, gt=0)

    @property
    def latent_channels(self) -> int:
        """Numbers per latent frame and stem."""
        return self.bands * self.subframes

    @property
    def context_channels(self) -> int:
        """Numbers per latent frame that describe the mixture."""
        return self.latent_channels + self.detail_bands * self.detail_subframes


class SeparatorConfig(_Strict):
    """A whole model: codec, prediction and transformer.

    Attributes:
        name: What the model is called.
        codec: Constants of its codec.
        prediction: Whether the network's output is the velocity or the clean latents
            (`soundsift.flow`).
        field: Sizes of the velocity field.
    """

    name: str
    codec: MelCodecConfig
    prediction: Literal["velocity", "data"] = "velocity"
    field: VelocityFieldConfig

    @model_validator(mode="after")
    def _codec_fits_field(self) -> "SeparatorConfig":
        codec, field = self.codec, self.field
        if (codec.latent_channels, codec.context_channels) != (
            field.latent_channels,
            field.context_channels,
        ):
            raise ValueError(
                f"the codec has {codec.latent_channels} latent and {codec.context_channels} "
                f"context channels, the field {field.latent_channels} and {field.context_channels}"
            )
        return self

"""Configurations of all models, as strict data that refuses unknown keys.

The released SAM Audio models and the ones trained here are instances of the same
`VelocityFieldConfig`; the former are listed in `soundsift.checkpoints.sam_audio`.
"""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SAMPLE_RATE = 48_000
"""Sample rate of every codec here, in Hz."""

FRAME_RATE = 25
"""Latent frames per second of every codec here, in which spans are counted."""

# Configurations come with downloaded models: the limits keep a prepared one from building a network
# for hours. They are far above every model that is known.
Size = Annotated[int, Field(gt=0, le=1_000_000)]
Layers = Annotated[int, Field(gt=0, le=1_000)]
Rate = Annotated[int, Field(gt=0, le=1_000)]
Window = Annotated[int, Field(gt=0, le=100_000)]
_Rates = Annotated[tuple[Rate, ...], Field(min_length=1, max_length=16)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
            read text by cross-attention alone; a small model learns to follow it sooner this way.
    """

    dim: Size
    heads: Size
    layers: Layers
    ffn_hidden: Size
    text_dim: Size
    out_channels: Size = Field(default=256, multiple_of=2)
    norm_eps: float = Field(default=1e-5, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    qk_norm: bool = True
    rope_theta: float = Field(default=20000.0, gt=0)
    time_embedding_dim: Size = Field(default=256, multiple_of=2)
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
    """Sizes of the velocity field: the transformer and its input and output layers.

    Attributes:
        latent_channels: Channels of one stem's latent; the field moves two stems.
        context_channels: Channels of the mixture's context, that is everything in the input that is
            not noisy. The released models expect 512: 256 zeros, then the mixture's 128 twice.
        anchor_count: Kinds of frame a span prompt tells apart (unmarked, +, -); one more id is
            padding.
        anchor_dim: Width of the embedding of those ids.
        video_dim: Width of the video features, or None for a model without a video branch.
        transformer: The transformer's sizes.
    """

    latent_channels: Size = 128
    context_channels: Size = 512
    anchor_count: Size = 3
    anchor_dim: Size = 128
    video_dim: Size | None = None
    transformer: TransformerConfig

    @model_validator(mode="after")
    def _two_stems_out(self) -> "VelocityFieldConfig":
        if self.transformer.out_channels != 2 * self.latent_channels:
            raise ValueError(
                f"transformer.out_channels is {self.transformer.out_channels}, expected "
                f"2 * latent_channels = {2 * self.latent_channels}"
            )
        return self


class PeVisionConfig(_Strict):
    """Sizes of the vision encoder, `soundsift.models.pe_vision` (arXiv 2504.13181).

    Attributes:
        image_size: Side in pixels of the square that pictures are squashed into.
        patch_size: Side in pixels of a patch; each becomes one token.
        width: Width of the residual stream.
        heads: Attention heads; `width / heads` must be a multiple of 4, since rotary embeddings
            turn pairs of channels in two directions.
        layers: Number of blocks.
        ffn_hidden: Hidden width of the feed-forward layers.
        pool_heads: Heads of the attention that reads the tokens out.
        out_dim: Channels of the result.
        norm_eps: Added to the variance in every layer norm.
        rope_theta: Base of the rotary wavelengths.
    """

    image_size: Size
    patch_size: Size
    width: Size
    heads: Size
    layers: Layers
    ffn_hidden: Size
    pool_heads: Size
    out_dim: Size
    norm_eps: float = Field(default=1e-5, gt=0)
    rope_theta: float = Field(default=10000.0, gt=0)

    @model_validator(mode="after")
    def _sizes_divide(self) -> "PeVisionConfig":
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size {self.image_size} must be a multiple of patch_size {self.patch_size}"
            )
        if self.width % (4 * self.heads) or self.width % self.pool_heads:
            raise ValueError(
                f"width {self.width} must split into {self.heads} heads of a multiple of 4 "
                f"channels, and into {self.pool_heads} heads"
            )
        return self

    @property
    def grid(self) -> int:
        """Patches along a side of the picture."""
        return self.image_size // self.patch_size

    @property
    def head_dim(self) -> int:
        """Channels per attention head."""
        return self.width // self.heads


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

    sample_rate: Size = SAMPLE_RATE
    frame_rate: Size = FRAME_RATE
    subframes: Rate = 1
    bands: Rate = 128
    window: Window = 3072
    detail_subframes: Rate = 2
    detail_bands: Rate = 128
    detail_window: Window = 2048
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


class HearingCalibration(_Strict):
    """How a hearing network's output becomes spans and confidences; measured, not trained.

    The confidence of a moment is `sigmoid(presence_scale * logit + presence_offset)`, where the
    logit is the highest mean over `run_frames` frames.

    Attributes:
        overlap_seconds: Overlap of the windows in which a recording is heard.
        span_threshold: A frame is part of a span above this probability.
        span_range: In place of the threshold: a frame is part of a span where its logit, averaged
            over `span_frames`, is within this of the highest. Sounds differ in how sure the network
            ever gets of them.
        span_frames: Frames that logits are averaged over for this.
        join_seconds: Spans closer than this become one occurrence.
        run_frames: Frames that a confidence is taken from.
        presence_scale: Factor of a logit.
        presence_offset: Added to it.
        absent_below: Below this confidence the sound is probably not in the recording.
        sure_from: From this confidence on it surely is; between the two it is unsure.
        listing_shift: Taken from the logits where no phrase is given: of hundreds of names, some
            are near by chance.
        predict_spans: Whether separations by text use predicted spans unless told otherwise.
        predict_from: The confidence from which they do.
    """

    overlap_seconds: float = Field(default=2.0, ge=0, le=10)
    span_threshold: float = Field(default=0.5, ge=0, le=1)
    span_range: float | None = Field(default=None, gt=0)
    span_frames: Rate = 5
    join_seconds: float = Field(default=0.2, ge=0, le=10)
    run_frames: Rate = 10
    presence_scale: float = Field(default=1.0, gt=0)
    presence_offset: float = 0.0
    absent_below: float = Field(default=0.5, ge=0, le=1)
    sure_from: float = Field(default=0.8, ge=0, le=1)
    listing_shift: float = Field(default=0.0, ge=0)
    predict_spans: bool = False
    predict_from: float = Field(default=0.5, ge=0, le=1)

    def for_listing(self) -> "HearingCalibration":
        """The calibration for names that nobody asked for."""
        offset = self.presence_offset - self.presence_scale * self.listing_shift
        return self.model_copy(update={"presence_offset": offset})


class HearingConfig(_Strict):
    """Sizes of the hearing network, `soundsift.models.hearing`, and its calibration.

    Attributes:
        context_bands: Mel bands of the codec's detailed analysis, which it reads.
        subframes: Moments per latent frame in that analysis.
        bands: Mel bands of the convolutions' input.
        gain: Factor of the energies before their logarithm; the window's mean is 1.
        widths: Channels of the blocks of convolutions; each but the last is pooled by two.
        dim: Width of the residual stream along time.
        dilations: Dilations of the blocks along time.
        embedding_dim: Width of the space that frames and phrases share.
        text_dim: Width of the text encoder's states.
        text_hidden: Hidden width of the phrases' network.
        calibration: How its output becomes spans and confidences.
    """

    context_bands: Size = 128
    subframes: Rate = 2
    bands: Size = 96
    gain: float = Field(default=1e4, gt=0)
    widths: Annotated[tuple[Size, ...], Field(min_length=2, max_length=6)] = (64, 128, 256, 512)
    dim: Size = 256
    dilations: Annotated[tuple[Rate, ...], Field(max_length=16)] = (1, 2, 4, 8)
    embedding_dim: Size = 256
    text_dim: Size = 384
    text_hidden: Size = 512
    calibration: HearingCalibration = HearingCalibration()


class DefaultJudgeConfig(_Strict):
    """What the default model's judge hears, and its threshold (`soundsift.models.default_judge`).

    Attributes:
        windows: Windows of target and residual that the hearing network hears, per stretch.
        window_frames: Their length in latent frames.
        stretch_seconds: Length of the stretches in which a recording is judged.
        poor: Overall rating below which a result counts as poor.
    """

    windows: Size = 2
    window_frames: Size = 32
    stretch_seconds: float = Field(default=10.0, gt=0, le=60)
    poor: float = Field(default=1.8, ge=1, le=5)


class DacVaeConfig(_Strict):
    """Sizes of the released models' codec, `soundsift.models.dac_vae`; the defaults are theirs.

    Attributes:
        encoder_dim: Channels at the full sample rate; every block of the encoder doubles them.
        encoder_rates: By how much each block of the encoder divides the rate.
        latent_dim: Channels between encoder, bottleneck and decoder.
        decoder_dim: Channels at the latents' rate; every block of the decoder halves them.
        decoder_rates: By how much each block of the decoder multiplies the rate; four, since the
            watermark has as many stages.
        codebook_dim: Numbers per latent frame.
        sample_rate: In Hz.
    """

    encoder_dim: Size = 64
    encoder_rates: _Rates = (2, 8, 10, 12)
    latent_dim: Size = 1024
    decoder_dim: Size = 1536
    decoder_rates: tuple[Rate, Rate, Rate, Rate] = (12, 10, 8, 2)
    codebook_dim: Size = 128
    sample_rate: Size = SAMPLE_RATE

    @model_validator(mode="after")
    def _rates_agree(self) -> "DacVaeConfig":
        if min(self.encoder_rates + self.decoder_rates) < 2:
            raise ValueError("every rate of the codec must be 2 or more")
        if self.samples_per_frame > self.sample_rate:
            raise ValueError(f"a frame of {self.samples_per_frame} samples is longer than a second")
        if math.prod(self.encoder_rates) != math.prod(self.decoder_rates):
            raise ValueError(
                f"encoder_rates {self.encoder_rates} and decoder_rates {self.decoder_rates} "
                "must have the same product"
            )
        # Four blocks halve it; layers of the watermark have a third of the channels, and half that.
        if self.decoder_dim % 96:
            raise ValueError(f"decoder_dim is {self.decoder_dim}, expected a multiple of 96")
        return self

    @property
    def samples_per_frame(self) -> int:
        """Samples that one latent frame stands for, 1920."""
        return math.prod(self.encoder_rates)

    @property
    def frame_rate(self) -> float:
        """Latent frames a second, 25."""
        return self.sample_rate / self.samples_per_frame

    @property
    def latent_channels(self) -> int:
        """Numbers per latent frame and stem, 128."""
        return self.codebook_dim

    @property
    def context_channels(self) -> int:
        """Numbers per frame that the released velocity fields get to see of the mixture, 512.

        Twice as many zeros as a latent has channels, then the mixture's latent twice.
        """
        return 4 * self.codebook_dim


class SeparatorConfig(_Strict):
    """A whole model: codec, prediction and transformer.

    Attributes:
        name: The model's name.
        codec: Constants of its codec.
        prediction: Whether the network's output is the velocity or the clean latents
            (`soundsift.sampling.flow`).
        text_encoder: The encoder whose token states the field reads.
        field: Sizes of the velocity field.
        vision: Sizes of the vision encoder; None for models without a video branch.
        span_predictor: Name on the Hub of the network that predicts spans from text; None for
            models whose codec it cannot read.
        window_seconds: Length of the windows of longer recordings: the model's training length.
        overlap_seconds: Overlap of consecutive windows.
    """

    name: str
    codec: MelCodecConfig | DacVaeConfig
    prediction: Literal["velocity", "data"] = "velocity"
    text_encoder: Literal["minilm", "t5-base"] = "minilm"
    field: VelocityFieldConfig
    vision: PeVisionConfig | None = None
    span_predictor: str | None = None
    window_seconds: float = Field(default=10.0, gt=0, le=600)
    overlap_seconds: float = Field(default=2.5, ge=0, le=600)

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


class MelSeparatorConfig(SeparatorConfig):
    """A model of the kind that is trained here, whose codec has no weights."""

    codec: MelCodecConfig


class AudioTransformerConfig(_Strict):
    """Sizes of an audio transformer of the PE-AV family (arXiv 2512.19687).

    Attributes:
        dim: Width of the residual stream.
        heads: Attention heads; `dim / heads` must be even, as rotary embeddings turn pairs.
        layers: Number of blocks.
        ffn_hidden: Hidden width of the gated feed-forward layers.
        norm_eps: Added to the mean square in every RMS norm.
        rope_theta: Base of the rotary wavelengths.
    """

    dim: Size
    heads: Size
    layers: Layers
    ffn_hidden: Size
    norm_eps: float = Field(default=1e-5, gt=0)
    rope_theta: float = Field(default=20000.0, gt=0)

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> "AudioTransformerConfig":
        if self.dim % (2 * self.heads):
            raise ValueError(f"dim {self.dim} must split into {self.heads} heads of even width")
        return self


class PeAFrameConfig(_Strict):
    """Sizes of PE-A-Frame, which predicts when a described sound is heard (arXiv 2512.19687).

    Attributes:
        audio: Sizes of the audio transformer.
        latent_channels: Channels of the codec's latents.
        text_dim: Width of the text encoder's state.
        embedding_dim: Width of the space in which frames and phrases meet.
    """

    audio: AudioTransformerConfig
    latent_channels: Size = 128
    text_dim: Size = 1024
    embedding_dim: Size = 1024


class JudgeConfig(_Strict):
    """Sizes of SAM Audio Judge (arXiv 2512.18099, section 6); the defaults are the published ones.

    Attributes:
        audio: Sizes of the transformer that mixture and separated sound each go through.
        fusion: Sizes of the transformer that compares them, knowing the phrase.
        latent_channels: Channels of the codec's latents.
        text_dim: Width of the text encoder's state.
        bottleneck_dim: Channels in which both sounds and the phrase are brought together.
    """

    audio: AudioTransformerConfig = AudioTransformerConfig(
        dim=1792, heads=14, layers=28, ffn_hidden=4800
    )
    fusion: AudioTransformerConfig = AudioTransformerConfig(
        dim=192, heads=3, layers=6, ffn_hidden=512
    )
    latent_channels: Size = 128
    text_dim: Size = 1024
    bottleneck_dim: Size = 256

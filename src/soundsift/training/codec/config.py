"""A training run of DAC-VAE as data; one YAML file a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from soundsift.config import DacVaeConfig
from soundsift.errors import SoundsiftError
from soundsift.training.config import OptimiserConfig, RunConfig


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AudioSourceConfig(_Strict):
    """Where crops of sound come from; exactly one of the three.

    Attributes:
        bank: folder of a sound bank, of which the split `train` is used.
        folder: folder of WAV, FLAC, Ogg or MP3 files, at any depth.
        toy: the toy world (`soundsift.data.toy_world`).
        share: how often it is drawn, relative to the other sources.
    """

    bank: Path | None = None
    folder: Path | None = None
    toy: bool = False
    share: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _one_source(self) -> AudioSourceConfig:
        if (self.bank is not None) + (self.folder is not None) + self.toy != 1:
            raise ValueError("expected one of bank, folder and toy: true")
        return self


class CodecLossConfig(_Strict):
    """Weights of the loss terms (`soundsift.training.codec.losses`).

    Attributes:
        mel: log-mel spectra at seven scales.
        stft: log and linear magnitudes of short-time Fourier transforms at two scales.
        wave: mean absolute error of the wave; 0 in DAC. It is what makes phase follow.
        adversarial: least squares against the discriminators.
        feature: distance of the discriminators' features.
        kl: divergence of the latents from a standard normal, in nats per number.
        balance: give every term but `kl` a share of the gradient of the decoded wave, in proportion
            to its weight (`soundsift.training.codec.balancer`), instead of weighting values.
        adversarial_from: step from which the discriminators join.
    """

    mel: float = Field(default=15.0, ge=0)
    stft: float = Field(default=1.0, ge=0)
    wave: float = Field(default=0.0, ge=0)
    adversarial: float = Field(default=1.0, ge=0)
    feature: float = Field(default=2.0, ge=0)
    kl: float = Field(default=1e-2, ge=0)
    balance: bool = True
    adversarial_from: int = Field(default=0, ge=0)


class DiscriminatorConfig(_Strict):
    """Sizes of the discriminators; the defaults are DAC's.

    Attributes:
        periods: of the multi-period discriminators, in samples.
        windows: of the multi-resolution discriminators, in samples.
        period_widths: channels of the convolutions of a multi-period discriminator.
        resolution_width: channels of the convolutions of a multi-resolution discriminator.
        optimiser: of the discriminators.
    """

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    windows: tuple[int, ...] = (2048, 1024, 512)
    period_widths: tuple[int, ...] = (32, 128, 512, 1024, 1024)
    resolution_width: int = Field(default=32, gt=0)
    optimiser: OptimiserConfig = OptimiserConfig(
        rate=1e-4, betas=(0.8, 0.99), weight_decay=0.01, clip=10.0, decay_share=0.5
    )


class CodecTrainingConfig(RunConfig):
    """Everything that decides a run.

    Attributes:
        network: tells this recipe from others.
        audio: where crops of sound come from.
        seconds: length of a crop, rounded up to whole latent frames.
        batch: crops in a batch, over all processes.
        gain_db: crops are brought to a random peak level in this range, in dB full scale.
        validation_crops: held-out crops of a validation, of `validation_seconds` each.
        start_from: folder of a codec or a separator whose codec to start from.
        model: the codec's sizes.
    """

    network: Literal["codec"]
    audio: tuple[AudioSourceConfig, ...] = Field(min_length=1)
    seconds: float = Field(default=0.38, gt=0)
    batch: int = Field(default=72, gt=0)
    gain_db: tuple[float, float] = (-24.0, -1.0)
    validation_crops: int = Field(default=48, gt=0)
    validation_seconds: float = Field(default=2.0, gt=0)
    start_from: Path | None = None
    model: DacVaeConfig = DacVaeConfig()
    loss: CodecLossConfig = CodecLossConfig()
    discriminators: DiscriminatorConfig = DiscriminatorConfig()
    optimiser: OptimiserConfig = OptimiserConfig(
        rate=1e-4, betas=(0.8, 0.99), weight_decay=0.01, clip=1e3, decay_share=0.5
    )

    @model_validator(mode="after")
    def _rates_are_even(self) -> CodecTrainingConfig:
        if any(rate % 2 for rate in self.model.encoder_rates):
            raise ValueError(
                f"model.encoder_rates {self.model.encoder_rates}: use even rates, at which the "
                "encoder's output has whole frames"
            )
        return self

    @property
    def samples(self) -> int:
        """Samples of a crop: whole latent frames."""
        frames = -(-self.seconds * self.model.sample_rate // self.model.samples_per_frame)
        return int(frames) * self.model.samples_per_frame

    def crops_of_each(self, processes: int) -> int:
        """Crops of a batch that each of so many processes has.

        Raises:
            SoundsiftError: if they cannot share it equally.
        """
        if self.batch % processes:
            raise SoundsiftError(
                f"A batch of {self.batch} crops cannot be shared by {processes} processes equally. "
                f"Set batch to a multiple of {processes}."
            )
        return self.batch // processes

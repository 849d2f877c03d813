"""A training run of the separator in DAC-VAE latents as data; one YAML file a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from soundsift.config import DacVaeConfig, SeparatorConfig
from soundsift.data.scene_config import SceneConfig
from soundsift.training.config import OptimiserConfig, RunConfig

#: Examples of a batch are numbered within it.
MOST_EXAMPLES = 1 << 16


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExampleSourceConfig(_Strict):
    """Where mixtures with their targets come from; exactly one of the three.

    Attributes:
        bank: folder of a sound bank, from which scenes are drawn.
        scenes: the law of the scenes; `drop_text`, `drop_spans` and examples in it are not used.
        triplets: a JSONL file of targets and residuals (`soundsift.training.triplets`).
        toy: the toy world (`soundsift.data.toy_world`).
        share: how often it is drawn, relative to the other sources.
    """

    bank: Path | None = None
    scenes: SceneConfig = SceneConfig()
    triplets: Path | None = None
    toy: bool = False
    share: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _one_source(self) -> ExampleSourceConfig:
        if (self.bank is not None) + (self.triplets is not None) + self.toy != 1:
            raise ValueError("expected one of bank, triplets and toy: true")
        return self


class LatentBatchConfig(_Strict):
    """How examples are grouped: every batch has one length, and as many as its frames allow.

    Attributes:
        seconds: shortest and longest length; each batch's is drawn uniformly.
        frames: latent frames of a batch, over all its examples and all processes.
        accumulate: parts in which a process goes through its share of a batch.
    """

    seconds: tuple[float, float] = (30.0, 30.0)
    frames: int = Field(default=768_000, gt=0)
    accumulate: int = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> LatentBatchConfig:
        shortest, longest = self.seconds
        if not 0 < shortest <= longest:
            raise ValueError(f"seconds {self.seconds}: expected shortest <= longest, above 0")
        return self


class FlowLossConfig(_Strict):
    """The loss: flow matching, and alignment of a middle block.

    Attributes:
        alignment: weight of the alignment term; 0 leaves it out.
        alignment_block: block whose state is aligned, counted from 0.
        alignment_hidden: width of the hidden layers of its network.
        time: law of flow time: uniform, or a standard normal through a sigmoid.
        sigma_min: s of the path.
    """

    alignment: float = Field(default=1.0, ge=0)
    alignment_block: int = Field(default=0, ge=0)
    alignment_hidden: int = Field(default=1024, gt=0)
    time: Literal["uniform", "logit-normal"] = "uniform"
    sigma_min: float = Field(default=1e-5, ge=0, lt=1)


class DropConfig(_Strict):
    """Probability that a kind of prompt is withheld, each drawn on its own.

    Attributes:
        text: of the phrase.
        spans: of the spans.
        video: of the video features.
    """

    text: float = Field(default=0.3, ge=0, le=1)
    spans: float = Field(default=0.3, ge=0, le=1)
    video: float = Field(default=0.3, ge=0, le=1)


class FrameModelConfig(_Strict):
    """What the alignment loss pulls towards: a network that hears the target.

    Attributes:
        kind: `hearing`, the default model's, or `pe-a-frame`, which reads latents of the released
            codec.
        model: its folder, or a name on the Hub; None for the hearing network of the package.
    """

    kind: Literal["hearing", "pe-a-frame"] = "hearing"
    model: str | None = None


class LatentTrainingConfig(RunConfig):
    """Everything that decides a run.

    Attributes:
        network: tells this recipe from others.
        data: where examples come from.
        codec: folder of the codec, or of a separator that has it; it is not trained.
        vision_from: folder of a released separator, whose vision encoder goes into the model; None
            for a model without a video branch.
        start_from: folder of a separator in either form to start from.
        frame_model: what hears targets for the alignment loss.
        model: the separator's sizes.
        batch: how examples are grouped.
        loss: weights of the loss terms.
        drop: how often prompts are withheld.
        precision: type of the transformer's products; weights, norms and sums are float32.
        checkpoint_activations: compute the inside of every block again in the backward pass instead
            of keeping it.
        compile: whether to compile the transformer's blocks.
        distinct_examples: draw only so many examples, and keep in memory what codec and frame model
            make of each, so that a step needs neither; None to draw without end. Noise, time and
            withheld prompts are new every time.
        validation_examples: held-out examples of a validation, asked by text, spans and both.
        validation_steps: midpoint steps with which they are separated.
    """

    network: Literal["latents"]
    data: tuple[ExampleSourceConfig, ...] = Field(min_length=1)
    codec: Path
    vision_from: Path | None = None
    start_from: Path | None = None
    frame_model: FrameModelConfig = FrameModelConfig()
    model: SeparatorConfig
    batch: LatentBatchConfig = LatentBatchConfig()
    loss: FlowLossConfig = FlowLossConfig()
    drop: DropConfig = DropConfig()
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    checkpoint_activations: bool = False
    compile: bool = False
    distinct_examples: int | None = Field(default=None, gt=0)
    validation_examples: int = Field(default=24, gt=0)
    validation_steps: int = Field(default=8, gt=0)
    optimiser: OptimiserConfig = OptimiserConfig(
        rate=1e-4, warmup=5000, decay_share=0.0, weight_decay=0.1, betas=(0.9, 0.999), ema=0.999
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> LatentTrainingConfig:
        model = self.model
        if not isinstance(model.codec, DacVaeConfig) or model.prediction != "velocity":
            raise ValueError("model: expected the sizes of DAC-VAE as codec, prediction: velocity")
        if (model.field.video_dim is None) != (self.vision_from is None):
            raise ValueError(
                "model.field.video_dim and vision_from go together: give both for a model that "
                "sees, neither for one that does not"
            )
        layers = model.field.transformer.layers
        if self.loss.alignment and self.loss.alignment_block >= layers:
            raise ValueError(
                f"loss.alignment_block is {self.loss.alignment_block}, but the model has {layers} "
                "blocks, counted from 0"
            )
        shortest = self.batch.seconds[0] * model.codec.frame_rate
        if self.batch.frames / shortest >= MOST_EXAMPLES:
            raise ValueError(f"batch.frames: expected at most {MOST_EXAMPLES} examples a batch")
        return self

    @property
    def codec_config(self) -> DacVaeConfig:
        """The codec's sizes."""
        assert isinstance(self.model.codec, DacVaeConfig)
        return self.model.codec

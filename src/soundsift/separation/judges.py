"""Judges by name: the default model's own, or SAM Audio Judge."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from soundsift.audio.resampling import resample
from soundsift.checkpoints import default_judge
from soundsift.checkpoints.hearing import Hearing, load_hearing, load_vocabulary
from soundsift.checkpoints.hearing import default_folder as hearing_folder
from soundsift.checkpoints.judge import JUDGE, ReleasedJudge, load_judge
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.store import CONFIG, DEFAULT
from soundsift.config import SAMPLE_RATE, MelCodecConfig
from soundsift.devices import pick_dtype
from soundsift.errors import SoundsiftError
from soundsift.models.components import ModelComponents
from soundsift.models.components import TextEncoder as Encoder
from soundsift.models.mel_codec import MelCodec
from soundsift.prompts import Prompt
from soundsift.separation.judging import Judgement, ResultJudge

#: Seconds that SAM Audio Judge rates at a time; longer recordings have several, of equal length.
_STRETCH_SECONDS = 30
#: Lengths may differ by so many seconds: lossy files are padded by their encoders.
_SLACK_SECONDS = 0.1


def has_judge(model: ModelComponents) -> bool:
    """Whether a model has a judge that rates its results as they are made."""
    return isinstance(model.codec, MelCodec) and default_judge.is_there()


def judge_of(model: ModelComponents) -> ResultJudge:
    """The judge that rates a model's results as they are made; see `has_judge`."""
    assert isinstance(model.codec, MelCodec)
    return _result_judge(default_judge.default_folder(), model.codec, model.text, model.device)


def _result_judge(
    folder: Path, codec: MelCodec, text: Encoder, device: torch.device | str
) -> ResultJudge:
    config, network = default_judge.load_default_judge(folder, device)
    place = torch.device(device)
    hearing = Hearing(load_hearing(hearing_folder(), place), text, pick_dtype(place))
    groups = [s.name for s in load_vocabulary(hearing_folder(), hearing) if s.kind == "group"]
    return ResultJudge(codec, config, network, hearing.network, text, hearing.phrases(groups))


class Judge(Protocol):
    """Rates separations without a reference."""

    def score(
        self, mixture: np.ndarray, target: np.ndarray, sample_rate: int, prompt: Prompt
    ) -> Judgement:
        """Rate a target separated from a mixture, both float32 `(channels, samples)`."""
        ...


class SamAudioJudge:
    """SAM Audio Judge as a `Judge`: by text, on the mean of the channels.

    Args:
        judge: the judge with its codec.
    """

    def __init__(self, judge: ReleasedJudge) -> None:
        self._judge = judge

    def score(
        self, mixture: np.ndarray, target: np.ndarray, sample_rate: int, prompt: Prompt
    ) -> Judgement:
        """See `Judge`.

        Raises:
            SoundsiftError: the prompt has no text.
        """
        if not prompt.text:
            raise SoundsiftError(
                "SAM Audio Judge rates by text. Name the sound, or use the default judge."
            )
        pair = [
            torch.from_numpy(resample(wave.mean(axis=0)[None], sample_rate, SAMPLE_RATE)[0])
            for wave in (mixture, target)
        ]
        parts = -(-len(pair[0]) // (_STRETCH_SECONDS * SAMPLE_RATE))
        scores = [
            (len(one), self._judge.score_waves(one, other[None], prompt.text))
            for one, other in zip(*(wave.tensor_split(parts) for wave in pair), strict=True)
        ]
        names = ("overall", "recall", "precision", "faithfulness")
        means = {
            name: sum(length * float(getattr(one, name)[0]) for length, one in scores)
            / len(pair[0])
            for name in names
        }
        return Judgement(**means, poor=False)


def open_judge(model: str | Path = DEFAULT, device: torch.device | str = "cpu") -> Judge:
    """Load a judge.

    Args:
        model: `default`, which comes with the package; the folder of a judge of ours or of a SAM
            Audio Judge; or a name in the Hub's cache, such as `facebook/sam-audio-judge`.
        device: where it computes.

    Raises:
        SoundsiftError: there is no such judge, or it is damaged.
    """
    folder = default_judge.default_folder() if str(model) == DEFAULT else Path(model).expanduser()
    if str(model) == DEFAULT and not default_judge.is_there():
        raise SoundsiftError(
            f"This installation has no judge of its own. Use another one, such as {JUDGE}."
        )
    if str(model) == DEFAULT or (folder / CONFIG).is_file():
        return _result_judge(
            folder, MelCodec(MelCodecConfig()).to(device), TextEncoder(device), device
        )
    if not folder.is_dir() and str(model).count("/") != 1:
        raise SoundsiftError(
            f"judge {str(model)!r} is neither {DEFAULT!r} nor a folder nor a name on the Hub. Use "
            f"one of the three, such as {JUDGE}."
        )
    return SamAudioJudge(load_judge(model, device, with_codec=True))


def judge_pair(
    judge: Judge,
    mixture: np.ndarray,
    target: np.ndarray,
    sample_rates: tuple[int, int],
    prompt: Prompt,
) -> Judgement:
    """Rate a target that was separated from a mixture, after checking that they fit together.

    Args:
        judge: the judge.
        mixture: float32 `(channels, samples)`.
        target: float32 `(channels, samples)`; with other channels, the means of both are compared.
        sample_rates: of mixture and target, in Hz.
        prompt: what was asked for.

    Raises:
        SoundsiftError: rates or lengths differ, or the prompt is empty.
    """
    rate, other = sample_rates
    if rate != other:
        raise SoundsiftError(
            f"The target is at {other} Hz and the mixture at {rate} Hz. Use one sample rate."
        )
    lengths = mixture.shape[-1], target.shape[-1]
    if abs(lengths[0] - lengths[1]) > _SLACK_SECONDS * rate:
        raise SoundsiftError(
            f"The target is {lengths[1] / rate:.2f} s long and the mixture {lengths[0] / rate:.2f} "
            "s. Use the whole sound that was separated from this recording."
        )
    prompt.check(lengths[0] / rate)
    if mixture.shape[0] != target.shape[0]:
        mixture, target = (wave.mean(axis=0, keepdims=True) for wave in (mixture, target))
    both = min(lengths)
    return judge.score(mixture[:, :both], target[:, :both], rate, prompt)

"""The judge of the default model: rates a separation without a reference.

What SAM Audio Judge (arXiv 2512.18099, section 6) is for the released models, at a thousandth of
the size. A small network reads statistics of mixture, target and residual in mel bands, and what
the hearing network says of the target's loudest moments; it rates the result from 1 to 5.

Shapes: B bands, T latent frames (25 Hz), C channels, N samples, W windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.config import DefaultJudgeConfig
from soundsift.models.mel_codec import MelCodec
from soundsift.spans import NEGATIVE, POSITIVE

RATINGS = ("overall", "recall", "precision", "faithfulness")

#: Coarse bands of the spectra's shapes.
_COARSE = 8
#: Energies this far below the mixture's mean cell count as silence.
_FLOOR = 1e-7
#: A frame this far below a sound's loudest one is silent.
_ACTIVE = 10.0**-3.0

#: Names of `statistics`, in order.
STATISTICS: tuple[str, ...] = (
    "target_level", "residual_level", "target_purity", "residual_purity", "target_share",
    "expected_error", "undecided", "added_energy", "cross_energy", "envelope_correlation",
    "change_correlation", "target_active", "mixture_active", "alone", "loudest_frame",
    "mask_change", "mask_roughness", "target_kurtosis", "mixture_kurtosis", "target_flatness",
    "mixture_flatness", "clipped", "crest", "has_text", "has_spans", "marked", "inside", "covered",
    "outside",
    *(f"target_band_{i}" for i in range(_COARSE)),
    *(f"mixture_band_{i}" for i in range(_COARSE)),
    *(f"purity_band_{i}" for i in range(_COARSE)),
)  # fmt: skip

#: Names of `hearing_evidence`, in order.
EVIDENCE: tuple[str, ...] = (
    "target_best", "target_mean", "target_worst", "margin", "margin_mean", "mixture_best",
    "mixture_mean",
)  # fmt: skip


@dataclass(frozen=True)
class Cells:
    """Energies of a separation in mel bands.

    Attributes:
        mixture, target, residual: `(B, T)`.
        peak, clipped: the target's largest sample, and the share of samples that reach it.
    """

    mixture: Tensor
    target: Tensor
    residual: Tensor
    peak: float
    clipped: float


def cells(codec: MelCodec, mixture: Tensor, target: Tensor) -> Cells:
    """Energies of mixture, target and what is left, from waves `(C, N)` at the codec's rate."""
    spectra = codec.spectrum(mixture), codec.spectrum(target)
    rest = spectra[0] - spectra[1]
    heard, found, left = (codec.cross_energy(one, one).sum(dim=0) for one in (*spectra, rest))
    magnitude = target.abs()
    peak = float(magnitude.amax()) if magnitude.numel() else 0.0
    flat = float((magnitude >= 0.999 * peak).float().mean()) if peak > 0 else 0.0
    return Cells(heard, found, left, peak, flat)


def statistics(of: Cells, anchors: Tensor | None, has_text: bool) -> Tensor:
    """Statistics of a separation, as named in `STATISTICS`.

    Args:
        of: its energies.
        anchors: `(T,)`, anchor ids of the spans; None without spans.
        has_text: whether the prompt has a phrase.

    Returns:
        `(len(STATISTICS),)`, float32.
    """
    mean = of.mixture.mean().clamp(min=1e-12)
    mixture, target, residual = (part / mean for part in (of.mixture, of.target, of.residual))
    whole = mixture.sum() + _FLOOR
    sums = target.sum() + _FLOOR, residual.sum() + _FLOOR
    mask = target / (target + residual + _FLOOR)
    purity = (target * mask).sum() / sums[0]
    rest_purity = (residual * (1 - mask)).sum() / sums[1]
    doubt = (mixture * mask * (1 - mask)).sum()
    undecided = (mixture * ((mask > 0.1) & (mask < 0.9))).sum() / whole
    frames = [part.sum(dim=0) for part in (mixture, target, residual)]
    levels = [torch.log10(frame + frame.mean() * 1e-4 + _FLOOR) for frame in frames]
    active = [frame > frame.amax() * _ACTIVE for frame in frames]
    alone = (frames[1] * (frames[2] < 0.1 * frames[1])).sum() / sums[0]
    cross = (mixture - target - residual).abs().sum() / whole
    added = (target - mixture).clamp(min=0).sum() / sums[0]
    width = target + residual
    weight = (width[:, 1:] + width[:, :-1]) / 2
    change = (mask.diff(dim=1).abs() * weight).sum() / (weight.sum() + _FLOOR)
    weight = (width[1:] + width[:-1]) / 2
    rough = (mask.diff(dim=0).abs() * weight).sum() / (weight.sum() + _FLOOR)
    values = [
        _decibels(sums[0] / whole),
        _decibels(sums[1] / whole),
        _decibels(1 - purity),
        _decibels(1 - rest_purity),
        (mixture * mask).sum() / whole,
        _decibels(doubt / sums[0]),
        undecided,
        _decibels(added),
        _decibels(cross),
        _correlation(levels[1], levels[2]),
        _correlation(levels[1].diff(), levels[2].diff()),
        active[1].float().mean(),
        active[0].float().mean(),
        alone,
        frames[1].amax() / sums[0],
        change,
        rough,
        _kurtosis(target),
        _kurtosis(mixture),
        _flatness(target),
        _flatness(mixture),
        target.new_tensor(of.clipped).clamp(min=1e-7).log10(),
        target.new_tensor(of.peak).square() / (sums[0] * mean / frames[0].numel() + 1e-12),
        target.new_tensor(float(has_text)),
        target.new_tensor(float(anchors is not None)),
    ]
    values[22] = torch.log10(values[22] + 1e-6)
    if anchors is None:
        values += [target.new_zeros(())] * 4
    else:
        ids = anchors[: frames[1].numel()].to(target.device)
        marked, outside = ids == POSITIVE, ids == NEGATIVE
        values += [
            marked.float().mean(),
            (frames[1] * marked).sum() / sums[0],
            (active[1] & marked).sum() / marked.sum().clamp(min=1),
            (frames[1] * outside).sum() / sums[0],
        ]
    # Shapes of the spectra, and where the target is pure.
    coarse = [
        part.sum(dim=1).reshape(_COARSE, -1).sum(dim=1) for part in (target, mixture, target * mask)
    ]
    shapes = [_decibels(part / (part.sum() + _FLOOR)) for part in coarse[:2]]
    pure = 1 - coarse[2] / (coarse[0] + _FLOOR)
    return torch.cat([torch.stack(values), *shapes, _decibels(pure)]).float()


def loudest_windows(target: Tensor, count: int, length: int) -> list[int]:
    """First frames of the windows in which a target is loudest, not overlapping, in order.

    Args:
        target: `(T,)`, its energies.
        count: windows at most.
        length: their frames; a shorter target has one window.
    """
    if len(target) <= length:
        return [0]
    sums = target.double().unfold(0, length, 1).sum(dim=1)
    starts: list[int] = []
    for _ in range(min(count, len(target) // length)):
        best = int(sums.argmax())
        if sums[best] < 0:
            break
        starts.append(best)
        sums[max(0, best - length + 1) : best + length] = -1.0
    return sorted(starts)


def window_energy(codec: MelCodec, wave: Tensor, starts: Sequence[int], length: int) -> Tensor:
    """Detailed energies of some windows of a wave.

    Args:
        codec: makes them.
        wave: `(C, N)` at the codec's rate.
        starts: the windows' first frames.
        length: their frames; a shorter wave is padded with silence.

    Returns:
        `(W, length * detail_subframes, detail_bands)`, over the mean of the channels.
    """
    size = codec.samples_per_frame
    cut = [wave[:, start * size : (start + length) * size] for start in starts]
    padded = [functional.pad(one, (0, length * size - one.shape[-1])) for one in cut]
    return codec.detail_energy(torch.stack(padded)).mean(dim=1).transpose(1, 2)


def hearing_evidence(target: Tensor, mixture: Tensor, references: Tensor) -> Tensor:
    """What the hearing network says of a target's loudest windows, as named in `EVIDENCE`.

    Args:
        target: `(W, T)`, logits of the phrase in the target.
        mixture: `(W, T)`, the same in the mixture.
        references: `(W, T, R)`, logits of other phrases in the target, for comparison.

    Returns:
        `(len(EVIDENCE),)`, float32.
    """
    own, seen = target.mean(dim=1), mixture.mean(dim=1)
    margin = (target[..., None] - references).mean(dim=1)
    values = [own.amax(), own.mean(), own.amin(), margin.amin(dim=-1).amax(), margin.mean()]
    return torch.stack([*values, seen.amax(), seen.mean()]).float()


class DefaultJudge(nn.Module):
    """The judge's own network: from statistics and evidence to ratings.

    Args:
        config: the sizes.
    """

    def __init__(self, config: DefaultJudgeConfig) -> None:
        super().__init__()
        self.config = config
        inputs = len(STATISTICS) + len(EVIDENCE)
        self.mean = nn.Parameter(torch.zeros(inputs), requires_grad=False)
        self.std = nn.Parameter(torch.ones(inputs), requires_grad=False)
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.Linear(inputs, config.hidden),
                nn.SiLU(),
                nn.Dropout(config.dropout),
                nn.Linear(config.hidden, config.hidden),
                nn.SiLU(),
                nn.Dropout(config.dropout),
                nn.Linear(config.hidden, len(RATINGS) + 1),
            )
            for _ in range(config.members)
        )

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Rate separations.

        Args:
            inputs: `(batch, statistics + evidence)`.

        Returns:
            Ratings `(members, batch, 4)`, not limited to 1 to 5, and logits `(members, batch)`
            that the sound is in the recording.
        """
        x = ((inputs - self.mean) / self.std).clamp(-6, 6)
        y = torch.stack([member(x) for member in self.members])
        return 3.0 + y[..., :-1], y[..., -1]


def _decibels(share: Tensor) -> Tensor:
    return 10 * torch.log10(share.clamp(min=1e-6))


def _correlation(first: Tensor, second: Tensor) -> Tensor:
    pair = [part - part.mean() for part in (first, second)]
    scale = (pair[0].square().sum() * pair[1].square().sum()).sqrt()
    return (pair[0] * pair[1]).sum() / scale.clamp(min=1e-9)


def _kurtosis(energies: Tensor) -> Tensor:
    """How much a sound's cells stand out in time: high for musical noise."""
    mean = energies.mean(dim=1)
    second = energies.square().mean(dim=1)
    return torch.log10((second.sum() + _FLOOR) / (mean.square().sum() + _FLOOR))


def _flatness(energies: Tensor) -> Tensor:
    spectrum = energies.mean(dim=1) + _FLOOR
    return torch.log10(spectrum).mean() - torch.log10(spectrum.mean())

"""The judge of the default model: rates a separation without a reference.

What SAM Audio Judge (arXiv 2512.18099, section 6) is for the released models. It reads statistics
of mixture, target and residual in mel bands, and what the hearing network says of the target's
loudest moments; ratings from 1 to 5 are linear in these, fitted by ridge regression.

Shapes: B bands, T latent frames (25 Hz), C channels, N samples, W windows, D embedding width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.models.hearing import HearingNetwork
from soundsift.models.mel_codec import MelCodec

RATINGS = ("overall", "recall", "precision", "faithfulness")

#: Energies this far below the mixture's mean cell count as silence.
_FLOOR = 1e-7
#: Inputs further from their mean than so many standard deviations count as so far.
_FURTHEST = 3.0

#: Names of `statistics`, in order.
STATISTICS = ("residual_level", "residual_purity", "envelopes_alike", "changes_alike")

#: Names of `hearing_evidence`, in order.
EVIDENCE = ("unlike", "alike", "contrast", "margin")


@dataclass(frozen=True)
class Cells:
    """Energies of a separation in mel bands.

    Attributes:
        mixture, target, residual: `(B, T)`.
    """

    mixture: Tensor
    target: Tensor
    residual: Tensor


def cells(codec: MelCodec, mixture: Tensor, target: Tensor) -> Cells:
    """Energies of mixture, target and what is left, from waves `(C, N)` at the codec's rate."""
    spectra = codec.spectrum(mixture), codec.spectrum(target)
    parts = (*spectra, spectra[0] - spectra[1])
    return Cells(*(codec.cross_energy(part, part).sum(dim=0) for part in parts))


def statistics(of: Cells) -> Tensor:
    """Statistics of a separation, as named in `STATISTICS`.

    The residual's level relative to the mixture, and the share of its energy in cells that belong
    to the target, both in dB; how much the envelopes of target and residual rise and fall together,
    by their levels and by the changes of these: what leaks does.

    Returns:
        `(len(STATISTICS),)`, float32.
    """
    mean = of.mixture.mean().clamp(min=1e-12)
    mixture, target, residual = (part / mean for part in (of.mixture, of.target, of.residual))
    whole = residual.sum() + _FLOOR
    mask = target / (target + residual + _FLOOR)
    frames = target.sum(dim=0), residual.sum(dim=0)
    levels = [torch.log10(frame + frame.mean() * 1e-4 + _FLOOR) for frame in frames]
    values = [
        _decibels(whole / (mixture.sum() + _FLOOR)),
        _decibels(1 - (residual * (1 - mask)).sum() / whole),
        _correlation(levels[0], levels[1]),
        _correlation(levels[0].diff(), levels[1].diff()),
    ]
    return torch.stack(values).float()


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


def hearing_evidence(
    network: HearingNetwork,
    target: Tensor,
    residual: Tensor,
    phrases: Tensor | None,
    references: Tensor,
) -> Tensor:
    """What the hearing network says of a target's loudest windows, as named in `EVIDENCE`.

    `unlike` is how differently target and residual are distributed over kinds of sound
    (Kullback-Leibler divergence), `alike` the cosine of their mean embeddings, `contrast` how far
    the logit of the phrase in the target lies above that in the residual, and `margin` how far it
    lies above that of the likeliest kind.

    Args:
        network: the hearing network.
        target: `(W, T, D)`, embeddings of the target's frames.
        residual: `(W, T, D)`, the same of the residual at the same times.
        phrases: `(P, D)`, of which the likeliest counts; None without any: their evidence is NaN.
        references: `(R, D)`, embeddings of kinds of sound.

    Returns:
        `(len(EVIDENCE),)`, float32.
    """
    means = target.mean(dim=1), residual.mean(dim=1)
    kinds = [network.logits(mean[None], references)[0] for mean in means]
    shares = [logits.log_softmax(dim=-1) for logits in kinds]
    unlike = (shares[0].exp() * (shares[0] - shares[1])).sum(dim=-1).mean()
    values = [unlike, functional.cosine_similarity(*means, dim=-1).mean()]
    if phrases is None:
        values += [target.new_full((), torch.nan)] * 2
    else:
        own, left = (network.logits(mean[None], phrases)[0].amax(dim=-1) for mean in means)
        values += [(own - left).mean(), (own - kinds[0].amax(dim=-1)).mean()]
    return torch.stack(values).float()


class DefaultJudge(nn.Module):
    """From statistics and evidence to ratings.

    Attributes:
        mean, std: of the inputs, as they were in training.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = len(STATISTICS) + len(EVIDENCE)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("std", torch.ones(inputs))
        self.ratings = nn.Linear(inputs, len(RATINGS))

    def standardised(self, inputs: Tensor) -> Tensor:
        """Inputs `(..., statistics + evidence)` in standard deviations; what is NaN becomes 0."""
        scaled = (inputs - self.mean) / self.std
        return scaled.nan_to_num(0.0).clamp(-_FURTHEST, _FURTHEST)

    def forward(self, inputs: Tensor) -> Tensor:
        """Rate separations.

        Args:
            inputs: `(..., statistics + evidence)`, NaN where one is not known.

        Returns:
            `(..., 4)`, as named in `RATINGS`, not limited to 1 to 5.
        """
        rated: Tensor = self.ratings(self.standardised(inputs))
        return rated


def _decibels(share: Tensor) -> Tensor:
    return 10 * torch.log10(share.clamp(min=1e-6))


def _correlation(first: Tensor, second: Tensor) -> Tensor:
    pair = [part - part.mean() for part in (first, second)]
    scale = (pair[0].square().sum() * pair[1].square().sum()).sqrt()
    return (pair[0] * pair[1]).sum() / scale.clamp(min=1e-9)

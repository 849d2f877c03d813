"""From a model's estimates to the stems that are written: sums, amounts and parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soundsift.audio import complement, quantise

#: Seconds over which the target fades in and out at the ends of a part.
_FADE = 0.01


@dataclass(frozen=True)
class Finishing:
    """What becomes of the estimates of target and residual.

    Attributes:
        sample_format: of the stems: s16, s24 or f32.
        mixture_consistent: whether the residual is what the target leaves of the mixture.
        exclusive: whether the prompts share the mixture.
        inverted: for each prompt, whether its target is everything but what it names.
        kept: share of the target's amplitude that stays in the residual.
        fades: samples over which the target begins and ends; 0 where the recording does.
        length: samples in all; counts with a fade at the end.
    """

    sample_format: str
    mixture_consistent: bool
    exclusive: bool = False
    inverted: Sequence[bool] = ()
    kept: float = 0.0
    fades: tuple[int, int] = (0, 0)
    length: int = 0

    def finish(self, mixture: np.ndarray, estimates: np.ndarray, start: int = 0) -> np.ndarray:
        """The stems of a block.

        Args:
            mixture: `(channels, samples)`.
            estimates: `(prompts, 1 or 2, channels, samples)`: the target, and the residual unless
                the model is mixture-consistent.
            start: number of the block's first sample.

        Returns:
            `(prompts, 2, channels, samples)`, target and residual on the sample format's grid; of
            exclusive prompts, the rest comes last.
        """
        fade = self._fade(start, mixture.shape[1])
        if self.exclusive:
            return self._shared(mixture, estimates[:, 0] * (fade * np.float32(1 - self.kept)))
        if self.mixture_consistent:
            pairs = [
                self._pair(mixture, own[0], fade, self._is_inverted(number))
                for number, own in enumerate(estimates)
            ]
            return np.stack([np.stack(pair) for pair in pairs])
        whole = self.kept == 0 and not np.ndim(fade)
        done = []
        for number, own in enumerate(estimates):
            target, residual = own[::-1] if self._is_inverted(number) else own
            if not whole:
                residual = fade * (residual + self.kept * target) + (1 - fade) * mixture
                target = (1 - self.kept) * fade * target
            done.append(np.stack((target, residual)))
        return quantise(np.stack(done), self.sample_format)

    def outside(self, mixture: np.ndarray, prompts: int) -> np.ndarray:
        """The stems of a block that is not asked about: nothing is taken out of it.

        Args:
            mixture: `(channels, samples)`.
            prompts: number of prompts.
        """
        whole = quantise(mixture, self.sample_format)
        nothing = np.zeros_like(whole)
        stems = [np.stack((nothing, whole))] * prompts
        return np.stack([*stems, np.stack((whole, nothing))] if self.exclusive else stems)

    def _pair(
        self, mixture: np.ndarray, target: np.ndarray, fade: np.ndarray | np.float32, swap: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        pair = complement(mixture, target, self.sample_format)
        if swap:
            pair = pair[::-1]
        if self.kept == 0 and not np.ndim(fade):
            return pair
        # Inverted or not, it is the target that becomes softer; the residual takes what it loses.
        return complement(mixture, pair[0] * (fade * np.float32(1 - self.kept)), self.sample_format)

    def _shared(self, mixture: np.ndarray, estimates: np.ndarray) -> np.ndarray:
        """All targets and the rest of the mixture, each with its residual."""
        targets, rest = [], mixture
        for own in estimates:
            # What clips in the rest stays with the target, so that the sum is kept.
            target, rest = complement(rest, own, self.sample_format)
            targets.append(target)
        whole = quantise(mixture, self.sample_format)
        return np.stack(
            [np.stack((own, quantise(whole - own, self.sample_format))) for own in (*targets, rest)]
        )

    def _is_inverted(self, number: int) -> bool:
        return bool(self.inverted) and self.inverted[number]

    def _fade(self, start: int, samples: int) -> np.ndarray | np.float32:
        """Weights of the target, `(samples,)`, or 1."""
        begin, end = self.fades
        touches_begin = begin > 0 and start < begin
        touches_end = end > 0 and start + samples > self.length - end
        if not (touches_begin or touches_end):
            return np.float32(1)
        places = np.arange(start, start + samples, dtype=np.float32)
        weights = np.ones(samples, np.float32)
        if touches_begin:
            weights = np.minimum(weights, places / begin)
        if touches_end:
            weights = np.minimum(weights, (self.length - 1 - places) / end)
        return weights


def kept_share(by: float | None) -> float:
    """Amplitude of a sound that is lowered by so many dB; 0 for one that is taken out."""
    return 0.0 if by is None else float(10 ** (-by / 20))


def fade_samples(sample_rate: int) -> int:
    """Length of a fade."""
    return max(1, round(_FADE * sample_rate))

"""The rankers of the released models' candidates: CLAP and SAM Audio Judge, loaded when needed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from soundsift.checkpoints.clap import CLAP, Clap
from soundsift.checkpoints.hub import find_folder
from soundsift.checkpoints.judge import AUTHORS_BRANCH, JUDGE, ReleasedJudge, load_judge
from soundsift.models.judge import Scores

#: Beside the weights, in models that bring their rankers along.
OWN_CLAP, OWN_JUDGE = "clap", "judge"


class ReleasedRankers:
    """CLAP and the judge, each loaded at its first use and kept until `unload`.

    Args:
        folder: the separator's folder; rankers in it, as `clap` and `judge`, come before those in
            the Hub's cache.
        device: where they compute.
        dtype: type of the judge's weights.
    """

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self._folder, self._device, self._dtype = folder, device, dtype
        self._clap: Clap | None = None
        self._judge: ReleasedJudge | None = None

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the rankers that are in memory."""
        held = {OWN_CLAP: self._clap, OWN_JUDGE: self._judge}
        return tuple(name for name, ranker in held.items() if ranker is not None)

    def check(self) -> None:
        """Find both, so that one that is missing is named before any long work.

        Raises:
            SoundsiftError: one of them is not on this machine.
        """
        find_folder(self._own(OWN_CLAP) or CLAP)
        find_folder(self._own(OWN_JUDGE) or JUDGE, revision=AUTHORS_BRANCH, gated=True)

    def similarity(self, waves: Tensor, phrase: str) -> Tensor:
        """Cosine between sounds and a phrase, by CLAP.

        Args:
            waves: `(batch, samples)`, mono, at 48 kHz.
            phrase: the sound that was asked for.

        Returns:
            `(batch,)`, from -1 to 1.

        Raises:
            SoundsiftError: CLAP is not there or damaged.
        """
        if self._clap is None:
            self._clap = Clap(self._own(OWN_CLAP) or CLAP, self._device)
        return self._clap.similarity(waves, phrase).cpu()

    def ratings(self, mixture: Tensor, waves: Tensor, phrase: str) -> Scores:
        """Scores of sounds separated from one mixture, by the judge.

        Args:
            mixture: `(samples,)`, mono, at 48 kHz.
            waves: `(batch, samples)`, as long.
            phrase: the sound that was asked for.

        Returns:
            Scores of the batch, from 1 to 5.

        Raises:
            SoundsiftError: the judge is not there or damaged.
        """
        if self._judge is None:
            own = self._own(OWN_JUDGE)
            self._judge = load_judge(own or JUDGE, self._device, self._dtype, with_codec=True)
        return self._judge.score_waves(mixture, waves, phrase)

    def unload(self) -> None:
        """Free the memory of both."""
        self._clap = self._judge = None

    def _own(self, name: str) -> Path | None:
        folder = self._folder / name
        return folder if folder.is_dir() else None

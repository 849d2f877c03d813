"""The known sound that a phrase means: another way to ask for it."""

from __future__ import annotations

from pathlib import Path

import torch

from soundsift.checkpoints.hearing import Hearing, load_vocabulary


class Rephraser:
    """Finds names that the models were trained with.

    Args:
        folder: of the hearing network, with its vocabulary.
        hearing: the network.
    """

    def __init__(self, folder: Path, hearing: Hearing) -> None:
        self._hearing = hearing
        self._names = [s.name for s in load_vocabulary(folder, hearing) if s.kind != "group"]

    @torch.inference_mode()
    def nearest(self, phrase: str) -> str | None:
        """The name of the known sound that is nearest to a phrase; None if it is the phrase."""
        known = self._hearing.phrases(self._names)
        name = self._names[int((known @ self._hearing.phrases([phrase])[0]).argmax())]
        return None if name.casefold() == phrase.strip().casefold() else name

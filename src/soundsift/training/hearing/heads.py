"""Training of the hearing network's heads on outputs of its convolutions that are kept on disk.

Convolutions take nine tenths of a step. As long as they stay as they are, their outputs for a scene
are computed once, and the rest of the network sees the scene many times, each time with other
phrases.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from soundsift.checkpoints.store import complete_file
from soundsift.models.hearing import HearingNetwork
from soundsift.models.mel_codec import MelCodec
from soundsift.training.hearing.batches import HearingBatches, MixedScenes


class KeptScenes:
    """Batches of mixed scenes with the outputs of the convolutions, a file each.

    Args:
        folder: where they are kept.
        network: its convolutions.
        codec: makes the context.
        batches: mixes the scenes.
    """

    def __init__(
        self, folder: Path, network: HearingNetwork, codec: MelCodec, batches: HearingBatches
    ) -> None:
        self.folder, self.network, self.codec, self.batches = folder, network, codec, batches
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, numbers: Iterable[int]) -> None:
        """Mix so many batches and keep them; those that are kept already are left alone."""
        missing = [number for number in numbers if not self._file(number).exists()]
        for number in tqdm(missing, desc="mixing", disable=not missing):
            mixed = self.batches.mixed(number)
            context = self.codec.detail_context(torch.from_numpy(mixed.energies))
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                levels = self.network.pyramid(self.network.features(context))
            tensors = {f"level.{i}": x.bfloat16().contiguous() for i, x in enumerate(levels)}
            tensors["parts"] = torch.from_numpy(mixed.parts)
            tensors["concepts"] = torch.from_numpy(mixed.concepts)
            with complete_file(self._file(number)) as part:
                save_file(tensors, part)

    def read(self, numbers: Iterable[int]) -> tuple[list[Tensor], MixedScenes]:
        """Batches joined: outputs of the convolutions, and the scenes without their energies."""
        files = [load_file(self._file(number)) for number in numbers]
        count = sum(name.startswith("level.") for name in files[0])
        levels = [torch.cat([file[f"level.{i}"] for file in files]) for i in range(count)]
        most = max(file["parts"].shape[1] for file in files)
        parts = [_padded(file["parts"].numpy(), most, 0.0) for file in files]
        concepts = [_padded(file["concepts"].numpy(), most, -1) for file in files]
        empty = np.zeros((sum(len(p) for p in parts), 0, 0), np.float32)
        return levels, MixedScenes(empty, np.concatenate(parts), np.concatenate(concepts))

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:05d}.safetensors"


def _padded(values: np.ndarray, count: int, fill: float) -> np.ndarray:
    """Rows of sources filled up to so many."""
    widths = [(0, 0), (0, count - values.shape[1]), *[(0, 0)] * (values.ndim - 2)]
    return np.pad(values, widths, constant_values=fill)

"""The hearing network on disk: a folder with its configuration, weights and vocabulary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from importlib import resources
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from safetensors.torch import save_file
from torch import Tensor

from soundsift.checkpoints.hub import read_text
from soundsift.checkpoints.int8 import from_int8
from soundsift.checkpoints.state_dict import build, finite, read_safetensors
from soundsift.checkpoints.store import (
    WEIGHTS,
    Stored,
    complete_file,
    encode,
    read_config,
    save_network,
)
from soundsift.config import HearingCalibration, HearingConfig
from soundsift.errors import SoundsiftError, one_line
from soundsift.models.components import TextEncoder
from soundsift.models.hearing import HearingNetwork

VOCABULARY, EMBEDDINGS = "vocabulary.json", "vocabulary.safetensors"


class KnownSound(BaseModel):
    """A sound that a hearing network was trained to know.

    Attributes:
        name: its name, a phrase.
        kind: speech, singing, music, instrument, effect, ambience, or group.
        groups: names of the groups that it belongs to.
        like: names of sounds that sound alike; of a group, those that share sounds with it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: str
    groups: tuple[str, ...] = ()
    like: tuple[str, ...] = ()


_VOCABULARY = TypeAdapter(tuple[KnownSound, ...])


class Hearing:
    """A hearing network with its text encoder: when described sounds are heard.

    A `soundsift.models.components.SpanPredictor`.

    Args:
        network: the network, in eval mode; what reads the mixture is converted.
        text: encodes the phrases.
        dtype: type in which the mixture is read.
    """

    def __init__(
        self, network: HearingNetwork, text: TextEncoder, dtype: torch.dtype = torch.float32
    ) -> None:
        self.network, self.text = network, text
        for part in network.of_mixture():
            part.to(dtype)
        self._phrases: dict[str, Tensor] = {}

    @property
    def calibration(self) -> HearingCalibration:
        """How probabilities become spans and confidences."""
        return self.network.config.calibration

    @torch.no_grad()
    def phrases(self, phrases: Sequence[str]) -> Tensor:
        """Embeddings of phrases, `(phrases, embedding_dim)`, of length 1; each is made once."""
        missing = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self._phrases]
        for start in range(0, len(missing), _PHRASES_AT_A_TIME):
            some = missing[start : start + _PHRASES_AT_A_TIME]
            states, mask = self.text.encode_batch(list(some))
            assert states is not None
            assert mask is not None
            made = self.network.embed_phrases(states.float(), mask)
            self._phrases.update(zip(some, made, strict=True))
        return torch.stack([self._phrases[phrase] for phrase in phrases])

    def remember(self, phrases: Sequence[str], embeddings: Tensor) -> None:
        """Take the embeddings of phrases, `(phrases, embedding_dim)`, as known."""
        device = self.network.to_frame.weight.device
        self._phrases.update(zip(phrases, embeddings.to(device), strict=True))

    @torch.no_grad()
    def frame_probabilities(self, context: Tensor, phrases: list[str]) -> Tensor:
        """See `soundsift.models.components.SpanPredictor`."""
        frames = self.network.embed_frames(context)
        logits = self.network.logits(frames, self.phrases(phrases))
        return logits[0].T.sigmoid()


#: Phrases that are embedded together.
_PHRASES_AT_A_TIME = 64


def default_folder() -> Path:
    """The folder of the network that comes with the package."""
    return Path(str(resources.files("soundsift") / "weights" / "hearing"))


def save_vocabulary(folder: Path, sounds: Sequence[KnownSound], hearing: Hearing) -> None:
    """Write the sounds that a network knows beside its weights.

    Their embeddings are written, too: the text encoder takes seconds for hundreds of names.
    """
    embeddings = hearing.phrases([sound.name for sound in sounds])
    with complete_file(folder / EMBEDDINGS) as part:
        save_file({"embeddings": embeddings.half().contiguous()}, part)
    lines = ",\n".join(json.dumps(s.model_dump(), ensure_ascii=False) for s in sounds)
    with complete_file(folder / VOCABULARY) as part:
        part.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def load_vocabulary(folder: Path, hearing: Hearing) -> tuple[KnownSound, ...]:
    """Read the sounds that a network knows, and give it the embeddings of their names.

    Raises:
        SoundsiftError: if the file is missing or damaged.
    """
    file = folder / VOCABULARY
    if not file.is_file() or not (folder / EMBEDDINGS).is_file():
        raise SoundsiftError(
            f"{folder} has no {VOCABULARY}, the names of known sounds. Name the sounds to listen "
            "for."
        )
    try:
        sounds = _VOCABULARY.validate_json(read_text(file))
    except ValidationError as error:
        raise SoundsiftError(f"{file}: not a list of known sounds: {one_line(error)}.") from error
    embeddings = finite(read_safetensors(folder / EMBEDDINGS), folder)["embeddings"].float()
    if embeddings.shape != (len(sounds), hearing.network.config.embedding_dim):
        raise SoundsiftError(
            f"{folder}: {EMBEDDINGS} and {VOCABULARY} disagree. Write them anew from the network."
        )
    hearing.remember([sound.name for sound in sounds], embeddings)
    return sounds


def save_hearing(folder: Path, network: HearingNetwork, stored: Stored = "float32") -> None:
    """Write a network, each file atomically; the folder is made if missing."""
    save_network(folder, network.config, encode(network.state_dict(), stored))


def load_hearing(folder: Path, device: torch.device | str = "cpu") -> HearingNetwork:
    """Read a network.

    Raises:
        SoundsiftError: if a file is missing or damaged, or the two disagree.
    """
    config = read_config(folder, HearingConfig, "a hearing network")
    weights = finite(from_int8(read_safetensors(folder / WEIGHTS), folder), folder)
    return build(
        partial(HearingNetwork, config), weights, folder, torch.device(device), torch.float32
    )

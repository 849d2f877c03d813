"""The default model's text encoder for phrases known beforehand, in a few megabytes.

A machine that trains may have no tokenizer. So the phrases travel with their token ids, and the
encoder with the words that occur, matrices in eight bits (`soundsift.checkpoints.int8`): 12 MB
instead of 91.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from soundsift.checkpoints.int8 import SCALE, from_int8, round_rows
from soundsift.checkpoints.state_dict import finite, load_safetensors
from soundsift.errors import SoundsiftError, one_line
from soundsift.models.text import VOCABULARY, WIDTH

_PHRASES, _WEIGHTS = "phrases.json.gz", "model.safetensors"
#: The embeddings of words, and which words they are of.
_WORDS, _WORD_IDS = "words.weight", "word_ids"


@dataclass(frozen=True)
class Tokens:
    """Token ids of a phrase."""

    ids: list[int]


class PackedTokenizer:
    """Token ids of the phrases that it was packed with.

    Args:
        ids: of each phrase.
        source: where they come from, for messages.
    """

    def __init__(self, ids: Mapping[str, list[int]], source: Path) -> None:
        self.ids, self.source = ids, source

    def encode(self, phrase: str) -> Tokens:
        """Token ids of a phrase.

        Raises:
            SoundsiftError: if it was not packed.
        """
        if phrase not in self.ids:
            raise SoundsiftError(
                f"{self.source} does not have the phrase {phrase!r}. Pack it again with the bank "
                "that it is used with."
            )
        return Tokens(self.ids[phrase])


def save_packed(folder: Path, ids: Mapping[str, list[int]], weights: Mapping[str, Tensor]) -> None:
    """Write an encoder of some phrases.

    Args:
        folder: made if missing.
        ids: token ids of each phrase.
        weights: of the whole `soundsift.models.text.MiniLM`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(ids, ensure_ascii=False, separators=(",", ":"))
    (folder / _PHRASES).write_bytes(gzip.compress(text.encode(), mtime=0))
    words = torch.tensor(sorted(_words(ids.values())))
    stored = {_WORD_IDS: words}
    for name, weight in weights.items():
        own = weight[words] if name == _WORDS else weight
        if own.ndim == 2:
            stored[name], stored[name + SCALE] = round_rows(own)
        else:
            stored[name] = own.float().contiguous()
    save_file(stored, folder / _WEIGHTS)


def read_packed(folder: Path) -> tuple[PackedTokenizer, dict[str, Tensor]]:
    """The tokenizer and the weights of an encoder that `save_packed` wrote.

    Words that occur in no phrase have embeddings of zero.

    Raises:
        SoundsiftError: if a file is missing or damaged.
    """
    try:
        ids = json.loads(gzip.decompress((folder / _PHRASES).read_bytes()))
    except (OSError, EOFError, ValueError) as error:
        raise SoundsiftError(
            f"{folder}: not a packed text encoder: {one_line(error)}. Pack it again."
        ) from error
    stored = load_safetensors(folder / _WEIGHTS)
    words = stored.pop(_WORD_IDS)
    read = finite(from_int8(stored, folder), folder)
    weights = {name: read[name] for name in read}
    whole = torch.zeros(VOCABULARY, WIDTH)
    whole[words] = weights[_WORDS]
    return PackedTokenizer(ids, folder), weights | {_WORDS: whole}


def _words(phrases: Iterable[list[int]]) -> set[int]:
    return {word for ids in phrases for word in ids}

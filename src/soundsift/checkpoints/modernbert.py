"""ModernBERT (arXiv 2412.13663), the text encoder of PE-A-Frame and the judge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from soundsift.checkpoints.pretrained import load_pretrained
from soundsift.errors import SoundsiftError, one_line
from soundsift.optional import library

#: Settings of old files that today's library has no use for.
_OBSOLETE = ("reference_compile", "repad_logits_with_grad", "layer_norm_eps", "torch_dtype")
_LAYER = re.compile(r"layers\.(\d+)\.")


class PhraseEncoder:
    """Phrases to one state each; each distinct phrase is encoded once.

    Args:
        tokenizer: cuts long phrases, does not pad.
        model: Transformers' `ModernBertModel`, in eval mode, whose output is the wanted state.
        device: device of the model.
    """

    def __init__(self, tokenizer: Tokenizer, model: nn.Module, device: torch.device | str) -> None:
        self.tokenizer, self.model, self.device = tokenizer, model, torch.device(device)
        self._states: dict[str, Tensor] = {}

    def encode(self, phrases: list[str]) -> Tensor:
        """States of the phrases' first token, `(batch, dim)`."""
        for phrase in phrases:
            if phrase not in self._states:
                tokens = torch.tensor([self.tokenizer.encode(phrase).ids], device=self.device)
                with torch.no_grad():
                    self._states[phrase] = self.model(input_ids=tokens).last_hidden_state[0, 0]
        return torch.stack([self._states[phrase] for phrase in phrases])


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
        config: the whole model's configuration, as in its `config.json`.
        weights: weights of the whole model or of the layers needed, by name.
        state: which hidden state the output is: after so many layers; None for the last.
        source: where they come from, for messages.
        dtype: type of the weights.
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
    if state is not None and (not isinstance(state, int) or state < 0):
        raise SoundsiftError(f"{source}: nth_text_layer is {state!r}; expected a number of layers.")
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
    """Transformers' configuration of the whole model, from its part of a `config.json`.

    Raises:
        ValueError: if it is not the configuration of a ModernBERT.
    """
    kept = {key: value for key, value in config.items() if key not in _OBSOLETE}
    make = library("transformers").ModernBertConfig
    try:
        return make(**kept)
    except Exception as error:  # of a damaged configuration, the library raises anything
        raise ValueError(f"ModernBERT: {one_line(error)}") from error


def _layer(name: str) -> int:
    """The layer that a weight belongs to; -1 for those outside the layers."""
    match = _LAYER.match(name)
    return int(match[1]) if match else -1

"""The part of PEFT's `adapter_config.json` that decides what a LoRA adapter's weights mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

_LARGEST_RANK = 1024
#: Keys of patterns are regular expressions. Those without groups, and with few repetitions, are
#: matched in little time, whatever file they come from.
_PATTERN = re.compile(r"[\w.\\^$|*+-]{1,200}")
_MOST_REPETITIONS = 3
#: Ways of PEFT to begin a training that leave the model's own weights as they are.
_PLAIN_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")

_Rank = Annotated[int, Field(gt=0, le=_LARGEST_RANK)]
_Value = TypeVar("_Value", int, float)


class PeftConfig(BaseModel):
    """Settings of an adapter, under PEFT's names; others of PEFT's concern training only."""

    model_config = ConfigDict(extra="ignore")

    peft_type: str
    r: _Rank
    lora_alpha: float
    bias: str = "none"
    fan_in_fan_out: bool = False
    use_rslora: bool = False
    use_dora: bool = False
    modules_to_save: list[str] | None = None
    rank_pattern: dict[str, _Rank] | None = None
    alpha_pattern: dict[str, float] | None = None
    init_lora_weights: bool | str | None = True
    lora_bias: bool = False
    use_qalora: bool = False
    use_bdlora: Any = None
    arrow_config: Any = None
    kasa_config: Any = None
    monteclora_config: Any = None
    alora_invocation_tokens: list[int] | None = None
    layer_replication: Any = None
    target_parameters: list[str] | None = None
    trainable_token_indices: Any = None

    def unsupported(self) -> list[str]:
        """Features that change what the weights mean, and are not supported."""
        start = self.init_lora_weights
        found = {
            f"type {self.peft_type}": self.peft_type != "LORA",
            "DoRA": self.use_dora,
            "trained biases": self.bias != "none" or self.lora_bias,
            "whole layers beside LoRA (modules_to_save)": bool(self.modules_to_save),
            "transposed weights (fan_in_fan_out)": self.fan_in_fan_out,
            f"init_lora_weights {start!r}": start not in _PLAIN_STARTS,
            "QA-LoRA": self.use_qalora,
            "BD-LoRA": bool(self.use_bdlora),
            "Arrow": bool(self.arrow_config),
            "KaSA": bool(self.kasa_config),
            "MonteCLoRA": bool(self.monteclora_config),
            "activated LoRA": bool(self.alora_invocation_tokens),
            "layer_replication": bool(self.layer_replication),
            "target_parameters": bool(self.target_parameters),
            "trainable_token_indices": bool(self.trainable_token_indices),
        }
        return [what for what, there in found.items() if there]

    def rank(self, layer: str) -> int:
        """Rank of a layer's product."""
        return _by_pattern(self.rank_pattern, layer, self.r)

    def scale(self, layer: str) -> float:
        """Factor of a layer's product."""
        alpha = _by_pattern(self.alpha_pattern, layer, self.lora_alpha)
        rank = self.rank(layer)
        return float(alpha / (rank**0.5 if self.use_rslora else rank))

    @field_validator("rank_pattern", "alpha_pattern")
    @classmethod
    def _patterns_are_simple(cls, patterns: dict[str, Any] | None) -> dict[str, Any] | None:
        for pattern in patterns or ():
            repetitions = pattern.count("*") + pattern.count("+")
            simple = _PATTERN.fullmatch(pattern) and repetitions <= _MOST_REPETITIONS
            if not simple or not _compiles(pattern):
                raise ValueError(
                    f"the pattern {pattern[:80]!r} is not supported; use names of layers"
                )
        return patterns


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _by_pattern(patterns: Mapping[str, _Value] | None, layer: str, otherwise: _Value) -> _Value:
    """What patterns say of a layer, as PEFT reads them: the first that matches its name's end."""
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", layer):
            return value
    return otherwise

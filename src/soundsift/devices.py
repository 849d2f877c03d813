"""Which device to compute on and in which precision: the one place where that is decided."""

from __future__ import annotations

from typing import Literal

import torch

from soundsift.errors import SoundsiftError


def pick_device(wanted: str | None = None) -> torch.device:
    """CUDA, then MPS, then the CPU, unless one is asked for.

    Raises:
        SoundsiftError: if the device asked for is unknown or not there, or is not a name, perhaps
            with a number, such as cuda:1.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if wanted is None:
        return torch.device(available[0])
    kind, colon, number = wanted.partition(":")
    if kind not in available:
        raise SoundsiftError(
            f"device {wanted!r} is not available here; expected one of {', '.join(available)}."
        )
    count = torch.cuda.device_count() if kind == "cuda" else 1
    numbers = [str(index) for index in range(count)]
    if colon and number not in numbers:
        expected = ", ".join([kind, *(f"{kind}:{index}" for index in numbers)])
        raise SoundsiftError(
            f"device {wanted!r} is not available here; expected one of {expected}."
        )
    return torch.device(wanted)


Precision = Literal["auto", "float32", "bfloat16"]
"""How products are computed; everything else is float32 in any case."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def pick_dtype(device: torch.device, wanted: str = "auto") -> torch.dtype:
    """The type that a velocity field's products run in.

    float16 is not offered: it overflows at 65504, which no weights of ours have been tried for, and
    float32 is right wherever bfloat16 does not pay.

    Args:
        device: where to compute.
        wanted: a `Precision`. "auto" takes bfloat16 where the hardware multiplies it. It may be
            asked for elsewhere too: slower than float32 there, in half of the memory.

    Raises:
        SoundsiftError: if the precision asked for is unknown.
    """
    if wanted == "auto":
        return torch.bfloat16 if bfloat16_pays(device) else torch.float32
    if wanted not in _DTYPES:
        raise SoundsiftError(
            f"precision {wanted!r} is unknown; expected one of auto, {', '.join(_DTYPES)}."
        )
    return _DTYPES[wanted]


def bfloat16_pays(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Not in every PyTorch that we support; without it, float32 is the safe guess.
        capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False

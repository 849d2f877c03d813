"""Choose the device and the matmul precision."""

from __future__ import annotations

from typing import Literal

import torch

from soundsift.errors import SoundsiftError


def pick_device(wanted: str | None = None) -> torch.device:
    """The requested device, or the first available of CUDA, MPS and the CPU.

    Raises:
        SoundsiftError: the requested device is unknown, unavailable, or no name with an optional
            number such as cuda:1.
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
"""Matmul precision; everything else is computed in float32."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def pick_dtype(device: torch.device, wanted: str = "auto") -> torch.dtype:
    """The dtype of the velocity field's matrix products.

    float16 is not offered: it overflows at 65504, which was never tested with these weights.

    Args:
        device: device to compute on.
        wanted: a `Precision`. "auto" picks bfloat16 where the hardware supports it. Elsewhere,
            bfloat16 is slower than float32 but takes half the memory.

    Raises:
        SoundsiftError: the precision is unknown.
    """
    if wanted == "auto":
        return torch.bfloat16 if bfloat16_pays(device) else torch.float32
    if wanted not in _DTYPES:
        raise SoundsiftError(
            f"precision {wanted!r} is unknown; expected one of auto, {', '.join(_DTYPES)}."
        )
    return _DTYPES[wanted]


def bfloat16_pays(device: torch.device) -> bool:
    """Whether the device supports bfloat16 in hardware; emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Missing in some supported versions of PyTorch; float32 is the safe choice then.
        capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False

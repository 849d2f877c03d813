"""Which device to compute on and in which precision: the one place where that is decided."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from soundsift.errors import SoundsiftError


def pick_device(wanted: str | None = None) -> torch.device:
    """CUDA, then MPS, then the CPU, unless one is asked for.

    Raises:
        SoundsiftError: if the device asked for is unknown or not there.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if wanted is None:
        return torch.device(available[0])
    if wanted.partition(":")[0] not in available:
        raise SoundsiftError(
            f"device {wanted!r} is not available here; expected one of {', '.join(available)}."
        )
    return torch.device(wanted)


def bfloat16_pays(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Not in every PyTorch that we support; without it, float32 is the safe guess.
        capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Products in bfloat16 where that pays, everything in float32 elsewhere."""
    if bfloat16_pays(device):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()

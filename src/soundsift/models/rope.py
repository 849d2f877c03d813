"""Rotary position embedding on interleaved pairs of channels (arXiv 2104.09864)."""

import torch
from torch import Tensor


def rotary_table(frames: int, head_dim: int, theta: float, device: torch.device) -> Tensor:
    """Cosines and sines of every position's angles.

    Args:
        frames: Number of positions, counted from 0.
        head_dim: Channels per head, even.
        theta: Base of the wavelengths: pair i turns `theta ** (-2 i / head_dim)` radians a frame.
        device: Where to put the table.

    Returns:
        `(2, frames, head_dim / 2)`, float32: cosines, then sines.
    """
    pairs = torch.arange(0, head_dim, 2, device=device, dtype=torch.float32)
    positions = torch.arange(frames, device=device, dtype=torch.float32)
    angles = torch.outer(positions, theta ** (-pairs / head_dim))
    return torch.stack((angles.cos(), angles.sin()))


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn channels (0, 1), (2, 3), ... of every head by the angle of their position.

    Written with real numbers: complex products neither exist in bfloat16 nor compile.

    Args:
        x: `(batch, heads, frames, head_dim)`.
        table: `(2, frames, head_dim / 2)` from `rotary_table`.

    Returns:
        `(batch, heads, frames, head_dim)`, in the wider type of both arguments.
    """
    cos, sin = table.unbind(0)
    even, odd = x.reshape(*x.shape[:-1], -1, 2).unbind(-1)
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)

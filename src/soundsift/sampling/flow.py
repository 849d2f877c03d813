"""Conditional flow matching: the path from noise to data, and what a network may predict along it.

The path of arXiv 2512.18099, section 3 (after arXiv 2210.02747), with noise x_0, data x_1 and time
t from 0 to 1:

    x_t = t x_1 + (1 - (1 - s) t) x_0,    velocity = x_1 - (1 - s) x_0

A network predicts either the velocity or the data; given x_t and t, each follows from the other:

    velocity = (x_1 - (1 - s) x_t) / (1 - (1 - s) t)
    x_1 = (1 - (1 - s) t) velocity + (1 - s) x_t

Every `time` here is `(batch,)` or a single number as a tensor; all else is `(batch, ...)`, of one
shape.
"""

from typing import Literal

from torch import Tensor

Prediction = Literal["velocity", "data"]
"""What a network's output means."""

SIGMA_MIN = 1e-5
"""The `s` above: the noise that is left at t = 1, in units of the data."""


def interpolate(noise: Tensor, data: Tensor, time: Tensor, sigma_min: float = SIGMA_MIN) -> Tensor:
    """The point on the path at a time.

    Args:
        noise: `(batch, ...)`, standard normal.
        data: `(batch, ...)`.
        time: `(batch,)` or a scalar, from 0 (noise) to 1 (data).
        sigma_min: Noise left at t = 1.

    Returns:
        `(batch, ...)`.
    """
    time = _per_item(time, data)
    return time * data + (1 - (1 - sigma_min) * time) * noise


def velocity_target(noise: Tensor, data: Tensor, sigma_min: float = SIGMA_MIN) -> Tensor:
    """The velocity of the path between a noise and a data point, the same at all times.

    Args:
        noise: `(batch, ...)`.
        data: `(batch, ...)`.
        sigma_min: Noise left at t = 1.

    Returns:
        `(batch, ...)`.
    """
    return data - (1 - sigma_min) * noise


def velocity_from_data(
    data: Tensor, x: Tensor, time: Tensor, sigma_min: float = SIGMA_MIN
) -> Tensor:
    """The velocity that leads to the given data.

    An error in the data is divided by the noise left at that time: almost by zero close to t = 1.
    The divisor is kept at `SIGMA_MIN` or above, so that the result stays finite, but at t = 1 it is
    of no use: `soundsift.sampling.solvers` never evaluates a field there.

    Args:
        data: `(batch, ...)`, predicted or true.
        x: `(batch, ...)`, the point on the path.
        time: `(batch,)` or a scalar.
        sigma_min: Noise left at t = 1.

    Returns:
        `(batch, ...)`.
    """
    noise_level = 1 - (1 - sigma_min) * _per_item(time, x)
    return (data - (1 - sigma_min) * x) / noise_level.clamp_min(SIGMA_MIN)


def data_from_velocity(
    velocity: Tensor, x: Tensor, time: Tensor, sigma_min: float = SIGMA_MIN
) -> Tensor:
    """The data that a velocity leads to. Well behaved at all times.

    Args:
        velocity: `(batch, ...)`, predicted or true.
        x: `(batch, ...)`, the point on the path.
        time: `(batch,)` or a scalar.
        sigma_min: Noise left at t = 1.

    Returns:
        `(batch, ...)`.
    """
    return (1 - (1 - sigma_min) * _per_item(time, x)) * velocity + (1 - sigma_min) * x


def as_velocity(
    output: Tensor, prediction: Prediction, x: Tensor, time: Tensor, sigma_min: float = SIGMA_MIN
) -> Tensor:
    """Read a network's output as a velocity.

    Args:
        output: `(batch, ...)`.
        prediction: What the output means.
        x: `(batch, ...)`, the point on the path that the network saw.
        time: `(batch,)` or a scalar.
        sigma_min: Noise left at t = 1.

    Returns:
        `(batch, ...)`.
    """
    if prediction == "velocity":
        return output
    return velocity_from_data(output, x, time, sigma_min)


def as_data(
    output: Tensor, prediction: Prediction, x: Tensor, time: Tensor, sigma_min: float = SIGMA_MIN
) -> Tensor:
    """Read a network's output as data.

    Args:
        output: `(batch, ...)`.
        prediction: What the output means.
        x: `(batch, ...)`, the point on the path that the network saw.
        time: `(batch,)` or a scalar.
        sigma_min: Noise left at t = 1.

    Returns:
        `(batch, ...)`.
    """
    if prediction == "data":
        return output
    return data_from_velocity(output, x, time, sigma_min)


def _per_item(time: Tensor, x: Tensor) -> Tensor:
    """Give `(batch,)` trailing axes, to multiply `(batch, ...)`; a scalar stays as it is."""
    return time if time.ndim == 0 else time.reshape(-1, *[1] * (x.ndim - 1))

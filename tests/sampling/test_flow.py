"""The path from noise to data, and the two ways to predict along it."""

import pytest
import torch
from torch import Tensor

from soundsift.sampling.flow import (
    SIGMA_MIN,
    Prediction,
    as_data,
    as_velocity,
    data_from_velocity,
    interpolate,
    velocity_from_data,
    velocity_target,
)


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(3, 5, 4).double(), torch.randn(3, 5, 4).double()


def test_ends_of_the_path(pair: tuple[Tensor, Tensor]) -> None:
    noise, data = pair
    torch.testing.assert_close(interpolate(noise, data, torch.zeros(3)), noise)
    end = interpolate(noise, data, torch.ones(3).double(), sigma_min=0.1)
    torch.testing.assert_close(end, data + 0.1 * noise)


@pytest.mark.parametrize("sigma_min", [0.0, SIGMA_MIN, 0.1])
def test_velocity_is_the_derivative(pair: tuple[Tensor, Tensor], sigma_min: float) -> None:
    noise, data = pair
    time = torch.tensor([0.1, 0.5, 0.9]).double()
    path = [interpolate(noise, data, time + step, sigma_min) for step in (-0.05, 0.05)]
    expected = velocity_target(noise, data, sigma_min)
    torch.testing.assert_close((path[1] - path[0]) / 0.1, expected)


@pytest.mark.parametrize("sigma_min", [0.0, SIGMA_MIN, 0.1])
def test_data_and_velocity_follow_from_each_other(
    pair: tuple[Tensor, Tensor], sigma_min: float
) -> None:
    noise, data = pair
    velocity = velocity_target(noise, data, sigma_min)
    for time in (torch.tensor([0.0, 0.5, 0.99]).double(), torch.tensor(0.3).double()):
        x = interpolate(noise, data, time, sigma_min)
        torch.testing.assert_close(velocity_from_data(data, x, time, sigma_min), velocity)
        torch.testing.assert_close(data_from_velocity(velocity, x, time, sigma_min), data)


@pytest.mark.parametrize("prediction", ["velocity", "data"])
def test_reading_an_output(pair: tuple[Tensor, Tensor], prediction: Prediction) -> None:
    noise, data = pair
    time = torch.tensor(0.4).double()
    x, velocity = interpolate(noise, data, time), velocity_target(noise, data)
    output = velocity if prediction == "velocity" else data
    torch.testing.assert_close(as_velocity(output, prediction, x, time), velocity)
    torch.testing.assert_close(as_data(output, prediction, x, time), data)


@pytest.mark.parametrize("sigma_min", [0.0, SIGMA_MIN])
def test_finite_at_the_end(sigma_min: float) -> None:
    data, x = torch.ones(2, 3), torch.full((2, 3), 0.5)
    assert velocity_from_data(data, x, torch.ones(2), sigma_min).isfinite().all()

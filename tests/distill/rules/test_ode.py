"""Steps along the probability-flow ODE against its exact solution for Gaussian data."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distill.rules.ode import denoise, invert
from tests.distill.gaussian import SHAPE, STD, gaussian_prior, mean_of

COUNT = 3


def spread(t: Tensor) -> Tensor:
    """The standard deviation of x_t, [B, 1, 1, 1]."""
    schedule = gaussian_prior().schedule
    return (schedule.alpha(t) ** 2 * STD**2 + schedule.sigma(t) ** 2).sqrt()


def exact_up(x: Tensor, t: Tensor, mean: Tensor) -> Tensor:
    return gaussian_prior().schedule.alpha(t) * mean + spread(t) / STD * (x - mean)


def exact_down(x_t: Tensor, t: Tensor, mean: Tensor) -> Tensor:
    return mean + STD / spread(t) * (x_t - gaussian_prior().schedule.alpha(t) * mean)


@pytest.mark.parametrize(("solve", "exact"), [(invert, exact_up), (denoise, exact_down)], ids=["up", "down"])
def test_more_steps_come_closer_to_the_exact_solution(solve, exact) -> None:
    prior = gaussian_prior()
    embeds = prior.embed(["apple"] * COUNT)
    t = torch.tensor([100, 500, 900])
    start = torch.randn(COUNT, *SHAPE, generator=torch.Generator().manual_seed(1))
    wanted = exact(start, t, mean_of("apple"))

    def error(steps: int) -> float:
        solved = solve(prior.schedule, start, t, lambda x, now: prior.predict_noise(x, now, embeds), steps)
        return float((solved - wanted).norm() / wanted.norm())

    errors = [error(steps) for steps in (2, 10, 80)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.03


def test_down_and_up_again() -> None:
    prior = gaussian_prior()
    embeds = prior.embed(["apple"] * COUNT)
    t = torch.tensor([50, 400, 950])
    x = torch.randn(COUNT, *SHAPE, generator=torch.Generator().manual_seed(2))

    def predict(x_now: Tensor, now: Tensor) -> Tensor:
        return prior.predict_noise(x_now, now, embeds)

    x_t = invert(prior.schedule, x, t, predict, 400)
    back = denoise(prior.schedule, x_t, t, predict, 400)
    assert (back - x).norm() < 0.03 * x.norm()
    assert (x_t - x).norm() > 0.3 * x.norm()


def test_no_steps_are_an_error() -> None:
    prior = gaussian_prior()
    with pytest.raises(ValueError, match="0 steps"):
        denoise(prior.schedule, torch.zeros(1, *SHAPE), torch.tensor([5]), lambda x, now: x, 0)

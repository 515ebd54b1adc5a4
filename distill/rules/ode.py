"""The probability-flow ODE (equation 3 of arXiv 2406.09417), solved by DDIM steps in either direction.

A DDIM step (arXiv 2010.02502, eta = 0) is an Euler step in sigma / alpha. Timesteps are [B], each picture its own;
`None` is clean: alpha = 1, sigma = 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from distill.schedule import NoiseSchedule

Predict = Callable[[Tensor, Tensor], Tensor]  # (x_t, t) to the noise prediction


def move(schedule: NoiseSchedule, x: Tensor, noise: Tensor, at: Tensor | None, to: Tensor | None) -> Tensor:
    """x at one time, with its noise prediction, carried straight to another time."""
    clean = x if at is None else schedule.predict_x0(x, at, noise)
    return clean if to is None else schedule.add_noise(clean, to, noise)


def denoise(schedule: NoiseSchedule, x_t: Tensor, t: Tensor, predict: Predict, steps: int) -> Tensor:
    """From x_t down to a clean picture, in `steps` predictions at even distances from t on."""
    times = even_times(t, steps)[:0:-1]
    for i, now in enumerate(times):
        x_t = move(schedule, x_t, predict(x_t, now), now, times[i + 1] if i + 1 < steps else None)
    return x_t


def invert(schedule: NoiseSchedule, x: Tensor, t: Tensor, predict: Predict, steps: int) -> Tensor:
    """From a clean picture up to x_t, in `steps` predictions, each made where its step begins."""
    times = even_times(t, steps)
    for i, (now, following) in enumerate(itertools.pairwise(times)):
        x = move(schedule, x, predict(x, now), now if i else None, following)
    return x


def even_times(t: Tensor, steps: int) -> list[Tensor]:
    """steps + 1 timesteps [B] from 0 to t."""
    if steps < 1:
        raise ValueError(f"{steps} steps along the ODE: it takes one or more")
    return [(t * i / steps).round().to(torch.int64) for i in range(steps + 1)]

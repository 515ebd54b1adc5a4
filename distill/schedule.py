"""The noise schedule: x_t = alpha_t x + sigma_t eps (equation 4 of arXiv 2406.09417), and its use.

T is the number of timesteps, t an integer timestep [B] in 0..T-1. Every conversion between a model's output
and the noise prediction stands here, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

Parametrization = Literal["epsilon", "v_prediction", "sample", "flow"]
Weighting = Literal["uniform", "sigma_squared"]


@dataclass(frozen=True)
class NoiseSchedule:
    """alphas [T] and sigmas [T], float32."""

    alphas: Tensor
    sigmas: Tensor

    @classmethod
    def from_alphas_cumprod(cls, alphas_cumprod: Tensor) -> NoiseSchedule:
        """The variance-preserving schedule: alpha² = alpha-bar, sigma² = 1 - alpha-bar."""
        alphas_cumprod = alphas_cumprod.double()
        return cls(alphas_cumprod.sqrt().float(), (1 - alphas_cumprod).sqrt().float())

    @classmethod
    def flow(cls, steps: int = 1000) -> NoiseSchedule:
        """Rectified flow: alpha = 1 - sigma, at the middles of `steps` even steps, so that neither is ever 0."""
        sigmas = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
        return cls((1 - sigmas).float(), sigmas.float())

    def __len__(self) -> int:
        return len(self.alphas)

    def to(self, device: torch.device | str) -> NoiseSchedule:
        return NoiseSchedule(self.alphas.to(device), self.sigmas.to(device))

    def alpha(self, t: Tensor) -> Tensor:
        """alpha_t as [B, 1, 1, 1], ready to weigh a batch of images."""
        return self.alphas[t].view(-1, 1, 1, 1)

    def sigma(self, t: Tensor) -> Tensor:
        """sigma_t as [B, 1, 1, 1]."""
        return self.sigmas[t].view(-1, 1, 1, 1)

    def timestep(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The timestep [B] with that ratio of alpha to sigma [B, 1, 1, 1], between the integers where it lies there."""
        ratios = (self.sigmas.double() / self.alphas.double()).log()
        wanted = (sigma.double() / alpha.double()).log().flatten().clamp(ratios[0], ratios[-1])
        after = torch.searchsorted(ratios, wanted).clamp(1, len(self) - 1)
        share = (wanted - ratios[after - 1]) / (ratios[after] - ratios[after - 1])
        return (after - 1 + share).float()

    def add_noise(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t for x and noise [B, C, h, w]."""
        return self.alpha(t) * x + self.sigma(t) * noise

    def predict_x0(self, x_t: Tensor, t: Tensor, epsilon: Tensor) -> Tensor:
        """The clean image that x_t and a noise prediction imply."""
        return (x_t - self.sigma(t) * epsilon) / self.alpha(t)

    def bounded_epsilon(self, x_t: Tensor, t: Tensor, epsilon: Tensor) -> Tensor:
        """The noise prediction nearest to `epsilon` that implies a clean image in -1..1."""
        return (x_t - self.alpha(t) * self.predict_x0(x_t, t, epsilon).clamp(-1, 1)) / self.sigma(t)

    def to_epsilon(self, output: Tensor, x_t: Tensor, t: Tensor, parametrization: Parametrization) -> Tensor:
        """A model's output [B, C, h, w] as a noise prediction.

        "flow" is rectified flow, v = eps - x with alpha = 1 - sigma. Raises ValueError for another name.
        """
        if parametrization == "epsilon":
            return output
        if parametrization == "v_prediction":
            return self.alpha(t) * output + self.sigma(t) * x_t
        if parametrization == "sample":
            return (x_t - self.alpha(t) * output) / self.sigma(t)
        if parametrization == "flow":
            return x_t + self.alpha(t) * output
        raise _unknown(parametrization)

    def from_epsilon(self, noise: Tensor, x_t: Tensor, t: Tensor, parametrization: Parametrization) -> Tensor:
        """What a model of that parametrization would put out for this noise: the inverse of `to_epsilon`."""
        if parametrization == "epsilon":
            return noise
        if parametrization == "v_prediction":
            return (noise - self.sigma(t) * x_t) / self.alpha(t)
        if parametrization == "sample":
            return self.predict_x0(x_t, t, noise)
        if parametrization == "flow":
            return (noise - x_t) / self.alpha(t)
        raise _unknown(parametrization)

    def weight(self, t: Tensor, weighting: Weighting) -> Tensor:
        """w(t) as [B, 1, 1, 1]: 1, or sigma_t² as the paper's code weighs the first stage."""
        if weighting == "uniform":
            return torch.ones_like(self.sigma(t))
        if weighting == "sigma_squared":
            return self.sigma(t) ** 2
        raise ValueError(f"weighting {weighting!r} is none of {', '.join(get_args(Weighting))}")


def _unknown(parametrization: str) -> ValueError:
    return ValueError(f"parametrization {parametrization!r} is none of {', '.join(get_args(Parametrization))}")


@dataclass(frozen=True)
class TimestepRange:
    """Fractions of T between which timesteps are drawn uniformly."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(f"timestep range {self.low}..{self.high}: wanted 0 <= low < high <= 1")


class Timesteps(Protocol):
    """Where a stage's timesteps come from."""

    def sample(self, count: int, progress: float, num_timesteps: int, generator: torch.Generator) -> Tensor:
        """`count` integer timesteps [count] int64 at progress 0..1 of the stage, on the generator's device."""
        ...


@dataclass(frozen=True)
class AnnealedTimesteps:
    """No draw: all at the same time, which goes evenly from `start` to `end` (fractions of T)."""

    start: float = 0.98
    end: float = 0.25

    def sample(self, count: int, progress: float, num_timesteps: int, generator: torch.Generator) -> Tensor:
        here = self.start + (self.end - self.start) * min(progress, 1.0)
        at = min(round(here * num_timesteps), num_timesteps - 1)
        return torch.full((count,), at, device=generator.device)


@dataclass(frozen=True)
class TimestepSchedule:
    """Draws from `first`, and from `later` once `narrow_from` (a fraction) of the steps is done."""

    first: TimestepRange = TimestepRange(0.02, 0.98)
    later: TimestepRange = TimestepRange(0.02, 0.5)
    narrow_from: float = 0.2

    def at(self, progress: float) -> TimestepRange:
        """The range in force at progress 0..1."""
        return self.later if progress >= self.narrow_from else self.first

    def sample(self, count: int, progress: float, num_timesteps: int, generator: torch.Generator) -> Tensor:
        """`count` integer timesteps [count] int64, the range's ends included, on its device."""
        here = self.at(progress)
        low = round(here.low * num_timesteps)
        high = min(round(here.high * num_timesteps), num_timesteps - 1)
        return torch.randint(low, high + 1, (count,), generator=generator, device=generator.device)

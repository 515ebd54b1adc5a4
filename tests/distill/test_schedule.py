"""The noise schedule: conversions keep to their definitions, timesteps come from where they should."""

from __future__ import annotations

import pytest
import torch

from distill.schedule import NoiseSchedule, Parametrization, TimestepRange, TimestepSchedule
from tests.distill.gaussian import schedule


def noised() -> tuple[NoiseSchedule, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    noise_schedule = schedule()
    x, noise = torch.randn(2, 5, 3, 4, 4)
    t = torch.tensor([0, 20, 500, 980, 999])
    return noise_schedule, x, noise, t, noise_schedule.add_noise(x, t, noise)


def test_alpha_and_sigma_keep_the_variance() -> None:
    noise_schedule = schedule()
    assert torch.allclose(noise_schedule.alphas**2 + noise_schedule.sigmas**2, torch.ones(1000), atol=1e-6)


def test_a_noise_level_has_a_timestep_between_the_integers() -> None:
    noise_schedule, t = schedule(), torch.tensor([3, 500, 990])
    alpha, sigma = noise_schedule.alpha(t), noise_schedule.sigma(t)
    assert torch.allclose(noise_schedule.timestep(alpha, sigma), t.float(), atol=0.01)
    between = noise_schedule.timestep(2 * alpha, sigma)  # half the noise for the same picture
    assert (between < t).all() and not torch.equal(between, between.round())
    assert noise_schedule.timestep(torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), 1e-9)).tolist() == [0.0]


def test_every_parametrization_gives_the_same_noise() -> None:
    noise_schedule, x, noise, t, x_t = noised()
    alpha, sigma = noise_schedule.alpha(t), noise_schedule.sigma(t)
    velocity = alpha * noise - sigma * x
    outputs: dict[Parametrization, torch.Tensor] = {"epsilon": noise, "v_prediction": velocity, "sample": x}
    for name, output in outputs.items():
        back = noise_schedule.to_epsilon(output, x_t, t, name)
        assert torch.allclose(back, noise, atol=1e-4), name


def test_flow_velocity_on_a_straight_schedule() -> None:
    levels = torch.linspace(0, 1, 11)
    flow = NoiseSchedule(alphas=1 - levels, sigmas=levels)
    x, noise = torch.randn(2, 11, 3, 4, 4)
    t = torch.arange(11)
    back = flow.to_epsilon(noise - x, flow.add_noise(x, t, noise), t, "flow")
    assert torch.allclose(back, noise, atol=1e-5)


def test_x0_is_what_was_noised() -> None:
    noise_schedule, x, noise, t, x_t = noised()
    assert torch.allclose(noise_schedule.predict_x0(x_t, t, noise), x, atol=1e-3)


def test_unknown_names_are_listed() -> None:
    noise_schedule, x, _, t, x_t = noised()
    with pytest.raises(ValueError, match="v_prediction"):
        noise_schedule.to_epsilon(x, x_t, t, "velocity")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="sigma_squared"):
        noise_schedule.weight(t, "snr")  # pyright: ignore[reportArgumentType]


def test_timesteps_narrow_with_progress_and_follow_the_seed() -> None:
    times = TimestepSchedule(TimestepRange(0.02, 0.98), TimestepRange(0.02, 0.5), narrow_from=0.2)

    def draw(progress: float) -> torch.Tensor:
        return times.sample(4000, progress, 1000, torch.Generator().manual_seed(3))

    early, late = draw(0.19), draw(0.2)
    assert early.dtype == torch.int64
    assert (int(early.min()), int(early.max())) == (20, 980)
    assert (int(late.min()), int(late.max())) == (20, 500)
    assert torch.equal(early, draw(0.0))


def test_the_last_timestep_is_inside_the_schedule() -> None:
    times = TimestepSchedule(TimestepRange(0.9, 1.0), TimestepRange(0.9, 1.0))
    assert times.sample(500, 0.0, 10, torch.Generator().manual_seed(0)).max() == 9


def test_an_empty_range_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"0\.5\.\.0\.2"):
        TimestepRange(0.5, 0.2)

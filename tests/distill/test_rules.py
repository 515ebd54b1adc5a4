"""Every rule against its closed form: for data ~ N(mu, s²) the exact noise prediction is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distill.bridge import Bridge
from distill.prior_gaussian import GaussianPrior
from distill.rule import NonFiniteGradient, PromptBatch
from distill.sds import SDS
from tests.distill.gaussian import SHAPE, STD, gaussian_prior, mean_of, prompt_batch


def step(
    rule: SDS | Bridge, prior: GaussianPrior, x: Tensor, t: Tensor, noise: Tensor, prompts: PromptBatch
) -> Tensor:
    return rule.step(rule.init(prior), prior, x, t, noise, prompts)[0]


def draw(count: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, count, *SHAPE, generator=generator)
    return x, torch.randint(20, 980, (count,), generator=generator), noise


def shrink(prior: GaussianPrior, t: Tensor) -> Tensor:
    """sigma / (alpha² s² + sigma²), which turns a distance from the mean into noise."""
    alpha, sigma = prior.schedule.alpha(t), prior.schedule.sigma(t)
    return sigma / (alpha**2 * STD**2 + sigma**2)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_bridge_is_the_scaled_difference_of_the_means(count: int) -> None:
    prior = gaussian_prior()
    x, t, noise = draw(count)
    gradient = step(Bridge(weight=25.0), prior, x, t, noise, prompt_batch(prior, "clean", "foggy", count))
    closed = 25.0 * shrink(prior, t) * prior.schedule.alpha(t) * (mean_of("foggy") - mean_of("clean"))
    assert torch.allclose(gradient, closed, atol=1e-4)


def test_bridge_descends_from_source_to_target() -> None:
    prior = gaussian_prior()
    x, t, noise = draw(4)
    gradient = step(Bridge(), prior, x, t, noise, prompt_batch(prior, "clean", "foggy", 4))
    assert (-gradient * (mean_of("clean") - mean_of("foggy"))).flatten(1).sum(1).min() > 0


def test_bridge_is_zero_between_equal_prompts() -> None:
    prior = gaussian_prior()
    x, t, noise = draw(4)
    assert step(Bridge(), prior, x, t, noise, prompt_batch(prior, "same", "same", 4)).abs().max() == 0


@pytest.mark.parametrize("scale", [0.0, 1.0, 7.5, 100.0])
def test_sds_at_every_guidance_scale(scale: float) -> None:
    """Guided mean: mu_∅ + s (mu_y - mu_∅); s = 0 ignores the prompt, s = 1 is the conditional model alone."""
    prior = gaussian_prior()
    x, t, noise = draw(6)
    gradient = step(SDS(scale, "uniform"), prior, x, t, noise, prompt_batch(prior, "apple", "", 6))
    x_t = prior.schedule.add_noise(x, t, noise)
    guided_mean = mean_of("") + scale * (mean_of("apple") - mean_of(""))
    closed = shrink(prior, t) * (x_t - prior.schedule.alpha(t) * guided_mean) - noise
    assert torch.allclose(gradient, closed, atol=1e-4 * max(scale, 1))


def test_sds_at_scale_one_is_the_conditional_prediction() -> None:
    prior = gaussian_prior()
    x, t, noise = draw(4)
    prompts = prompt_batch(prior, "apple", "", 4)
    gradient = step(SDS(1.0, "uniform"), prior, x, t, noise, prompts)
    conditional = prior.predict_noise(prior.schedule.add_noise(x, t, noise), t, prompts.target)
    assert torch.allclose(gradient, conditional - noise, atol=1e-6)


def test_sds_is_linear_in_the_guidance_scale() -> None:
    prior = gaussian_prior()
    x, t, noise = draw(4)
    prompts = prompt_batch(prior, "apple", "", 4)
    at = {scale: step(SDS(scale), prior, x, t, noise, prompts) for scale in (0.0, 1.0, 30.0)}
    assert torch.allclose(at[30.0] - at[0.0], 30 * (at[1.0] - at[0.0]), atol=1e-4)


def test_sds_weight_is_sigma_squared() -> None:
    prior = gaussian_prior()
    x, t, noise = draw(4)
    prompts = prompt_batch(prior, "apple", "", 4)
    plain, weighted = (step(SDS(30.0, w), prior, x, t, noise, prompts) for w in ("uniform", "sigma_squared"))
    assert torch.allclose(weighted, prior.schedule.sigma(t) ** 2 * plain)


def test_sds_vanishes_on_average_at_the_guided_mode_and_nowhere_else() -> None:
    prior = gaussian_prior()
    count, scale = 4096, 7.5
    prompts = prompt_batch(prior, "apple", "", count)
    _, _, noise = draw(count)
    t = torch.full((count,), 400)
    mode = (scale * mean_of("apple")).expand(count, *SHAPE)
    at_mode = step(SDS(scale), prior, mode, t, noise, prompts).mean(0)
    away = step(SDS(scale), prior, mode + 1.0, t, noise, prompts).mean(0)
    assert at_mode.abs().max() < 0.02
    assert away.min() > 0.1  # positive: descending it goes back


def test_descending_sds_arrives_at_the_guided_mode() -> None:
    prior = gaussian_prior()
    prompts = prompt_batch(prior, "apple", "", 4)
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(4, *SHAPE)
    trail = []
    for _ in range(600):
        t = torch.randint(20, 980, (4,), generator=generator)
        x = x - 0.05 * step(
            SDS(3.0, "uniform"), prior, x, t, torch.randn(x.shape, generator=generator), prompts
        )
        trail.append(x)
    assert torch.allclose(torch.stack(trail[300:]).mean((0, 1)), 3 * mean_of("apple"), atol=0.1)


@pytest.mark.parametrize("rule", [SDS(7.5), Bridge()], ids=["sds", "bridge"])
def test_one_forward_pass_serves_both_prompts(rule: SDS | Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    prior = gaussian_prior()
    sizes: list[int] = []
    predict = prior.predict_noise

    def counting(x_t: Tensor, t: Tensor, embeds: object) -> Tensor:
        sizes.append(len(x_t))
        return predict(x_t, t, embeds)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(prior, "predict_noise", counting)
    x, t, noise = draw(3)
    step(rule, prior, x, t, noise, prompt_batch(prior, "a", "b", 3))
    assert sizes == [6]


@pytest.mark.parametrize("rule", [SDS(7.5), Bridge()], ids=["sds", "bridge"])
def test_a_non_finite_gradient_names_rule_picture_and_timestep(rule: SDS | Bridge) -> None:
    prior = GaussianPrior(
        lambda text: mean_of(text) * (float("nan") if text == "bad" else 1), STD, gaussian_prior().schedule
    )
    prompts = prompt_batch(prior, "bad", "b", 3)
    prompts.target.hidden[[0, 2]] = 0.0
    x, _, noise = draw(3)
    with pytest.raises(NonFiniteGradient, match=rule.name) as raised:
        step(rule, prior, x, torch.tensor([100, 222, 300]), noise, prompts)
    assert isinstance(raised.value, FloatingPointError)
    assert (raised.value.images, raised.value.timesteps) == ([1], [222])

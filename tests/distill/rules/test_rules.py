"""Every rule against its closed form: for data ~ N(mu, s²) the exact noise prediction is known."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from distill.nfe import counting
from distill.priors.gaussian import GaussianPrior
from distill.rules.bridge import Bridge
from distill.rules.csd import CSD
from distill.rules.dds import DDS
from distill.rules.full_path import FullPath, Source
from distill.rules.ism import ISM
from distill.rules.learnt_source import LearntSource
from distill.rules.nfsd import NFSD
from distill.rules.ode import invert
from distill.rules.rule import NonFiniteGradient, PromptBatch, Rule
from distill.rules.sdi import SDI
from distill.rules.sds import SDS
from distill.rules.vsd import VSD
from tests.distill.gaussian import NEGATIVE, SHAPE, STD, gaussian_prior, mean_of, prompt_batch


def step(
    rule: Rule[Any],
    prior: GaussianPrior,
    x: Tensor,
    t: Tensor,
    noise: Tensor,
    prompts: PromptBatch,
    progress: float = 0.0,
) -> Tensor:
    return rule.step(rule.init(prior), prior, x, t, noise, prompts, progress)[0]


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


def test_bridge_of_a_bounded_prior_compares_pictures_that_can_be() -> None:
    """Clean predictions beyond -1..1 are drawn back before they are compared."""
    prior = gaussian_prior()
    prior.bounded = True
    x, t, noise = draw(4)
    prompts = prompt_batch(prior, "clean", "foggy", 4)
    x_t = prior.schedule.add_noise(x, t, noise)
    clean, foggy = (
        prior.schedule.predict_x0(x_t, t, prior.predict_noise(x_t, t, each))
        for each in (prompts.target, prompts.source)
    )
    assert clean.abs().max() > 1
    between = prior.schedule.alpha(t) / prior.schedule.sigma(t) * (foggy.clamp(-1, 1) - clean.clamp(-1, 1))
    assert torch.allclose(step(Bridge(), prior, x, t, noise, prompts), between, atol=1e-4)


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


NEGATIVE_MEAN = mean_of(NEGATIVE)


def noise_about(prior: GaussianPrior, x_t: Tensor, t: Tensor, mean: Tensor) -> Tensor:
    return shrink(prior, t) * (x_t - prior.schedule.alpha(t) * mean)


@pytest.mark.parametrize("scale", [0.0, 1.0, 7.5])
def test_nfsd_leaves_the_negative_prompt_out_at_little_noise(scale: float) -> None:
    prior = gaussian_prior()
    x, _, noise = draw(4)
    t = torch.tensor([20, 199, 200, 900])
    gradient = step(NFSD(scale), prior, x, t, noise, prompt_batch(prior, "apple", "", 4))
    x_t = prior.schedule.add_noise(x, t, noise)
    target, negative = (noise_about(prior, x_t, t, mean) for mean in (mean_of("apple"), NEGATIVE_MEAN))
    free = noise_about(prior, x_t, t, mean_of(""))
    little = free + scale * (target - free)
    much = little - negative
    assert torch.allclose(gradient[:2], little[:2], atol=1e-4)
    assert torch.allclose(gradient[2:], much[2:], atol=1e-4)


@pytest.mark.parametrize(("progress", "share"), [(0.0, 1.0), (0.1, 0.5), (0.2, 0.0), (0.9, 0.0)])
def test_csd_lets_go_of_the_negative_prompt(progress: float, share: float) -> None:
    prior = gaussian_prior()
    x, t, noise = draw(5)
    gradient = step(CSD(40.0, 30.0), prior, x, t, noise, prompt_batch(prior, "apple", "", 5), progress)
    to_target = shrink(prior, t) * prior.schedule.alpha(t) * (mean_of("") - mean_of("apple"))
    from_negative = shrink(prior, t) * prior.schedule.alpha(t) * (NEGATIVE_MEAN - mean_of(""))
    assert torch.allclose(gradient, 40 * to_target + 30 * share * from_negative, atol=1e-3)


@pytest.mark.parametrize("scale", [1.0, 7.5])
def test_dds_compares_with_the_reference_under_the_same_noise(scale: float) -> None:
    prior = gaussian_prior()
    x, t, noise = draw(4)
    reference = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(9))
    gradient = step(DDS(reference, scale), prior, x, t, noise, prompt_batch(prior, "apple", "pear", 4))
    means = [mean_of("") + scale * (mean_of(word) - mean_of("")) for word in ("apple", "pear")]
    closed = shrink(prior, t) * prior.schedule.alpha(t) * ((x - reference) - (means[0] - means[1]))
    assert torch.allclose(gradient, closed, atol=1e-4)


def test_dds_leaves_a_picture_that_is_what_it_should_be() -> None:
    prior = gaussian_prior()
    x, t, noise = draw(4)
    assert step(DDS(x), prior, x, t, noise, prompt_batch(prior, "same", "same", 4)).abs().max() < 1e-5
    with pytest.raises(ValueError, match="encode it with the same prior"):
        DDS(torch.zeros(1, 3, 9, 9)).init(prior)


@pytest.mark.parametrize("scale", [0.0, 1.0, 7.5])
def test_vsd_before_it_has_learnt_takes_the_prompt_for_the_source(scale: float) -> None:
    prior = gaussian_prior()
    x, t, noise = draw(4)
    gradient = step(VSD(scale), prior, x, t, noise, prompt_batch(prior, "apple", "", 4))
    closed = (scale - 1) * shrink(prior, t) * prior.schedule.alpha(t) * (mean_of("") - mean_of("apple"))
    assert torch.allclose(gradient, closed, atol=1e-4)


def test_vsd_learns_where_the_pictures_are_and_then_points_from_there() -> None:
    prior = gaussian_prior()
    count, here = 256, torch.full(SHAPE, 1.5)
    prompts = prompt_batch(prior, "apple", "", count)
    generator = torch.Generator().manual_seed(0)
    rule = VSD(1.0, LearntSource(lr=0.05))
    state = rule.init(prior)
    x, t, noise = draw(count)
    for _ in range(300):
        x = here + STD * torch.randn(count, *SHAPE, generator=generator)
        gradient, state = rule.step(state, prior, x, t, noise, prompts)
    assert torch.allclose(mean_of("apple") + state.adapter.parameters()[0].detach(), here, atol=0.1)
    closed = shrink(prior, t) * prior.schedule.alpha(t) * (here - mean_of("apple"))
    assert (gradient - closed).norm() < 0.1 * closed.norm()


def test_a_learnt_source_goes_on_where_it_was_saved() -> None:
    prior = gaussian_prior()
    prompts = prompt_batch(prior, "apple", "", 4)
    x, t, noise = draw(4)
    rule = VSD(7.5, LearntSource(lr=0.05))
    state = rule.init(prior)
    for _ in range(5):
        _, state = rule.step(state, prior, x, t, noise, prompts)
    saved = copy.deepcopy(state.state_dict())
    expected = [rule.step(state, prior, x, t, noise, prompts)[0] for _ in range(3)]
    other = rule.init(prior)
    other.load_state_dict(saved)
    for wanted in expected:
        assert torch.equal(rule.step(other, prior, x, t, noise, prompts)[0], wanted)


def inverted(prior: GaussianPrior, x: Tensor, t: Tensor, mean: Tensor) -> Tensor:
    """The exact solution of the probability-flow ODE from x up to t."""
    alpha, sigma = prior.schedule.alpha(t), prior.schedule.sigma(t)
    return alpha * mean + (alpha**2 * STD**2 + sigma**2).sqrt() / STD * (x - mean)


@pytest.mark.parametrize(("progress", "interval"), [(0.0, 100), (0.15, 90), (0.3, 80), (1.0, 80)])
def test_ism_compares_two_places_of_the_unconditional_inversion(progress: float, interval: int) -> None:
    prior = gaussian_prior()
    x, _, noise = draw(3)
    t = torch.tensor([200, 500, 800])
    s = t - interval
    rule = ISM(7.5, inversion_steps=100)
    gradient = step(rule, prior, x, t, noise, prompt_batch(prior, "apple", "", 3), progress)
    x_s = inverted(prior, x, s, mean_of(""))
    earlier = noise_about(prior, x_s, s, mean_of(""))
    clean = prior.schedule.predict_x0(x_s, s, earlier)
    x_t = prior.schedule.add_noise(clean, t, earlier)
    guided = noise_about(prior, x_t, t, mean_of("") + 7.5 * (mean_of("apple") - mean_of("")))
    closed = prior.schedule.sigma(t) / prior.schedule.alpha(t) * (guided - earlier)
    assert (gradient - closed).norm() < 0.02 * closed.norm()


def test_ism_has_no_random_noise() -> None:
    prior = gaussian_prior()
    x, t, noise = draw(3)
    prompts = prompt_batch(prior, "apple", "", 3)
    first, second = (step(ISM(), prior, x, t, drawn, prompts) for drawn in (noise, -noise))
    assert torch.equal(first, second)


@pytest.mark.parametrize(("up", "down"), [(1.0, 1.0), (-7.5, 7.5), (0.0, 3.0)])
def test_sdi_goes_to_what_the_inverted_noise_shows(up: float, down: float) -> None:
    prior = gaussian_prior()
    x, _, noise = draw(3)
    t = torch.tensor([250, 600, 900])
    rule = SDI(down, inversion_scale=up, inversion_steps=150, eta=0.0)
    gradient = step(rule, prior, x, t, noise, prompt_batch(prior, "apple", "", 3))
    x_t = inverted(prior, x, t, mean_of("") + up * (mean_of("apple") - mean_of("")))
    guided = noise_about(prior, x_t, t, mean_of("") + down * (mean_of("apple") - mean_of("")))
    closed = x - prior.schedule.predict_x0(x_t, t, guided)
    assert (gradient - closed).norm() < 0.05 * closed.norm()


def test_sdi_adds_ddims_own_noise() -> None:
    """One inversion step from t = 0: x_t moves by eta times equation 16's sigma times white noise."""
    prior = gaussian_prior()
    count = 512
    x, _, noise = draw(count)
    t = torch.full((count,), 600)
    prompts = prompt_batch(prior, "apple", "", count)
    still, noisy = (
        step(SDI(1.0, 1.0, inversion_steps=1, eta=eta), prior, x, t, noise, prompts) for eta in (0.0, 0.3)
    )
    alphas, sigmas = prior.schedule.alphas, prior.schedule.sigmas
    deviation = sigmas[0] / sigmas[600] * (1 - (alphas[600] / alphas[0]) ** 2).sqrt()
    # d x̂0 / d x_t of the Gaussian's posterior mean
    slope = alphas[600] * STD**2 / (alphas[600] ** 2 * STD**2 + sigmas[600] ** 2)
    assert torch.isclose((noisy - still).std(), 0.3 * deviation * slope, rtol=0.05)


def test_one_step_of_the_full_path_is_the_bridge() -> None:
    """From the x_t to which the source inverts x, with the noise that lies between them."""
    prior, schedule = gaussian_prior(), gaussian_prior().schedule
    x, t, noise = draw(4)
    prompts = prompt_batch(prior, "clean", "foggy", 4)
    whole = step(FullPath(25.0, path_steps=1), prior, x, t, noise, prompts)
    x_t = invert(schedule, x, t, lambda now, at: prior.predict_noise(now, at, prompts.source), 1)
    between = (x_t - schedule.alpha(t) * x) / schedule.sigma(t)
    scaled = schedule.sigma(t) / schedule.alpha(t) * step(Bridge(25.0), prior, x, t, between, prompts)
    assert torch.allclose(whole, scaled, rtol=1e-3, atol=1e-3)


PATHS = {
    "inverted": FullPath(2.0, path_steps=100),
    "inverted, from x itself": FullPath(2.0, path_steps=400, exact_source=True),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("source", "word"), [("described", "foggy"), ("unconditional", ""), ("learnt", "clean")])
def test_the_full_path_ends_at_the_exact_displacement(path: str, source: Source, word: str) -> None:
    """Every form: (mu_src - mu_tgt)(1 - alpha s / sqrt(alpha² s² + sigma²)); a learnt source begins as the target."""
    prior = gaussian_prior()
    x, _, noise = draw(3)
    t = torch.tensor([300, 600, 900])
    rule = replace(PATHS[path], source=source)
    gradient = step(rule, prior, x, t, noise, prompt_batch(prior, "clean", "foggy", 3))
    alpha, sigma = prior.schedule.alpha(t), prior.schedule.sigma(t)
    shift = 1 - alpha * STD / (alpha**2 * STD**2 + sigma**2).sqrt()
    closed = 2 * shift * (mean_of(word) - mean_of("clean"))
    solver = 0.04 * x.norm() if rule.exact_source else 1e-3
    assert (gradient - closed).norm() < 0.02 * closed.norm() + solver


def test_the_solvers_error_is_no_gradient() -> None:
    """Ten steps up and down under one prompt do not come back to x, but there is nothing to move."""
    prior = gaussian_prior()
    x, t, noise = draw(3)
    prompts = prompt_batch(prior, "same", "same", 3)
    assert step(FullPath(), prior, x, t, noise, prompts).abs().max() < 1e-5
    assert step(FullPath(exact_source=True), prior, x, t, noise, prompts).norm() > 0.1 * x.norm()


GUIDED = {
    "sds": lambda s: SDS(s, "uniform"),
    "nfsd": NFSD,
    "csd": lambda s: CSD(s, 0.0),
    "vsd": VSD,
}


@pytest.mark.parametrize("name", GUIDED)
def test_the_guidance_scale_means_the_same_in_every_rule(name: str) -> None:
    """One more of it adds e(y_tgt) - e(∅), once."""
    prior = gaussian_prior()
    x, t, noise = draw(4)
    prompts = prompt_batch(prior, "apple", "", 4)
    two, five = (step(GUIDED[name](s), prior, x, t, noise, prompts) for s in (2.0, 5.0))
    direction = shrink(prior, t) * prior.schedule.alpha(t) * (mean_of("") - mean_of("apple"))
    assert torch.allclose(five - two, 3 * direction, atol=1e-3)


RULES_TO_TRY = [
    SDS(7.5), Bridge(), DDS(torch.zeros(1, *SHAPE)), NFSD(), CSD(), VSD(), ISM(), SDI(),
    FullPath(), FullPath(source="learnt"),
]  # fmt: skip
EVALUATIONS = [(2, 0), (2, 0), (2, 0), (3, 0), (3, 0), (3, 1), (8, 0), (22, 0), (30, 0), (30, 1)]


@pytest.mark.parametrize(("rule", "evaluations"), list(zip(RULES_TO_TRY, EVALUATIONS, strict=True)))
@pytest.mark.parametrize("count", [1, 3])
def test_what_a_step_costs_for_batches_of_any_size(
    rule: Rule[Any], evaluations: tuple[int, int], count: int
) -> None:
    prior, seen = counting(gaussian_prior())
    x, t, noise = draw(count)
    gradient, _ = rule.step(rule.init(prior), prior, x, t, noise, prompt_batch(gaussian_prior(), "a", "b", count))
    assert gradient.shape == x.shape
    assert (seen.evaluations, seen.trainings) == (evaluations[0] * count, evaluations[1] * count)


@pytest.mark.parametrize("rule", RULES_TO_TRY, ids=lambda rule: rule.name)
def test_pictures_of_a_batch_do_not_touch_each_other(rule: Rule[Any]) -> None:
    prior = gaussian_prior()
    x, t, noise = draw(3)
    if rule.name == "sdi":
        rule = SDI(eta=0.0)
    together = step(rule, prior, x, t, noise, prompt_batch(prior, "a", "b", 3))
    for i in range(3):
        alone = step(rule, prior, x[[i]], t[[i]], noise[[i]], prompt_batch(prior, "a", "b", 1))
        assert torch.allclose(alone[0], together[i], atol=1e-4)


@pytest.mark.parametrize("rule", [SDS(7.5), Bridge(), NFSD(), CSD()], ids=lambda rule: rule.name)
def test_one_forward_pass_serves_all_prompts(rule: Rule[Any]) -> None:
    prior, seen = counting(gaussian_prior())
    x, t, noise = draw(3)
    rule.step(rule.init(prior), prior, x, t, noise, prompt_batch(gaussian_prior(), "a", "b", 3))
    assert seen.largest == seen.evaluations


@pytest.mark.parametrize("rule", RULES_TO_TRY, ids=lambda rule: rule.name)
def test_a_non_finite_gradient_names_rule_picture_and_timestep(rule: Rule[Any]) -> None:
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

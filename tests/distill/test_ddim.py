"""Sampling in the Gaussian world, where it is known what the samples must be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distill.ddim import move_on, sample_ddim
from distill.prior import PromptEmbeds
from distill.priors.gaussian import GaussianPrior
from tests.distill.gaussian import STD, gaussian_prior, mean_of

PROMPT = "a red mushroom"


def samples(prior: GaussianPrior, eta: float, steps: int = 200, count: int = 400) -> Tensor:
    """[count, 3, 4, 4] under PROMPT."""
    embeds, empty = prior.embed([PROMPT] * count), prior.embed([""])
    return sample_ddim(prior, embeds, empty, torch.Generator().manual_seed(0), steps, guidance_scale=1.0, eta=eta)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_samples_are_of_the_distribution_however_much_noise_is_drawn_anew(eta: float) -> None:
    x = samples(gaussian_prior(), eta)
    assert (x.mean(dim=0) - mean_of(PROMPT)).abs().max() < 4 * STD / 400**0.5
    assert float(x.std(dim=0).mean()) == pytest.approx(STD, rel=0.05)


class WrongAtFirst(GaussianPrior):
    """Sees everything brighter while there is much noise, as a young prior does."""

    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        noise = super().predict_noise(x_t, t, embeds)
        return noise - 0.3 * (t > 700).view(-1, 1, 1, 1)


def test_noise_drawn_anew_forgets_what_was_seen_wrongly() -> None:
    sound = gaussian_prior()
    prior = WrongAtFirst(sound.mean_of, sound.std, sound.schedule)
    left = [float((samples(prior, eta).mean(dim=0) - mean_of(PROMPT)).mean()) for eta in (0.0, 1.0)]
    assert left[0] > 0.1 and abs(left[1]) < 0.5 * left[0]


def test_of_ddpm_each_step_has_its_posteriors_spread() -> None:
    """With eta 1 the x before is drawn with the variance of q(x_{t-1} | x_t, x_0) (equation 7 of arXiv 2006.11239)."""
    schedule = gaussian_prior().schedule
    t, then = torch.full((2000,), 600), torch.full((2000,), 550)
    x0, x_t = torch.zeros(2000, 3, 4, 4), torch.ones(2000, 3, 4, 4)
    drawn = move_on(schedule, x_t, t, x0, then, eta=1.0, generator=torch.Generator().manual_seed(0))
    now, before = (float(schedule.alpha(at)[0]) ** 2 for at in (t, then))
    assert float(drawn.var()) == pytest.approx((1 - before) / (1 - now) * (1 - now / before), rel=0.02)


def test_the_priors_own_eta_is_taken_where_none_is_given() -> None:
    prior = gaussian_prior()
    embeds, empty = prior.embed([PROMPT]), prior.embed([""])
    own = sample_ddim(prior, embeds, empty, torch.Generator().manual_seed(0), 5)
    assert torch.equal(own, sample_ddim(prior, embeds, empty, torch.Generator().manual_seed(0), 5, eta=0.0))
    assert not torch.equal(own, sample_ddim(prior, embeds, empty, torch.Generator().manual_seed(0), 5, eta=1.0))

"""The low-rank adapter on a tiny model of the real class: no change at first, then it learns, and comes back."""

from __future__ import annotations

import pytest
import torch

from distill.load import load_prior
from distill.prior import PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.rules.learnt_source import LearntSource
from distill.rules.vsd import VSD
from tests.distill.priors.tiny_stable_diffusion import save_tiny

T = torch.tensor([300, 700])


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def prior(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DiffusersPrior:
    folder = save_tiny(tmp_path_factory.mktemp("lora"), prediction_type="v_prediction")
    return load_prior(str(folder), "cpu", request.param)


@pytest.fixture(scope="module")
def embeds(prior: DiffusersPrior) -> PromptEmbeds:
    return prior.embed(["a red apple", "a blue mug"])


def test_it_learns_the_pictures_and_leaves_the_prior_alone(
    prior: DiffusersPrior, embeds: PromptEmbeds
) -> None:
    x = torch.randn(2, *prior.shape, generator=torch.Generator().manual_seed(1))
    before = prior.predict_noise(x, T, embeds)
    state = LearntSource(lr=0.02).start(prior)
    assert torch.equal(state.adapter.predict_noise(x, T, embeds), before)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))

    def loss() -> float:
        return state.adapter.loss(x, T, noise, embeds).item()

    first = loss()
    for _ in range(60):
        state.train(prior, x, embeds)
    assert loss() < 0.95 * first
    assert torch.equal(prior.predict_noise(x, T, embeds), before)
    assert not torch.equal(state.adapter.predict_noise(x, T, embeds), before)
    assert all(weight.dtype == torch.float32 for weight in state.adapter.parameters())


def test_what_it_has_learnt_is_saved_and_its_start_follows_the_seed(
    prior: DiffusersPrior, embeds: PromptEmbeds
) -> None:
    x = torch.randn(2, *prior.shape, generator=torch.Generator().manual_seed(1))
    state = LearntSource(lr=0.02, seed=3).start(prior)
    start = [weight.detach().clone() for weight in state.adapter.parameters()]
    for _ in range(3):
        state.train(prior, x, embeds)
    learnt, kept = state.adapter.predict_noise(x, T, embeds), state.adapter.state_dict()
    kept = {name: weight.clone() for name, weight in kept.items()}
    other = LearntSource(seed=3).start(prior)
    assert all(
        torch.equal(first, second) for first, second in zip(start, other.adapter.parameters(), strict=True)
    )
    other.adapter.load_state_dict(kept)
    assert torch.equal(other.adapter.predict_noise(x, T, embeds), learnt)


def test_a_prior_carries_one_adapter(prior: DiffusersPrior) -> None:
    count = len(LearntSource().start(prior).adapter.parameters())
    assert len(LearntSource(rank=2).start(prior).adapter.parameters()) == count
    names = [name for name, _ in prior.network.named_parameters() if "lora_" in name]
    assert len(names) == count


def test_variational_score_distillation_on_the_real_class(
    prior: DiffusersPrior, embeds: PromptEmbeds
) -> None:
    from distill.prompts import build_prompts, embed_pairs

    prompts = embed_pairs(prior, [build_prompts(prior, word) for word in ("a red apple", "a blue mug")])
    rule = VSD(7.5, LearntSource(lr=0.02))
    state = rule.init(prior)
    x, noise = torch.randn(2, 2, *prior.shape, generator=torch.Generator().manual_seed(1))
    first, state = rule.step(state, prior, x, T, noise, prompts)
    for _ in range(3):
        later, state = rule.step(state, prior, x, T, noise, prompts)
    assert first.shape == x.shape and not torch.equal(first, later)

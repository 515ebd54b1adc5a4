"""Pictures under stages of rules: they arrive where they should, and go on after a stop to the very same pixels."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from distill.card import PriorDefaults
from distill.images.picture import LatentPicture, PixelPicture, PromptedPicture, random_x
from distill.rules.bridge import Bridge
from distill.rules.registry import RULES, UNIFORM, UnknownRule, constants_of, make_rule, plan_picture
from distill.rules.rule import Rule
from distill.rules.sds import SDS
from distill.rules.stage import StagePlan, StageRun, stage_runs
from distill.rules.vsd import VSD
from distill.schedule import AnnealedTimesteps
from tests.distill.gaussian import SHAPE, gaussian_prior, mean_of, prompt_batch

PAPER = PriorDefaults()


class Stopped(Exception):
    pass


class Pictures:
    """Stages of pictures from noise to "apple"; they say what they did and stop after `stop` steps of all stages."""

    def __init__(self, plans: tuple[StagePlan, ...], stop: int = -1, seed: int = 0, lr: float = 0.05) -> None:
        prior = gaussian_prior()
        self.generator = torch.Generator().manual_seed(seed)
        self.picture = LatentPicture(prior, random_x(prior, 2, self.generator))
        self.optimised = PromptedPicture(self.picture, prompt_batch(prior, "apple", "foggy", 2), lr)
        self.prior, self.plans, self.stop = prior, plans, stop
        self.steps: list[tuple[StageRun, dict[str, Any]]] = []

    def run(self, state: dict[str, Any] | None = None) -> Tensor:
        """What they end in."""
        for run in stage_runs(self.plans, self.optimised, self.prior, self.generator, state):
            run.run(partial(self.after_step, run))
        return self.picture.x().detach()

    def after_step(self, run: StageRun, size: float) -> None:
        self.steps.append((run, copy.deepcopy(run.state())))
        if len(self.steps) == self.stop:
            raise Stopped


@pytest.mark.parametrize("name", [name for name in RULES if not RULES[name].edits])
def test_a_run_that_was_stopped_ends_at_the_same_picture(name: str) -> None:
    plans = plan_picture(name, 20, PAPER)
    expected = Pictures(plans).run()
    for stop in (3, 16, 19):
        first = Pictures(plans, stop)
        with pytest.raises(Stopped):
            first.run()
        assert torch.equal(Pictures(plans, seed=99).run(first.steps[-1][1]), expected), stop


def test_sds_arrives_at_the_guided_mean_in_pixels_and_latents() -> None:
    prior = gaussian_prior()
    plans = (StagePlan("sds", 500, SDS(1.0, "uniform"), UNIFORM),)
    x = Pictures(plans).run()
    assert torch.allclose(x.mean(0), mean_of("apple"), atol=0.25)
    generator = torch.Generator().manual_seed(0)
    start = torch.full((1, 4, 4, 3), 0.5)
    picture = PixelPicture(prior, start)
    optimised = PromptedPicture(picture, prompt_batch(prior, "apple", "", 1), 0.02)
    StageRun(plans[0], optimised, prior, generator).run(lambda size: None)
    wanted = ((mean_of("apple") + 1) / 2).permute(1, 2, 0).clamp(0, 1)
    assert torch.allclose(picture.images()[0], wanted, atol=0.15)
    assert picture.images().min() >= 0 and picture.images().max() <= 1


def test_a_stage_begins_with_fresh_moments_and_its_own_rate() -> None:
    plans = (
        StagePlan("sds", 4, SDS(100.0), UNIFORM),
        StagePlan("bridge", 4, Bridge(), UNIFORM, lr_scale=0.5),
    )
    pictures = Pictures(plans, lr=0.1)
    pictures.run()
    seen = [state["optimiser"] for _, state in pictures.steps]
    assert [{int(moment["step"]) for moment in one["state"].values()} for one in seen] == [{1}, {2}, {3}, {4}] * 2
    assert [one["param_groups"][0]["lr"] for one in seen] == [0.1] * 4 + [0.05] * 4


def test_a_learnt_source_is_kept_over_the_switch() -> None:
    plans = plan_picture("full-path-lora", 8, PAPER, path_steps=2)
    assert [plan.name for plan in plans] == ["vsd", "full-path-lora"]
    pictures = Pictures(plans)
    pictures.run()
    adapters = [run.rule_state.adapter for run, _ in pictures.steps]
    assert len({id(adapter) for adapter in adapters}) == 1
    assert adapters[0].parameters()[0].abs().max() > 0


def test_x_of_another_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match="pictures of gaussian"):
        LatentPicture(gaussian_prior(), torch.zeros(1, 4, 8, 8))


def constants(rule: Rule[Any]) -> dict[str, Any]:
    return dict(vars(rule))


def test_plans_are_the_papers() -> None:
    """Appendix A: SDS at 100; the bridge is 500 steps of SDS at 40, then 2,000 at 25; NFSD and VSD at 7.5."""
    sds, bridge = plan_picture("bridge", 2500, PAPER)
    assert (sds.steps, bridge.steps) == (500, 2000)
    assert constants(sds.rule)["guidance_scale"] == 40 and constants(bridge.rule)["weight"] == 25
    (alone,) = plan_picture("sds", 2500, PAPER)
    assert constants(alone.rule)["guidance_scale"] == 100 and alone.steps == 2500
    for name in ("nfsd", "vsd", "ism", "sdi"):
        assert constants(make_rule(name, PAPER))["guidance_scale"] == 7.5
    csd = constants(make_rule("csd", PAPER))
    assert (csd["w1"], csd["w2"], csd["anneal"]) == (40, 40, 0.2)
    assert constants(make_rule("vsd", PAPER))["learnt"].lr == 1e-4
    whole = plan_picture("full-path", 1000, PAPER)
    assert [(plan.name, plan.steps) for plan in whole] == [("sds", 150), ("bridge", 600), ("full-path", 250)]


def test_times_of_a_path_fall() -> None:
    times = AnnealedTimesteps(0.98, 0.25)
    generator = torch.Generator()
    drawn = [times.sample(2, progress, 1000, generator).tolist() for progress in (0.0, 0.5, 1.0)]
    assert drawn == [[980, 980], [615, 615], [250, 250]]


def test_a_priors_constants_go_before_the_papers_and_the_users_before_both() -> None:
    own = PriorDefaults(rules={"sds": {"guidance_scale": 20.0}, "vsd": {"lora_lr": 1e-3}})
    assert constants(make_rule("sds", own))["guidance_scale"] == 20
    assert constants(make_rule("sds", own, guidance_scale=5.0))["guidance_scale"] == 5
    assert constants(plan_picture("bridge", 100, own)[0].rule)["guidance_scale"] == 8
    assert plan_picture("sds", 10, own, lr_scale=0.5)[0].lr_scale == 0.5
    learnt = constants(make_rule("vsd", own, lora_rank=2))["learnt"]
    assert (learnt.lr, learnt.rank) == (1e-3, 2)


def test_unknown_names_are_told_with_those_there_are() -> None:
    with pytest.raises(UnknownRule, match=r"Did you mean bridge\?.*full-path-lora"):
        plan_picture("bridges", 10, PAPER)
    with pytest.raises(UnknownRule, match="guidance_scale"):
        make_rule("sds", PAPER, scale=3)
    with pytest.raises(UnknownRule, match="no constant 'first'"):
        plan_picture("sds", 10, PAPER, first="0.5")  # its stages could not be told apart
    assert "lora_lr" in constants_of("vsd") and "lora_lr" not in constants_of("sds")


def test_random_starts_keep_to_the_range_of_pictures() -> None:
    prior = gaussian_prior()
    assert random_x(prior, 2, torch.Generator().manual_seed(0)).abs().max() > 1
    prior.bounded = True
    x = random_x(prior, 2, torch.Generator().manual_seed(0))
    assert x.shape == (2, *SHAPE) and x.abs().max() <= 1
    picture = LatentPicture(prior, x)
    picture.parameters()[0].data.mul_(3)
    picture.project()
    assert picture.x().abs().max() <= 1


def test_vsd_runs_from_the_names() -> None:
    assert isinstance(make_rule("vsd", PAPER), VSD)

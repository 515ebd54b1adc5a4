"""Synchronised sampling on a small ball: with a prior whose clean prediction is known, and on latents and guides."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from distill.card import PriorCard, PriorDefaults, read_card
from distill.load import EMBEDDED, load_prior
from distill.prior import Prior, PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.gaussian import GaussianPrior
from distill.prompts import PromptTable
from realify.job.checkpoint import load_checkpoint, save_checkpoint
from realify.setting import SettingsError
from realify.settings import Settings, apply
from realify.stages.random_views import shade_views
from realify.stages.rasterized_views import rasterize_views
from realify.stages.synchronised import SampleRun, facing, plan_sample
from sdf_fit.body.body import Body
from sdf_fit.body.losses import NonFiniteError
from tests.distill.priors.tiny_guided import save_tiny_guided
from tests.distill.priors.tiny_mvdream import save_tiny_mvdream
from tests.realify.stages.stage_bodies import RENDERER, ball_body, red_prior, small_settings


def nothing(loss: float) -> None:
    """Told of a step, it does nothing."""


def settings_of(**changes: Any) -> Settings:
    small = {"sample__steps": 4, "sample__views": 5, "sample__guidance_scale": 1}
    return small_settings(**{**small, **changes})


def begin(prior: Prior, prompts: PromptTable, settings: Settings, body: Body | None = None) -> SampleRun:
    generator = torch.Generator().manual_seed(settings.seed)
    plan = plan_sample(settings, prior)
    return SampleRun(plan, body or ball_body(), prior, prompts, RENDERER, settings, generator)


def sampled(prior: Prior, prompts: PromptTable, **changes: Any) -> SampleRun:
    run = begin(prior, prompts, settings_of(**changes))
    run.run(nothing)
    return run


def seen(run: SampleRun) -> Tensor:
    """Mean sRGB [3] of the body in its views, each pixel as it counts."""
    groups = [run._rasterize(setups) for setups in run.setups]
    with torch.no_grad():
        sums = [(group.weight * shade_views(group.rasterized, run.body.material)).sum((0, 1, 2)) for group in groups]
    return torch.stack(sums).sum(0) / sum(group.weight.sum() for group in groups)


@pytest.fixture(scope="module")
def gaussian() -> tuple[GaussianPrior, PromptTable]:
    prior = red_prior()
    return prior, PromptTable(prior, "a red ball")


# --- the plan -------------------------------------------------------------------------------------------------


def test_the_settings_decide_before_the_prior_and_a_prior_wants_none_unless_it_says_so() -> None:
    prior = red_prior()
    assert plan_sample(Settings(), prior).steps == 0
    own = PriorDefaults(sample_steps=24, sample_t_max=0.5, sampling_guidance_scale=3.0, sampling_eta=0.6)
    prior.card = replace(prior.card, defaults=own)
    plan = plan_sample(apply(Settings(), {"sample.views": 18}), prior)
    assert (plan.steps, plan.t_max, plan.guidance_scale, plan.views, plan.groups) == (24, 0.5, 3.0, 18, 5)
    assert plan.eta == 0.6
    changes = {"sample.steps": 0, "sample.t_max": 0.9, "sample.guidance_scale": 7, "sample.eta": 1}
    plan = plan_sample(apply(Settings(), changes), prior)
    assert (plan.steps, plan.t_max, plan.guidance_scale, plan.eta) == (0, 0.9, 7.0, 1.0)


def test_a_card_may_ask_for_it(tmp_path: Path) -> None:
    card = json.loads((EMBEDDED / "prior.json").read_text())
    card["defaults"] |= {"sample_steps": 12, "sample_t_max": 0.7}
    (tmp_path / "prior.json").write_text(json.dumps(card))
    asked = read_card(tmp_path / "prior.json").defaults
    assert (asked.sample_steps, asked.sample_t_max) == (12, 0.7)
    for key in ("sample_steps", "sample_t_max"):
        del card["defaults"][key]
    (tmp_path / "prior.json").write_text(json.dumps(card))
    silent = read_card(tmp_path / "prior.json").defaults
    assert (silent.sample_steps, silent.sample_t_max) == (0, PriorDefaults().sample_t_max)


def test_the_times_fall_evenly_to_the_end() -> None:
    plan = plan_sample(settings_of(sample__steps=4, sample__t_max=0.6), red_prior())
    assert plan.times(1000) == [599, 449, 299, 149]
    assert replace(plan, t_max=1.0).times(1000)[0] == 999
    assert replace(plan, t_max=0.0).times(1000) == [0, 0, 0, 0]


def test_a_prior_of_several_views_in_a_picture_is_refused(tmp_path: Path) -> None:
    save_tiny_mvdream(tmp_path)
    prior = load_prior(str(tmp_path), "cpu", "float32")
    with pytest.raises(SettingsError, match=r"sample\.steps is 4.*4 views.*sample\.steps=0"):
        plan_sample(settings_of(), prior)
    assert plan_sample(Settings(), prior).steps == 0


# --- with the closed-form prior -------------------------------------------------------------------------------


BRICK = (0.55, 0.25, 0.2)  # sRGB; dark enough to be seen in any light
QUICK = {"sample__steps": 8, "sample__t_max": 1.0, "color__lr": 0.05}


def sure_prior() -> GaussianPrior:
    """It knows one brick-red picture, by .05 darker under the source's words, and hardly any other."""

    def mean_of(prompt: str) -> Tensor:
        color = torch.tensor(BRICK) - 0.05 * ("blurry" in prompt)
        return (color * 2 - 1)[:, None, None].expand(3, 16, 16).clone()

    return GaussianPrior(mean_of, 0.02, red_prior().schedule)


@pytest.mark.parametrize(("together", "scale"), [(0.8, 1), (0.0, 1), (0.8, 2)])
def test_the_material_becomes_what_the_prior_draws(together: float, scale: int) -> None:
    """Whatever the light, and in the steps after `together` as well; a scale of 2 goes beyond the target, as far as
    the source lies on this side of it.
    """
    prior = sure_prior()
    changes = {"sample__together": together, "sample__guidance_scale": scale}
    color = seen(sampled(prior, PromptTable(prior, "a ball"), **QUICK, **changes))
    wanted = torch.tensor(BRICK) + 0.05 * (scale - 1)
    assert (color - wanted).abs().max() < 0.02, color


def test_the_shape_stands_still_and_the_material_moves(gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    before, run = ball_body(), sampled(*gaussian, sample__steps=1, sample__views=2)
    assert torch.equal(run.body.shape.sdf.values, before.shape.sdf.values)
    assert not torch.equal(run.body.material.grid.features, before.material.grid.features)


def test_one_seed_gives_one_result(gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    small = {"sample__steps": 2, "sample__views": 3, "sample__fit_steps": 1}
    one, again, other = (sampled(*gaussian, seed=seed, **small).body.material.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["grid.features"], other["grid.features"])


@pytest.mark.parametrize(("at", "latents"), [(0, False), (2, False), (2, True)])
def test_it_goes_on_from_its_state(
    at: int, latents: bool, gaussian: tuple[GaussianPrior, PromptTable], tiny_prior: Path, tmp_path: Path
) -> None:
    """From before the first step, too, whatever the generator did before, and to the last bit of a network's answer."""
    prior, prompts = gaussian
    if latents:
        prior = load_prior(str(tiny_prior), "cpu", "float32")
        prompts = PromptTable(prior, "a red apple")
    settings = settings_of(sample__views=3, sample__together=0.6)
    begun = begin(prior, prompts, settings)
    save_checkpoint(tmp_path, begun.state())

    def save(loss: float) -> None:
        if begun.step == at:
            save_checkpoint(tmp_path, begun.state())

    begun.run(save)
    state = load_checkpoint(tmp_path)
    assert state is not None
    body = Body.from_state(state["body"], begun.body.shape.extractor, "cpu")
    resumed = begin(prior, prompts, replace(settings, seed=99), body)
    resumed.restore(state)
    assert resumed.step == at and resumed.at_rest()
    resumed.run(nothing)
    for name, value in begun.body.state_dict().items():
        assert torch.equal(value, body.state_dict()[name]), name


class Witness(GaussianPrior):
    """Keeps what it is asked."""

    def __init__(self, prior: GaussianPrior) -> None:
        super().__init__(prior.mean_of, prior.std, prior.schedule)
        self.asked: list[tuple[Tensor, int]] = []

    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        self.asked.append((x_t, int(t[0])))
        return super().predict_noise(x_t, t, embeds)


@pytest.mark.parametrize("together", [0.0, 1.0])
def test_the_pictures_follow_the_material_while_together(
    together: float, gaussian: tuple[GaussianPrior, PromptTable]
) -> None:
    """What the second step is asked about: the noise of the first with the render, or with its own prediction."""
    prior = Witness(gaussian[0])
    run = begin(prior, gaussian[1], settings_of(sample__steps=2, sample__views=2, sample__together=together))
    renders: list[Tensor] = []

    def look(loss: float) -> None:
        if not renders:
            renders.append(run._render(run._rasterize(run.setups[0])))

    run.run(look)
    (x, t), (following, later) = prior.asked
    assert (t, later) == (599, 299) and len(x) == 2
    schedule, now, then = prior.schedule, torch.full((2,), t), torch.full((2,), later)
    mean = prior.mean_of("red").expand(2, -1, -1, -1)
    clean = schedule.predict_x0(x, now, prior.noise_about(mean, x, now))
    noise = (x - schedule.alpha(now) * clean) / schedule.sigma(now)
    goal = renders[0] if together else clean
    assert torch.allclose(following, schedule.add_noise(goal, then, noise), atol=1e-5)
    assert not torch.allclose(renders[0], clean, atol=0.05)


class BrokenPrior(GaussianPrior):
    """Its answer for the second picture of its `at`-th call is not a number."""

    calls, at = 0, 4

    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        noise = super().predict_noise(x_t, t, embeds)
        self.calls += 1
        if self.calls == self.at:
            noise[1, 0, 0, 0] = torch.nan
        return noise


def test_a_number_that_is_none_stops_with_step_and_view(gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    sound = gaussian[0]
    run = begin(BrokenPrior(sound.mean_of, sound.std, sound.schedule), gaussian[1], settings_of(sample__views=4))
    with pytest.raises(NonFiniteError) as caught:
        run.run(nothing)
    view = run.setups[1][1].view  # two groups of two: the fourth call is the second step's second group
    where = f"azimuth {view.azimuth:.0f}°, elevation {view.elevation:.0f}°"
    assert caught.value.message.startswith(f"stage sample, step 1, view {where}: ")
    assert run.step == 1 and all(p.isfinite().all() for p in run.body.parameters())


def test_a_gradient_that_is_no_number_stays_out_of_the_material(
    gaussian: tuple[GaussianPrior, PromptTable], monkeypatch: pytest.MonkeyPatch
) -> None:
    prior, prompts = gaussian
    monkeypatch.setattr(prior, "decode", lambda x: torch.full((len(x), 16, 16, 3), torch.nan))
    run = begin(prior, prompts, settings_of())
    with pytest.raises(NonFiniteError, match=r"stage sample, step 0, .*gradient of the material"):
        run.run(nothing)
    assert all(p.isfinite().all() for p in run.body.parameters())


# --- views ----------------------------------------------------------------------------------------------------


def test_a_pixel_counts_as_straight_as_it_is_looked_at() -> None:
    """On a ball the cosine falls from the middle to the outline as in the formula of a sphere."""
    settings = settings_of(sample__views=2, render__close_up=0)
    run = begin(red_prior(64), PromptTable(red_prior(64), "a red ball"), settings)
    weight = facing(rasterize_views(RENDERER, run.surface, run.setups[0], 64))
    assert weight.shape == (2, 64, 64, 1) and weight.min() == 0 and float(weight[:, :4].max()) == 0
    assert float(weight[:, 31:33, 31:33].min()) > 0.97
    covered = weight[weight > 0]
    assert float(covered.mean()) == pytest.approx(2 / 3, abs=0.06)  # ∫ cos over a disc, from afar


def features_after(
    monkeypatch: pytest.MonkeyPatch, picture: Callable[[Tensor], Tensor], **changes: Any
) -> tuple[SampleRun, Tensor]:
    """A short run whose prior sees in every view what `picture` says of x, and the material's features after it."""
    prior = red_prior()
    monkeypatch.setattr(prior, "decode", picture)
    small = {"sample__steps": 2, "sample__views": 2, "color__lr": 0.05}
    run = sampled(prior, PromptTable(prior, "a red ball"), **{**small, **changes})
    return run, run.body.material.grid.features.detach()


def test_a_pixel_without_weight_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "realify.stages.synchronised.facing", lambda rasterized: torch.zeros(len(rasterized.setups), 16, 16, 1)
    )
    _, after = features_after(monkeypatch, lambda x: torch.zeros(len(x), 16, 16, 3))
    assert torch.equal(after, ball_body().material.grid.features)


def test_speckles_are_held_down_and_the_rate_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pictures that are nothing but noise less gets into the material the more weight its smoothness has."""
    noise = torch.rand(2, 16, 16, 3, generator=torch.Generator().manual_seed(0))
    sizes = []
    for smoothness in (0, 30):
        run, after = features_after(monkeypatch, lambda x: noise, color__smoothness=smoothness, color__lr=0.03)
        with torch.no_grad():
            colors = run.body.material(run.surface.vertices)[:, :3]
        sizes.append(float(colors.std()))
        assert run.optimiser.param_groups[0]["lr"] == pytest.approx(0.03 * (1 - 0.7 / 2))  # in the second step of two
        assert after.isfinite().all()
    assert sizes[1] < 0.7 * sizes[0], sizes


def test_each_group_stands_all_around(gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    run = begin(*gaussian, settings_of(sample__views=20, render__views=4))
    assert [len(group) for group in run.setups] == [4] * 5
    for group in run.setups:
        elevations = [setup.view.elevation for setup in group]
        assert max(elevations) - min(elevations) > 30
    assert sum(setup.view.close_up for group in run.setups for setup in group) == 6
    assert len({id(setup.background) for group in run.setups for setup in group}) == 20


# --- other priors ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loaded(tiny_prior: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], DiffusersPrior]:
    """The tiny prior of latents, or the tiny guided one of pixels."""
    folders = {"latents": tiny_prior, "guided": save_tiny_guided(tmp_path_factory.mktemp("guided"))}
    return lambda name: load_prior(str(folders[name]), "cpu", "float32")


@pytest.mark.parametrize("name", ["latents", "guided"])
def test_priors_of_every_kind_are_sampled(name: str, loaded: Callable[[str], DiffusersPrior]) -> None:
    prior = loaded(name)
    before, run = ball_body(), sampled(prior, PromptTable(prior, "a red apple"), sample__guidance_scale=3)
    assert not torch.equal(run.body.material.grid.features, before.material.grid.features)
    assert all(parameter.isfinite().all() for parameter in run.body.parameters())
    assert all(x.shape[1:] == prior.shape for x in run.noised)
    assert prior.bounded == (name == "guided")


def test_every_view_is_shown_with_its_guide(
    loaded: Callable[[str], DiffusersPrior], monkeypatch: pytest.MonkeyPatch
) -> None:
    prior = loaded("guided")
    prompts = PromptTable(prior, "a red apple")
    controls: list[Tensor] = []
    predict = prior.predict_noise

    def watched(x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        assert embeds.controls is not None
        controls.append(embeds.controls)
        return predict(x_t, t, embeds)

    monkeypatch.setattr(prior, "predict_noise", watched)
    run = sampled(prior, prompts, sample__steps=2, prior__guide=0.7)
    groups = [run._rasterize(setups) for setups in run.setups]
    wanted = [group.prompts.target.controls for group in groups]
    assert len(controls) == 2 * len(groups)
    assert all(torch.equal(got, want) for got, want in zip(controls, wanted * 2, strict=True) if want is not None)
    assert float(controls[0][:, 3].max()) == pytest.approx(0.7)


def test_a_render_has_the_priors_size_whatever_the_setting() -> None:
    prior = red_prior()
    prior.card = PriorCard(resolution=16, max_tokens=77)
    assert sampled(prior, PromptTable(prior, "a red ball"), render__resolution=48).size == 16

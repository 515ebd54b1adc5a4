"""The two stages on a small ball: with a prior whose answer is known, and with the embedded one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distill.card import PriorDefaults
from distill.load import load_prior
from distill.prior import Prior, PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.gaussian import GaussianPrior
from distill.prompts import PromptTable
from distill.rules.bridge import Bridge
from distill.rules.csd import CSD
from distill.rules.registry import RULES
from distill.rules.rule import NonFiniteGradient, PromptBatch
from distill.rules.sdi import SDI
from distill.rules.sds import SDS
from distill.rules.stage import StagePlan
from distill.schedule import AnnealedTimesteps, TimestepRange, TimestepSchedule
from realify.setting import SettingsError
from realify.settings import RULES as SETTINGS_RULES
from realify.settings import Settings, apply
from realify.stages.plan import plan_stages
from realify.stages.random_views import sample_setups
from sdf_fit.body.body import Body
from sdf_fit.body.losses import NonFiniteError
from sdf_fit.measures import silhouette_iou
from sdf_fit.render.shading import linear_to_srgb
from sdf_fit.sketch.read import Sketch
from tests.realify.stages.stage_bodies import (
    RADIUS,
    RED,
    RENDERER,
    ball_body,
    red_prior,
    rendered,
    small_settings,
    stage,
)
from tests.sdf_fit.shapes import ball


@pytest.fixture(scope="module")
def gaussian() -> tuple[GaussianPrior, PromptTable]:
    prior = red_prior()
    return prior, PromptTable(prior, "a red ball")


@pytest.fixture(scope="module")
def embedded() -> tuple[DiffusersPrior, PromptTable]:
    prior = load_prior("embedded", "cpu", "float32")
    return prior, PromptTable(prior, "a photo of a red apple")


def nothing(loss: float) -> None:
    """Told of a step, it does nothing."""


def colors(body: Body, points: Tensor) -> Tensor:
    """sRGB [N, 3] at points of the surface."""
    with torch.no_grad():
        return linear_to_srgb(body.material(points)[:, :3])


def points_of(body: Body) -> Tensor:
    return body.surface().vertices.detach()


def run(name: str, prior: Prior, prompts: PromptTable, settings: Settings) -> Body:
    body = ball_body()
    stage(name, body, prior, prompts, settings).run(nothing)
    return body


# --- the plan -------------------------------------------------------------------------------------------------


def test_the_plan_is_the_papers_where_nobody_says_otherwise() -> None:
    first, second = plan_stages(Settings(), PriorDefaults())
    assert (first.name, first.steps, second.name, second.steps) == ("stage1", 2000, "stage2", 500)
    assert first.rule == SDS(100.0, weighting="sigma_squared") and second.rule == Bridge(1.0, weighting="uniform")
    drawn = TimestepRange(0.02, 0.98), TimestepRange(0.02, 0.5)
    assert first.timesteps == TimestepSchedule(*drawn, 0.2)
    assert second.timesteps == TimestepSchedule(*drawn, 0.0)
    assert first.lr_scale == second.lr_scale == 1.0


def test_the_prior_decides_before_the_paper_and_the_settings_before_the_prior() -> None:
    own = PriorDefaults(
        sds_guidance_scale=20.0,
        bridge_lr_scale=0.4,
        sds_timesteps=TimestepSchedule(TimestepRange(0.1, 0.9), TimestepRange(0.1, 0.6), 0.5),
    )
    first, second = plan_stages(Settings(), own)
    assert first.rule == SDS(20.0) and second.lr_scale == 0.4 and first.timesteps == own.sds_timesteps
    changes = {"stage1.strength": 7, "stage1.t_max_late": 0.3, "stage1.late_from": 0.25, "stage1.lr_scale": 2}
    changes |= {"stage2.strength": 3, "stage2.t_max": 0.8, "stage2.lr_scale": 0.7}
    first, second = plan_stages(apply(Settings(), changes), own)
    assert first.rule == SDS(7.0) and second.rule == Bridge(3.0) and (first.lr_scale, second.lr_scale) == (2, 0.7)
    assert first.timesteps == TimestepSchedule(TimestepRange(0.1, 0.9), TimestepRange(0.1, 0.3), 0.25)
    whole = TimestepRange(0.02, 0.8)  # a stage without a beginning of its own has one t_max
    assert second.timesteps == TimestepSchedule(whole, whole, 0.0)


def test_a_t_max_below_the_priors_later_one_holds_later_too() -> None:
    first, _ = plan_stages(apply(Settings(), {"stage1.t_max": 0.4}), PriorDefaults())
    assert first.timesteps == TimestepSchedule(TimestepRange(0.02, 0.4), TimestepRange(0.02, 0.4), 0.2)


def test_a_setting_that_crosses_the_priors_own_is_told() -> None:
    with pytest.raises(SettingsError, match=r"stage1\.t_min is 0\.7, stage1\.t_max_late is 0\.5"):
        plan_stages(apply(Settings(), {"stage1.t_min": 0.7}), PriorDefaults())


def test_either_stage_takes_any_rule_that_needs_no_picture_to_edit() -> None:
    assert [name for name, entry in RULES.items() if not entry.edits] == sorted(SETTINGS_RULES, key=list(RULES).index)
    changes = {"stage1.rule": "csd", "stage1.strength": 15, "stage2.rule": "sdi"}
    first, second = plan_stages(apply(Settings(), changes), PriorDefaults())
    assert first.rule == CSD(w1=15.0) and first.name == "stage1"
    assert second.rule == SDI() and second.timesteps == AnnealedTimesteps(0.98, 0.25)
    with pytest.raises(SettingsError, match="one of sds, bridge, nfsd"):
        apply(Settings(), {"stage1.rule": "dds"})


@pytest.mark.parametrize("rule", [name for name, entry in RULES.items() if not entry.edits])
def test_every_rule_moves_a_body_towards_the_prompt(rule: str) -> None:
    """Red is asked for; the described source differs from it by its darkness alone."""
    prior = red_prior()
    settings = small_settings(stage1__steps=12, stage1__rule=rule, geometry__lr=0.0, color__keep=0.0)
    before = ball_body()
    after = run("stage1", prior, PromptTable(prior, "a red ball"), settings)
    change = (colors(after, points_of(after)) - colors(before, points_of(before))).mean(0)
    if rule in ("bridge", "full-path"):
        assert change.min() > 0.01
    else:
        assert change[0] - change[1:].mean() > 0.02


class Recorder:
    """A rule that asks for nothing and writes down what it is given."""

    name = "recorder"

    def __init__(self) -> None:
        self.timesteps: list[Tensor] = []
        self.prompts: list[PromptBatch] = []
        self.progress: list[float] = []

    def init(self, prior: Prior, before: object = None) -> int:
        return 0

    def step(
        self,
        state: int,
        prior: Prior,
        x: Tensor,
        t: Tensor,
        noise: Tensor,
        prompts: PromptBatch,
        progress: float = 0.0,
    ) -> tuple[Tensor, int]:
        assert state == len(self.timesteps) and noise.shape == x.shape and not x.requires_grad
        self.timesteps.append(t)
        self.progress.append(progress)
        self.prompts.append(prompts)
        return torch.zeros_like(x), state + 1


def test_a_stage_draws_the_planned_timesteps(gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    rule = Recorder()
    schedule = TimestepSchedule(TimestepRange(0.6, 0.9), TimestepRange(0.1, 0.3), 0.2)
    plan = StagePlan("stage1", 40, rule, schedule)
    body = ball_body()
    stage("stage1", body, *gaussian, small_settings(render__views=4), plan).run(nothing)
    assert rule.progress == [step / 40 for step in range(40)]
    drawn = torch.stack(rule.timesteps)
    assert drawn.shape == (40, 4)
    assert drawn[:8].min() >= 600 and drawn[:8].max() <= 900  # the first fifth
    assert drawn[8:].min() >= 100 and drawn[8:].max() <= 300
    assert drawn[8:].float().std() > 40 and (drawn[8:].float().std(1) > 0).any()  # each view its own
    for prompts in rule.prompts:
        assert len(prompts.target) == len(prompts.source) == len(prompts.unconditional) == 4
        assert not torch.equal(prompts.target.hidden, prompts.source.hidden)


# --- with the closed-form prior -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stage1", "stage2"])
def test_the_body_becomes_what_the_prior_knows(name: str, gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    """The pictures the prior knows are red all over; the ball's colour goes there, from grey."""
    settings = small_settings(color__lr=0.05, color__keep=0, stage1__steps=25, stage2__steps=25)
    before, body = ball_body(), run(name, *gaussian, settings)
    change = (colors(body, points_of(before)) - colors(before, points_of(before))).mean(0)
    if name == "stage1":
        assert change[0] > 0.05 and change[1] < -0.05 and change[2] < -0.05
    else:  # away from the source's darker red, whatever it starts from
        assert (change > 0.03).all()


def test_frozen_geometry_does_not_move_by_a_bit(gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    body = run("stage1", *gaussian, small_settings(geometry__lr=0, stage1__steps=4))
    fresh = ball_body()
    assert torch.equal(body.shape.sdf.values, fresh.shape.sdf.values)
    assert not torch.equal(body.material.grid.features, fresh.material.grid.features)
    moved = run("stage1", *gaussian, small_settings(stage1__steps=4))
    assert not torch.equal(moved.shape.sdf.values, fresh.shape.sdf.values)


def test_one_seed_gives_one_result(gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    one, again, other = (
        run("stage1", *gaussian, small_settings(stage1__steps=4, seed=seed)).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["shape.sdf.values"], other["shape.sdf.values"])


class Halted(Exception):
    """Raised after a step, as a job that is told to stop does."""


def test_a_stage_goes_on_from_its_state(gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    settings = small_settings(stage1__steps=8, geometry__every=2)
    whole = run("stage1", *gaussian, settings)
    begun = stage("stage1", ball_body(), *gaussian, settings)
    states = []

    def halt(loss: float) -> None:
        if begun.at_rest():
            states.append(begun.state())
        if begun.step == 4:
            raise Halted

    with pytest.raises(Halted):
        begun.run(halt)
    assert [state["step"] for state in states] == [2, 4]
    state = states[-1]
    extractor = rendered(begun).body.shape.extractor
    body = Body.from_state({k: v.clone() for k, v in state["body"].items()}, extractor, "cpu")
    resumed = stage("stage1", body, *gaussian, settings)
    resumed.restore(state)
    assert resumed.step == 4
    resumed.run(nothing)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, body.state_dict()[name]), name


class BrokenPrior(GaussianPrior):
    """Its answer for the second picture of its `at`-th call is not a number."""

    calls = 0
    at = 3

    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        noise = super().predict_noise(x_t, t, embeds)
        self.calls += 1
        if self.calls == self.at:
            noise[1, 0, 0, 0] = torch.nan
        return noise


@pytest.mark.parametrize("name", ["stage1", "stage2"])
def test_a_number_that_is_none_stops_with_stage_step_and_view(name: str) -> None:
    sound = red_prior()
    prior = BrokenPrior(sound.mean_of, sound.std, sound.schedule)
    prompts = PromptTable(prior, "a red ball")
    settings = small_settings(stage1__steps=6, stage2__steps=6, render__views=3)
    begun = stage(name, ball_body(), prior, prompts, settings)
    states: list[Tensor] = []
    with pytest.raises(NonFiniteError) as caught:
        begun.run(lambda loss: states.append(begun.generator.get_state()))
    # the views of the step that broke are drawn first of all from where the step before left the generator
    again = torch.Generator()
    again.set_state(states[-1])
    aims = rendered(begun).body.surface().vertices.detach()
    view = sample_setups(settings.render, prior.card, rendered(begun).size, aims, again)[1].view
    where = f"azimuth {view.azimuth:.0f}°, elevation {view.elevation:.0f}°"
    assert caught.value.message.startswith(f"stage {name}, step 2, view {where}: ")
    assert caught.value.fix == NonFiniteGradient.fix and "prior.dtype" not in caught.value.message
    assert begun.step == 2 and all(p.isfinite().all() for p in rendered(begun).body.parameters())


def test_keep_shape_holds_the_outline(gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    """The prior wants red to the edge of the picture, so a quick geometry swells; the outline holds it back."""
    sketch = Sketch(ball(4, RADIUS), torch.eye(4).double().numpy(), 0.1, (), "ball")
    shares = []
    for keep in (0, 100):
        settings = small_settings(
            stage1__steps=25, geometry__lr=0.03, geometry__keep_shape=keep, geometry__laplacian=0.01
        )
        shares.append(silhouette_iou(run("stage1", *gaussian, settings).mesh(), sketch, RENDERER))
    assert shares[1] > shares[0] + 0.05 and shares[1] > 0.9, shares


def test_keep_colors_holds_to_the_sketch(gaussian: tuple[GaussianPrior, PromptTable]) -> None:
    drift = []
    for keep in (0, 100):
        settings = small_settings(stage1__steps=25, color__lr=0.05, color__keep=keep)
        body = run("stage1", *gaussian, settings)
        drift.append(float((colors(body, points_of(body)) - 0.5).abs().max(1).values.mean()))
    assert drift[1] < 0.7 * drift[0], drift
    assert RED[0] - 0.5 > 0.3  # what there is to drift towards


# --- with the embedded prior ----------------------------------------------------------------------------------


def test_the_embedded_prior_colours_a_body(embedded: tuple[DiffusersPrior, PromptTable]) -> None:
    """An apple that is asked to be red gets redder, in the first stage already."""
    before = ball_body()
    body = run("stage1", *embedded, small_settings(stage1__steps=16, geometry__lr=0, color__keep=0))
    change = (colors(body, points_of(before)) - colors(before, points_of(before))).mean(0)
    assert change[0] - change[1] > 0.02 and change[0] - change[2] > 0.02, change
    assert torch.equal(body.shape.sdf.values, before.shape.sdf.values)


def measured(name: str, body: Body, prior: Prior, prompts: PromptTable, settings: Settings) -> Tensor:
    """Of each step of a stage: mean change of the colours, and the size of the gradient, [steps, 2]."""
    points = points_of(body)
    begun, last, rows = stage(name, body, prior, prompts, settings), [colors(body, points)], []

    def measure(loss: float) -> None:
        last.append(colors(body, points))
        rows.append([float((last[-1] - last[-2]).abs().mean()), rendered(begun).pull])

    begun.run(measure)
    return torch.tensor(rows)


def test_the_switch_keeps_the_size_of_the_colours_updates(
    embedded: tuple[DiffusersPrior, PromptTable],
) -> None:
    """Within a factor of three, though the gradient drops several times over: moments are reset there."""
    settings = small_settings(stage1__steps=24, stage2__steps=12, geometry__lr=0)
    body = ball_body()
    before, after = (measured(name, body, *embedded, settings) for name in ("stage1", "stage2"))
    update, pull = after.mean(0) / before[12:].mean(0)
    assert 1 / 3 < update < 3 and pull < 1 / 4, (update, pull)

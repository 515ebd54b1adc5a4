"""The two stages of score distillation on a body: SDS, then the paper's bridge (arXiv 2406.09417, B.1).

A stage shows the prior random photographs of the body and descends the rule's gradient through the renderer,
into the material and, at a lower learning rate, into the shape. A picture is one photograph, or as many as the
prior has views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from distill.canvas import canvas_side
from distill.card import PriorDefaults
from distill.prior import Prior
from distill.prompts import PromptTable
from distill.rules.bridge import Bridge
from distill.rules.registry import entry_of, make_rule
from distill.rules.rule import NonFiniteGradient, Rule
from distill.rules.sds import SDS
from distill.rules.stage_plan import StagePlan
from distill.schedule import AnnealedTimesteps, TimestepRange, Timesteps, TimestepSchedule
from realify.setting import SettingsError
from realify.settings import Settings, Stage
from realify.stages.conditions import describe_shots, show_controls
from realify.stages.random_views import Look, develop, sample_look, sample_rings, sample_shots, tile
from realify.stages.rasterised import Exposed, Shot, expose
from sdf_fit.body.body import Body
from sdf_fit.body.losses import (
    NonFiniteError,
    material_drift,
    normal_consistency,
    sdf_terms,
    silhouette_loss,
)
from sdf_fit.body.targets import Targets
from sdf_fit.cameras import View
from sdf_fit.fit import optimise
from sdf_fit.render import Rasterizer
from sdf_fit.render.surface import Surface

BETAS = (0.9, 0.99)  # second moments that follow within a draft's few hundred steps
COLOR_POINTS = 1024  # of the surface, at which each step looks at the colours themselves
SPECKLE_SIZE = 0.01  # working units between a point and the neighbour it should resemble
LR_END = 0.3  # each stage's learning rates fall to this share, so that it settles


def plan_stages(settings: Settings, defaults: PriorDefaults) -> tuple[StagePlan, StagePlan]:
    """The two rules, SDS and bridge if not told otherwise; what the settings leave open is the prior's own default.

    Raises SettingsError where a setting and a default leave no timesteps to draw.
    """
    first, second = settings.stage1, settings.stage2
    return (
        StagePlan(
            "stage1",
            first.steps,
            _rule(first.rule, first.strength, defaults),
            _times("stage1", first, defaults.sds_timesteps),
            _or(first.lr_scale, 1.0),
        ),
        StagePlan(
            "stage2",
            second.steps,
            _rule(second.rule, second.strength, defaults),
            _times("stage2", second, defaults.bridge_timesteps),
            _or(second.lr_scale, defaults.bridge_lr_scale),
        ),
    )


def _rule(name: str, strength: float | None, defaults: PriorDefaults) -> Rule[Any]:
    """SDS and the bridge with their 3D constants, every other rule with those of distill/rules/registry.py."""
    if name == "sds":
        return SDS(_or(strength, defaults.sds_guidance_scale))
    if name == "bridge":
        return Bridge(_or(strength, defaults.bridge_weight))
    return make_rule(name, defaults, **({} if strength is None else {entry_of(name).strength: strength}))


def _times(name: str, stage: Stage, own: TimestepSchedule) -> Timesteps:
    """A rule that walks down the times by itself keeps to its own; the others draw."""
    walked = entry_of(stage.rule).timesteps
    if isinstance(walked, AnnealedTimesteps):
        return walked
    late_from = _or(stage.late_from, own.narrow_from)
    late = own.later.high
    if stage.t_max is not None:  # later from the first step on: t_max is for the whole stage
        late = min(stage.t_max, late) if late_from > 0 else stage.t_max
    return TimestepSchedule(
        _timesteps(name, _or(stage.t_min, own.first.low), "t_max", _or(stage.t_max, own.first.high)),
        _timesteps(name, _or(stage.t_min, own.later.low), "t_max_late", _or(stage.t_max_late, late)),
        late_from,
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _timesteps(stage: str, low: float, high_name: str, high: float) -> TimestepRange:
    if low >= high:
        raise SettingsError(
            f"{stage}.t_min is {low}, {stage}.{high_name} is {high} (the prior's own where none is set).",
            f"{stage}.t_min has to be the smaller one.",
        )
    return TimestepRange(low, high)


def speckles(
    material: Callable[[Tensor], Tensor], surface: Surface, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Random points [N, 3] of the surface, the materials [N, 5] there, and by how much a neighbour's differs."""
    points = surface.sample(COLOR_POINTS, generator)
    near = points + torch.randn(points.shape, generator=generator).to(points.device) * SPECKLE_SIZE
    here, beside = material(torch.cat([points, near])).chunk(2)
    return points, here, (here - beside).abs().mean()


def where(stage: str, step: int, views: Sequence[View]) -> str:
    """The place that an error names."""
    names = [f"azimuth {view.azimuth:.0f}°, elevation {view.elevation:.0f}°" for view in views]
    return f"stage {stage}, step {step}, view {'; '.join(names)}"


class StageRun:
    """A stage in progress: body, optimiser, rule's state and random draws, which together are its whole state.

    A new stage begins with fresh optimiser moments: at the switch the gradient drops about a hundredfold, and
    moments that remember the first stage would hold the second one still.
    """

    effort = 1.0  # of a step, beside this one's

    def __init__(
        self,
        plan: StagePlan,
        body: Body,
        prior: Prior,
        prompts: PromptTable,
        targets: Targets,
        renderer: Rasterizer,
        settings: Settings,
        generator: torch.Generator,
        before: object = None,
    ) -> None:
        """`before` is the state of the last stage's rule: what it has learnt about the pictures is not lost."""
        self.plan, self.body, self.prior, self.prompts = plan, body, prior, prompts
        self.targets, self.renderer, self.settings, self.generator = targets, renderer, settings, generator
        across = canvas_side(prior.views)
        self.size = settings.render.resolution or prior.card.resolution // across  # of a photograph
        self.picture_size = self.size * across
        self.rule_state = plan.rule.init(prior, before)
        self.keep_colors = _or(settings.color.keep, prior.card.defaults.keep_colors)
        self.guide = _or(settings.prior.guide, prior.card.defaults.guide)
        self.pull = 0.0  # size of the current distillation gradient: its root mean square times the pixels
        self.step = 0  # steps done
        self.looking: list[View] = []  # the views of the current step, to name in an error
        geometry = settings.geometry
        body.shape.sdf.values.requires_grad_(geometry.lr > 0)
        self.optimiser = torch.optim.Adam(
            [
                {"params": [body.shape.sdf.values], "initial_lr": geometry.lr, "name": "shape"},
                {
                    "params": list(body.material.parameters()),
                    "initial_lr": settings.color.lr,
                    "name": "material",
                },
            ],
            betas=BETAS,
            eps=1e-15,  # the bridge's gradients are small, and Adam must not notice
            fused=True,
        )

    @property
    def name(self) -> str:
        """The stage's."""
        return self.plan.name

    def run(self, on_step: Callable[[float], None]) -> None:
        """The steps that are left; on_step(loss) after each, which may raise to stop."""

        def after_step(step: int, loss: float) -> None:
            self.step = step + 1
            on_step(loss)

        try:
            optimise(
                self.body.shape,
                self._image_loss,
                self._regulariser,
                self.optimiser,
                range(self.step, self.plan.steps),
                after_step,
                every=self.settings.geometry.every,
            )
        except NonFiniteError as error:
            place = where(self.name, self.step, self.looking)
            raise NonFiniteError(f"{place}: {error.message}", error.fix) from error

    def at_rest(self) -> bool:
        """Whether a checkpoint may be taken: the next step extracts the surface anew."""
        return self.step % self.settings.geometry.every == 0 or self.step == self.plan.steps

    def state(self) -> dict[str, Any]:
        """Everything a later `restore` needs to go on to the very same result."""
        state = {
            "stage": self.plan.name,
            "step": self.step,
            "body": self.body.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
        }
        if hasattr(self.rule_state, "state_dict"):  # distill.rules.rule.LearntState
            state["rule"] = self.rule_state.state_dict()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Back to where `state` was taken; the body is the state's own already (`Body.from_state`)."""
        self.step = state["step"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        if "rule" in state:
            self.rule_state.load_state_dict(state["rule"])

    def _image_loss(self, surface: Surface, step: int) -> Tensor:
        """½‖gradient‖² per picture, whose derivative with respect to the prior's x is the rule's gradient."""
        progress = step / self.plan.steps
        for group in self.optimiser.param_groups:
            group["lr"] = group["initial_lr"] * self.plan.lr_scale * (1 - (1 - LR_END) * progress)
        settings = self.settings.render
        shots = self._sample_shots(surface)
        # a surface that stands still learns nothing from a picture without its texture
        textureless = settings.textureless if surface.vertices.requires_grad else 0.0
        look = sample_look(textureless, self.generator)
        exposed = expose(self.renderer, surface, shots, self.size, settings.supersample)
        x = self.prior.encode(tile(develop(exposed, self.body.material, look), self.prior.views))
        self.looking = [shot.view for shot in shots]
        gradient = self._gradient(x.detach(), exposed, look, progress)
        self.pull = float(gradient.square().mean().sqrt()) * self.picture_size**2
        loss = 0.5 * (x - (x.detach() - gradient)).square().sum() / len(x)
        return loss + self.pull * self._color_terms(surface)

    def _sample_shots(self, surface: Surface) -> list[Shot]:
        settings, card, views = self.settings.render, self.prior.card, self.prior.views
        if views > 1:
            return sample_rings(settings, card, self.size, views, self.generator)
        return sample_shots(settings, card, self.size, surface.vertices.detach(), self.generator)

    def _color_terms(self, surface: Surface) -> Tensor:
        """Speckles, and drift from the sketch's colours, at random points of the surface."""
        color, body = self.settings.color, self.body
        points, material, speckle = speckles(body.material, surface, self.generator)
        total = color.smoothness * speckle
        if self.keep_colors:
            with torch.no_grad():
                drawn = body.drawn(points)
            total = total + self.keep_colors * material_drift(material, drawn)
        return total

    def _gradient(self, x: Tensor, exposed: Exposed, look: Look, progress: float) -> Tensor:
        prior, shots = self.prior, exposed.shots
        t = self.plan.timesteps.sample(len(x), progress, len(prior.schedule), self.generator).to(prior.device)
        noise = torch.randn(x.shape, generator=self.generator).to(prior.device)
        prompts = describe_shots(prior, self.prompts, shots)
        prompts = show_controls(prior, prompts, exposed, self.body.drawn, look, self.guide)
        try:
            gradient, self.rule_state = self.plan.rule.step(
                self.rule_state, prior, x.to(prior.device), t, noise, prompts, progress
            )
        except NonFiniteGradient as error:
            views = prior.views
            self.looking = [shot.view for i in error.images for shot in shots[i * views : (i + 1) * views]]
            raise NonFiniteError(str(error), error.fix) from error
        weight = self.settings.stage1.weight if self.plan.name == "stage1" else self.settings.stage2.weight
        return weight * gradient.to(x.device, x.dtype)

    def _regulariser(self, surface: Surface, values: Tensor, step: int) -> Tensor:
        """Weights are relative to the distillation gradient, so that they mean the same in both stages."""
        geometry = self.settings.geometry
        terms = sdf_terms(values)
        total = geometry.eikonal * terms.eikonal + geometry.laplacian * terms.smoothness
        if geometry.normal_consistency:
            total = total + geometry.normal_consistency * normal_consistency(surface)
        if geometry.keep_shape:
            chosen = torch.randint(len(self.targets.views), (1,), generator=self.generator).tolist()
            outline = silhouette_loss(surface, self.targets, chosen, self.renderer)
            total = total + geometry.keep_shape * outline
        return self.pull * total

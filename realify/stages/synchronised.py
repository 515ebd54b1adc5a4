"""Synchronised sampling on a body: pictures of many views are sampled from the prior at once, held to one material.

Distillation finds a mode of an average, and the texture of the prior's samples is lost in it. Here each of the views
walks from noise to a clean picture as in DDIM (arXiv 2010.02502); in every step the material is fitted to what the
prior sees in all of them, and for most of the way the views go on from the material's renders, so that they become
pictures of one object. After MVDiffusion's and SyncMVD's synchronised denoising (arXiv 2311.12891), with a material
field under light in place of a texture.

    x̂_i = the prior's clean prediction in x_i                         T ← argmin Σ w_i ‖R_i(T) - decode(x̂_i)‖²
    x_i ← alpha' encode(R_i(T)) + sigma' (x_i - alpha x̂_i) / sigma    (after `together` with x̂_i in place of the render;
                                                                       part of the noise anew where eta > 0)

R_i are the renders of view i in its own light, T the material, w_i the cosine between normal and view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distill.ddim import move_on, predict_clean
from distill.prior import Prior
from distill.prompts import PromptTable
from distill.rules.rule import PromptBatch
from distill.rules.stage import BETAS, EPS
from realify.setting import SettingsError
from realify.settings import Settings
from realify.stages.conditions import describe_views, show_controls
from realify.stages.plan import LR_END
from realify.stages.random_views import shade_views, spread_setups
from realify.stages.rasterized_views import RasterizedViews, ViewSetup, rasterize_views
from realify.stages.rendered_body import speckles, where
from sdf_fit.body.body import Body
from sdf_fit.body.losses import NonFiniteError
from sdf_fit.render import Rasterizer
from sdf_fit.render.surface import Surface

ROUND = 0.25  # what a round of fitting costs beside asking the prior


@dataclass(frozen=True)
class SamplePlan:
    """`steps` from diffusion time `t_max` (a share of T) down to 0, for `views` views in `groups` that fit into memory;
    in each step `fit_steps` rounds of fitting, and for the share `together` of the steps one object.
    """

    steps: int
    views: int
    groups: int
    t_max: float
    guidance_scale: float
    eta: float
    fit_steps: int
    together: float
    name: str = "sample"

    @property
    def effort(self) -> float:
        """How many steps of distillation a step is as long as."""
        return self.groups * (1 + ROUND * self.fit_steps)

    def times(self, num_timesteps: int) -> list[int]:
        """The timestep of each step, falling."""
        last = num_timesteps - 1
        falling = [self.t_max * (self.steps - i) / self.steps for i in range(self.steps)]
        return [min(max(round(share * num_timesteps) - 1, 0), last) for share in falling]


def plan_sample(settings: Settings, prior: Prior) -> SamplePlan:
    """What the settings leave open is the prior's own; no step where neither wants any.

    Raises SettingsError for steps with a prior of several views in a picture: it has its own way to hold them together.
    """
    sample, own = settings.sample, prior.card.defaults
    steps = own.sample_steps if sample.steps is None else sample.steps
    if steps and prior.views > 1:
        raise SettingsError(
            f"sample.steps is {steps}, but a picture of the prior {prior.name} holds {prior.views} views.",
            "Synchronised sampling takes priors of single views: set sample.steps=0.",
        )
    scale = own.sampling_guidance_scale if sample.guidance_scale is None else sample.guidance_scale
    t_max = own.sample_t_max if sample.t_max is None else sample.t_max
    groups = -(-sample.views // settings.render.views)
    eta = own.sampling_eta if sample.eta is None else sample.eta
    return SamplePlan(steps, sample.views, groups, t_max, scale, eta, sample.fit_steps, sample.together)


@dataclass(frozen=True)
class Group:
    """B views that the prior sees in one go: rasterised once, since the shape stands still, with their prompts and
    [B, S, S, 1] how much each pixel counts.
    """

    rasterized: RasterizedViews
    prompts: PromptBatch
    weight: Tensor


class SampleRun:
    """The stage in progress: material, optimiser, noised pictures and random draws, which together are its whole state.

    The shape stands still. The views are drawn at once, from where the generator stands.
    """

    def __init__(
        self,
        plan: SamplePlan,
        body: Body,
        prior: Prior,
        prompts: PromptTable,
        renderer: Rasterizer,
        settings: Settings,
        generator: torch.Generator,
    ) -> None:
        self.plan, self.body, self.prior, self.prompts = plan, body, prior, prompts
        self.renderer, self.settings, self.generator = renderer, settings, generator
        self.name, self.effort = plan.name, plan.effort
        own = prior.card.defaults.guide
        self.guide = own if settings.prior.guide is None else settings.prior.guide
        self.size = prior.card.resolution  # of a render: it is compared with the prior's own pictures
        self.step = 0  # steps done
        self.noised: list[Tensor] = []  # x of each group's views, [B, C, h, w]; empty before the first step
        self.surface: Surface = body.surface().detached()
        self._draw_shots()
        self.optimiser = torch.optim.Adam(
            body.material.parameters(), lr=settings.color.lr, betas=BETAS, eps=EPS, fused=True
        )

    def _draw_shots(self) -> None:
        """Every group's setups stand all around the body."""
        self.begun = self.generator.get_state()
        plan, render, aims = self.plan, self.settings.render, self.surface.vertices
        setups = spread_setups(render, self.prior.card, self.size, plan.views, aims, self.generator)
        self.setups = [setups[i :: plan.groups] for i in range(plan.groups)]

    def run(self, on_step: Callable[[float], None]) -> None:
        """The steps that are left; on_step(loss) after each, which may raise to stop. Raises NonFiniteError."""
        groups = [self._rasterize(setups) for setups in self.setups]
        times = self.plan.times(len(self.prior.schedule))
        if not self.noised:
            self.noised = [self._noise(group, times[0]) for group in groups]
        for step in range(self.step, self.plan.steps):
            loss = self._advance(groups, times[step], times[step + 1] if step + 1 < len(times) else None)
            self.step = step + 1
            on_step(loss)

    def at_rest(self) -> bool:
        """Whether a checkpoint may be taken: between any two steps."""
        return True

    def state(self) -> dict[str, Any]:
        """Everything a later `restore` needs to go on to the very same result."""
        return {
            "stage": self.name,
            "step": self.step,
            "body": self.body.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "begun": self.begun,
            "noised": self.noised,
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Back to where `state` was taken; the body is the state's own already (`Body.from_state`)."""
        self.generator.set_state(state["begun"])
        self._draw_shots()
        self.step = state["step"]
        self.noised = [x.to(self.prior.device) for x in state["noised"]]
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])

    @torch.no_grad()
    def _rasterize(self, setups: Sequence[ViewSetup]) -> Group:
        rasterized = rasterize_views(self.renderer, self.surface, setups, self.size, self.settings.render.supersample)
        prompts = describe_views(self.prior, self.prompts, setups)
        prompts = show_controls(self.prior, prompts, rasterized, self.body.drawn, "textured", self.guide)
        return Group(rasterized, prompts, facing(rasterized))

    def _noise(self, group: Group, time: int) -> Tensor:
        x = self._render(group)
        noise = torch.randn(x.shape, generator=self.generator).to(x)
        return self.prior.schedule.add_noise(x, self._timesteps(x, time), noise)

    @torch.no_grad()
    def _render(self, group: Group) -> Tensor:
        """The material as it is, as the prior's x [B, C, h, w]."""
        return self.prior.encode(shade_views(group.rasterized, self.body.material)).to(self.prior.device)

    def _timesteps(self, x: Tensor, time: int) -> Tensor:
        return torch.full((len(x),), time, device=x.device)

    def _advance(self, groups: Sequence[Group], time: int, following: int | None) -> float:
        """One step of all views from `time` to the `following` timestep; the loss of its fit."""
        clean = [self._predict(group, x, time) for group, x in zip(groups, self.noised, strict=True)]
        loss = self._fit(groups, [self.prior.decode(x) for x in clean])
        if following is not None:
            together = self.step < self.plan.together * self.plan.steps
            goals = [self._render(group) for group in groups] if together else clean
            self.noised = [
                self._move_on(x, x0, goal, time, following)
                for x, x0, goal in zip(self.noised, clean, goals, strict=True)
            ]
        return loss

    def _move_on(self, x: Tensor, x0: Tensor, goal: Tensor, time: int, following: int) -> Tensor:
        t, then = self._timesteps(x, time), self._timesteps(x, following)
        # contiguous, as a checkpoint gives it back: a convolution's last bits depend on the layout
        return move_on(self.prior.schedule, x, t, x0, then, goal, self.plan.eta, self.generator).contiguous()

    def _predict(self, group: Group, x: Tensor, time: int) -> Tensor:
        """x̂ [B, C, h, w]. The source's words are what to keep away from: the two differ in how pictures of a body under
        optimisation look.
        """
        prompts, t = group.prompts, self._timesteps(x, time)
        clean = predict_clean(self.prior, x, t, prompts.target, prompts.source, self.plan.guidance_scale)
        broken = (~clean.isfinite().flatten(1).all(1)).nonzero()[:, 0].tolist()
        if broken:
            place = where(self.name, self.step, [group.rasterized.setups[i].view for i in broken])
            raise NonFiniteError(f"{place}: the prior's picture at timestep {time} is not finite")
        return clean

    def _fit(self, groups: Sequence[Group], pictures: Sequence[Tensor]) -> float:
        """The material follows the pictures [B, S, S, 3]; the last round's mean square difference, weighted."""
        progress = self.step / self.plan.steps
        self.optimiser.param_groups[0]["lr"] = self.settings.color.lr * (1 - (1 - LR_END) * progress)
        losses = [0.0]
        for _ in range(self.plan.fit_steps):
            order = torch.randperm(len(groups), generator=self.generator).tolist()
            losses = [self._fit_group(groups[i], pictures[i]) for i in order]
        return sum(losses) / len(losses)

    def _fit_group(self, group: Group, pictures: Tensor) -> float:
        """A step of the optimiser; the weight of speckles is relative to what pulls, as in distillation."""
        seen = shade_views(group.rasterized, self.body.material)
        square = group.weight * (seen - pictures.to(seen)).square()
        error = float(square.detach().mean())
        pull = error**0.5 * self.size**2
        _, _, speckle = speckles(self.body.material, self.surface, self.generator)
        loss = 0.5 * square.sum() / len(seen) + pull * self.settings.color.smoothness * speckle
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._check(group)
        self.optimiser.step()
        return error

    def _check(self, group: Group) -> None:
        """NonFiniteError before a gradient that is no number gets into the material."""
        if not all(p.grad is None or bool(p.grad.sum().isfinite()) for p in self.body.material.parameters()):
            place = where(self.name, self.step, [setup.view for setup in group.rasterized.setups])
            raise NonFiniteError(f"{place}: the gradient of the material is not finite")


def facing(rasterized: RasterizedViews) -> Tensor:
    """The cosine [B, S, S, 1] between the surface's normal and the direction to the camera, 0 beside the body.

    A picture tells most of a surface that it looks straight at; where views meet, the one that sees better counts more.
    """
    cosine = (rasterized.normals * rasterized.to_camera()).sum(1, keepdim=True).clamp(min=0.0)
    return rasterized.picture(cosine, torch.zeros_like(rasterized.backgrounds()[..., :1])).clamp(min=0.0)

"""Score distillation in two dimensions: stages of rules that optimise pictures (section 4 of arXiv 2406.09417)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from distill.images.picture import Picture
from distill.prior import Prior
from distill.rules.rule import PromptBatch
from distill.rules.stage_plan import StagePlan

BETAS = (0.9, 0.99)  # as in 3D: second moments that follow within a few hundred steps


class PictureRun:
    """An optimisation in progress: pictures, optimiser, rule's state and random draws are its whole state.

    At each switch of stages the optimiser's moments begin anew, since gradients of two rules differ a
    hundredfold. `lr` is in units of the picture's parameters.
    """

    def __init__(
        self,
        picture: Picture,
        prior: Prior,
        prompts: PromptBatch,
        plans: Sequence[StagePlan],
        lr: float,
        generator: torch.Generator,
    ) -> None:
        self.picture, self.prior, self.prompts = picture, prior, prompts
        self.plans = [plan for plan in plans if plan.steps > 0]
        if not self.plans:
            raise ValueError("no stage has a step: give at least one")
        self.lr, self.generator = lr, generator
        self.total = sum(plan.steps for plan in self.plans)
        self.step = 0  # steps done, of all stages together
        self.rule_state: Any = None
        self._begin_stage()

    @property
    def plan(self) -> StagePlan:
        """The stage that the next step belongs to (at the end: the last)."""
        return self.plans[self._place()[0]]

    def run(self, on_step: Callable[[PictureRun, float], None]) -> None:
        """The steps that are left; on_step(self, size of the gradient) after each, which may raise to stop.

        Raises NonFiniteGradient.
        """
        while self.step < self.total:
            stage, done = self._place()
            if done == 0 and self._stage != stage:
                self._begin_stage()
            size = self._descend(self.plans[stage], done)
            self.step += 1
            on_step(self, size)

    def state(self) -> dict[str, Any]:
        """Everything a later `restore` needs to go on to the very same pictures."""
        return {
            "step": self.step,
            "parameters": [parameter.detach() for parameter in self.picture.parameters()],
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "rule": None if self.rule_state is None else self.rule_state.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Back to where `state` was taken, with the same stages and pictures of the same shape."""
        self.step = state["step"]
        for parameter, saved in zip(self.picture.parameters(), state["parameters"], strict=True):
            parameter.data.copy_(saved)
        if self._place()[0] != self._stage and self._place()[1] > 0:
            self._begin_stage()
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        if self.rule_state is not None and state["rule"] is not None:
            self.rule_state.load_state_dict(state["rule"])

    def _place(self) -> tuple[int, int]:
        """The stage of the next step, and its steps done."""
        done = min(self.step, self.total - 1)
        for i, plan in enumerate(self.plans):
            if done < plan.steps:
                return i, done
            done -= plan.steps
        raise AssertionError("the steps of the stages add up to the total")

    def _begin_stage(self) -> None:
        self._stage = self._place()[0]
        plan = self.plans[self._stage]
        self.rule_state = plan.rule.init(self.prior, self.rule_state)
        self.optimiser = torch.optim.Adam(
            self.picture.parameters(), lr=self.lr * plan.lr_scale, betas=BETAS, eps=1e-15
        )

    def _descend(self, plan: StagePlan, done: int) -> float:
        x = self.picture.x()
        gradient = self._gradient(plan, x.detach(), done / plan.steps)
        self.optimiser.zero_grad(set_to_none=True)
        x.backward(gradient)
        self.optimiser.step()
        self.picture.project()
        return float(gradient.square().mean().sqrt())

    def _gradient(self, plan: StagePlan, x: Tensor, progress: float) -> Tensor:
        device = self.prior.device
        t = plan.timesteps.sample(len(x), progress, len(self.prior.schedule), self.generator).to(device)
        noise = torch.randn(x.shape, generator=self.generator).to(device)
        gradient, self.rule_state = plan.rule.step(
            self.rule_state, self.prior, x, t, noise, self.prompts, progress
        )
        return gradient

"""A stage of score distillation: a rule, for how long, at which times; its run, whatever is optimised; and stages one
after another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from distill.prior import Prior
from distill.rules.rule import PromptBatch, Rule
from distill.schedule import Timesteps

BETAS = (0.9, 0.99)  # second moments that follow within a draft's few hundred steps
EPS = 1e-15  # the bridge's gradients are small, and Adam must not notice


@dataclass(frozen=True)
class StagePlan:
    """`steps` of a rule, whose gradient is weighed by `weight`. The stage's learning rates are `lr_scale` of those set,
    and fall to the share `lr_end` of that.
    """

    name: str
    steps: int
    rule: Rule[Any]
    timesteps: Timesteps
    lr_scale: float = 1.0
    lr_end: float = 1.0
    weight: float = 1.0


class Optimised(Protocol):
    """What a stage moves: a picture, two films, a body."""

    @property
    def every(self) -> int:
        """Steps from one at which it is its parameters alone, so that a checkpoint may be taken, to the next."""
        ...

    def groups(self) -> list[dict[str, Any]]:
        """Its parameters as an optimiser takes them: `params`, `lr` in their units, `name`."""
        ...

    def descend(self, stage: StageRun, on_step: Callable[[float], None]) -> None:
        """The steps that are left, along `stage.gradient` by `stage.optimiser`; on_step(loss) after each."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that the stage moves."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Back to where `state` was taken."""
        ...


class StageRun:
    """A stage in progress: what is optimised, optimiser, rule's state and random draws are its whole state.

    It begins with fresh moments of the optimiser: at the switch of rules the gradient changes about a hundredfold, and
    moments that remember the last stage would hold this one still.
    """

    effort = 1.0  # of a step, beside other stages'

    def __init__(
        self,
        plan: StagePlan,
        optimised: Optimised,
        prior: Prior,
        generator: torch.Generator,
        before: object = None,
    ) -> None:
        """`before` is the state of the last stage's rule: what it has learnt about the pictures is not lost."""
        self.plan, self.optimised, self.prior, self.generator = plan, optimised, prior, generator
        self.name = plan.name
        self.step = 0  # steps done
        self.rule_state = plan.rule.init(prior, before)
        groups = [group | {"initial_lr": group["lr"]} for group in optimised.groups()]
        self.optimiser = torch.optim.Adam(groups, betas=BETAS, eps=EPS, fused=True)

    @property
    def progress(self) -> float:
        """The share of the steps that are done."""
        return self.step / self.plan.steps

    def run(self, on_step: Callable[[float], None]) -> None:
        """The steps that are left; on_step(loss) after each, which may raise to stop. Raises NonFiniteGradient, or what
        is optimised an error of its own.
        """

        def after_step(loss: float) -> None:
            self.step += 1
            self._set_rates()
            on_step(loss)

        if self.step < self.plan.steps:
            self._set_rates()
            self.optimised.descend(self, after_step)

    def gradient(self, x: Tensor, prompts: PromptBatch) -> Tensor:
        """The rule's at x [B, C, h, w] (detached), weighed, at a time and with noise of its own for each picture."""
        prior, plan = self.prior, self.plan
        t = plan.timesteps.sample(len(x), self.progress, len(prior.schedule), self.generator).to(prior.device)
        noise = torch.randn(x.shape, generator=self.generator).to(prior.device)
        gradient, self.rule_state = plan.rule.step(
            self.rule_state, prior, x.to(prior.device), t, noise, prompts, self.progress
        )
        return plan.weight * gradient.to(x.device, x.dtype)

    def at_rest(self) -> bool:
        """Whether a checkpoint may be taken."""
        return self.step % self.optimised.every == 0 or self.step == self.plan.steps

    def state(self) -> dict[str, Any]:
        """Everything a later `restore` needs to go on to the very same result."""
        state = self.optimised.state() | {
            "stage": self.name,
            "step": self.step,
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
        }
        if hasattr(self.rule_state, "state_dict"):  # distill.rules.rule.LearntState
            state["rule"] = self.rule_state.state_dict()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Back to where `state` was taken."""
        self.step = state["step"]
        self.optimised.restore(state)
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        if "rule" in state:
            self.rule_state.load_state_dict(state["rule"])

    def _set_rates(self) -> None:
        plan = self.plan
        for group in self.optimiser.param_groups:
            group["lr"] = group["initial_lr"] * plan.lr_scale * (1 - (1 - plan.lr_end) * self.progress)


def stage_runs(
    plans: Sequence[StagePlan],
    optimised: Optimised,
    prior: Prior,
    generator: torch.Generator,
    state: dict[str, Any] | None = None,
) -> Iterator[StageRun]:
    """Each stage at its beginning, once the one before has run, or from where `state` was taken on.

    What a rule has learnt goes on into the next stage.
    """
    reached = [plan.name for plan in plans].index(state["stage"]) if state else 0
    before: object = None
    for plan in plans[reached:]:
        run = StageRun(plan, optimised, prior, generator, before)
        if state and plan is plans[reached]:
            run.restore(state)
        yield run
        before = run.rule_state

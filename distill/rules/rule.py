"""What every distillation rule offers: from a picture to the gradient an optimiser descends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar

from torch import Tensor

from distill.prior import Prior, PromptEmbeds

State = TypeVar("State")


@dataclass(frozen=True)
class PromptBatch:
    """The embedded prompts of B pictures: where to go, where the picture stands now, no prompt at all, and what
    any bad picture is like, whatever it shows.
    """

    target: PromptEmbeds
    source: PromptEmbeds
    unconditional: PromptEmbeds
    negative: PromptEmbeds

    def map(self, change: Callable[[PromptEmbeds], PromptEmbeds]) -> PromptBatch:
        """Each of the four changed."""
        return PromptBatch(*(change(getattr(self, part.name)) for part in fields(self)))


class Rule(Protocol[State]):
    """A distillation gradient. The state belongs to the rule: pass back what the last step returned."""

    @property
    def name(self) -> str: ...

    def init(self, prior: Prior, before: object = None) -> State:
        """The state before the first step: None, or a `LearntState`. `before` is what the last stage left."""
        ...

    def step(
        self,
        state: State,
        prior: Prior,
        x: Tensor,
        t: Tensor,
        noise: Tensor,
        prompts: PromptBatch,
        progress: float = 0.0,
    ) -> tuple[Tensor, State]:
        """The gradient [B, C, h, w] at x [B, C, h, w] (detached), for timesteps t [B] and noise like x.

        `progress` is the share of the rule's steps that are done. Raises NonFiniteGradient.
        """
        ...


class LearntState(Protocol):
    """A rule's state that is worth keeping in a checkpoint."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class NonFiniteGradient(FloatingPointError):
    """A gradient with NaN or infinity. `images` are the places in the batch, `timesteps` theirs; `fix` is a way on."""

    fix = "set prior.dtype to float32, or lower the guidance scale"

    def __init__(self, rule: str, images: list[int], timesteps: list[int]) -> None:
        super().__init__(
            f"the {rule} gradient is not finite for images {images} of the batch at timesteps {timesteps}"
        )
        self.rule, self.images, self.timesteps = rule, images, timesteps


def checked(gradient: Tensor, rule: str, t: Tensor) -> Tensor:
    """The gradient as it is, or NonFiniteGradient that names the pictures and timesteps."""
    bad = ~gradient.isfinite().flatten(1).all(1)
    if bad.any():
        raise NonFiniteGradient(rule, bad.nonzero()[:, 0].tolist(), t[bad].tolist())
    return gradient

"""The source distribution learnt on the way: a low-rank adapter that is trained on the pictures as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from distill.prior import Adapter, Prior, PromptEmbeds


@dataclass(frozen=True)
class LearntSource:
    """How the adapter is made and trained: `lr` of AdamW, `rank`, steps of training for one of distillation."""

    lr: float = 1e-4
    rank: int = 4
    steps: int = 1
    seed: int = 0

    def start(self, prior: Prior, before: object = None) -> LearntSourceState:
        """A fresh adapter, or what a stage before has learnt already."""
        if isinstance(before, LearntSourceState):
            return before
        generator = torch.Generator().manual_seed(self.seed)
        return LearntSourceState(prior.adapter(self.rank, generator), self, generator)


@dataclass
class LearntSourceState:
    """The adapter with its optimiser and random draws; a checkpoint holds `state_dict()`."""

    adapter: Adapter
    plan: LearntSource
    generator: torch.Generator
    optimiser: torch.optim.Optimizer = field(init=False)

    def __post_init__(self) -> None:
        self.optimiser = torch.optim.AdamW(self.adapter.parameters(), lr=self.plan.lr)

    def train(self, prior: Prior, x: Tensor, embeds: PromptEmbeds) -> None:
        """One or more steps on equation 1 with pictures x [B, C, h, w], at times and noise of its own."""
        for _ in range(self.plan.steps):
            t = torch.randint(len(prior.schedule), (len(x),), generator=self.generator).to(x.device)
            noise = torch.randn(x.shape, generator=self.generator).to(x)
            self.optimiser.zero_grad(set_to_none=True)
            with torch.enable_grad():
                self.adapter.loss(x, t, noise, embeds).backward()
            self.optimiser.step()

    def state_dict(self) -> dict[str, Any]:
        return {
            "adapter": self.adapter.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.adapter.load_state_dict(state["adapter"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])

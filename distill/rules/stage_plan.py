"""One stage of an optimisation: a rule, for how long, at which times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from distill.rules.rule import Rule
from distill.schedule import Timesteps


@dataclass(frozen=True)
class StagePlan:
    """`steps` of a rule; `lr_scale` is the stage's learning rate beside the others'."""

    name: str
    steps: int
    rule: Rule[Any]
    timesteps: Timesteps
    lr_scale: float = 1.0

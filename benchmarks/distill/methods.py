"""The ways to make a picture that are compared, as plans: stages of rules, or sampling.

Every rule begins with the constants of the paper's appendix A, whatever the prior would like; the sweep
(benchmarks/distill/sweep.py) then moves all of them by the same steps. With fewer steps than the paper's a LoRA learns
as much faster, so that it gets as far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from distill.card import PriorDefaults
from distill.rules.registry import RULES, make_rule, plan_picture
from distill.rules.stage import StagePlan

PAPER = PriorDefaults()
LORA_TRAVEL = 1e-4 * PAPER.picture_steps  # the paper's learning rate × steps
LORA_MOST = 1e-3
DDIM = "ddim"
SINGLE = ("sds", "nfsd", "csd", "vsd", "bridge")  # table 1, in its order
# Table 3: the rule with the whole path for each single step with the same source.
FULL: Mapping[str, str] = {"sds": "full-path-unconditional", "bridge": "full-path", "vsd": "full-path-lora"}
LEARNT = ("vsd", "full-path-lora")  # one LoRA is one distribution: these make one picture at a time
TITLES: Mapping[str, str] = {
    DDIM: "DDIM",
    "sds": "SDS",
    "nfsd": "NFSD",
    "csd": "CSD",
    "vsd": "VSD",
    "bridge": "bridge",
    "full-path-unconditional": "full path, unconditional",
    "full-path": "full path, described",
    "full-path-lora": "full path, LoRA",
}


@dataclass(frozen=True)
class Tuning:
    """A point of the sweep: what the rule's strength is multiplied by, and the learning rate."""

    strength: float
    lr: float


@dataclass(frozen=True)
class Sampling:
    """DDIM."""

    steps: int
    guidance_scale: float


How = tuple[StagePlan, ...] | Sampling


def invariant(rule: str) -> bool:
    """Whether the strength weighs the whole gradient: Adam does not feel it, so the sweep moves the learning rate of
    the rule's own stage instead."""
    return RULES[rule].strength == "weight"


def single(rule: str, steps: int, tuning: Tuning) -> tuple[StagePlan, ...]:
    """A rule's stages with its strength (or its own stage's learning rate) moved."""
    if invariant(rule):
        return plan_picture(rule, steps, PAPER, lr_scale=tuning.strength)
    strength = {RULES[rule].strength: tuning.strength * strength_of(rule)}
    return plan_picture(rule, steps, PAPER, **strength, **_learning(rule, steps))


def _learning(rule: str, steps: int) -> dict[str, Any]:
    return {"lora_lr": min(LORA_TRAVEL / steps, LORA_MOST)} if rule in LEARNT else {}


def strength_of(rule: str) -> float:
    """What the paper gives it."""
    return float(getattr(make_rule(rule, PAPER), RULES[rule].strength))


def full_path(source: str, steps: int, tuning: Tuning, guidance_scale: float, path_steps: int) -> tuple[StagePlan, ...]:
    """The single step for most of the steps, then the whole path with the same source and learning rate; on it the
    target is guided as in sampling."""
    rule = FULL[source]
    first = round(RULES[rule].first * steps)
    before = single(source, first, tuning)
    given = {"guidance_scale": guidance_scale, "path_steps": path_steps}
    *_, own = plan_picture(rule, steps, PAPER, **given, **_learning(rule, steps))
    return (*before, replace(own, steps=steps - first, lr_scale=before[-1].lr_scale))


def without_first_stage(steps: int, tuning: Tuning) -> tuple[StagePlan, ...]:
    """Appendix B.3: the bridge from the start."""
    own = single("bridge", steps, tuning)[-1]
    return (replace(own, steps=steps),)


def alone(how: How) -> bool:
    """Whether pictures have to be made one at a time."""
    return not isinstance(how, Sampling) and any(plan.name in LEARNT for plan in how)


def shipped(rule: str, steps: int, defaults: PriorDefaults) -> tuple[StagePlan, ...]:
    """The rule with the prior's own constants, as `realify image` runs it."""
    return plan_picture(rule, steps, defaults)

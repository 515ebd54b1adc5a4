"""Every rule by its name: what it takes for the source distribution, when to use it, its plan in two dimensions."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from distill.card import PriorDefaults
from distill.rules.bridge import Bridge
from distill.rules.csd import CSD
from distill.rules.dds import DDS
from distill.rules.full_path import FullPath
from distill.rules.ism import ISM
from distill.rules.learnt_source import LearntSource
from distill.rules.nfsd import NFSD
from distill.rules.rule import Rule
from distill.rules.sdi import SDI
from distill.rules.sds import SDS
from distill.rules.stage import StagePlan
from distill.rules.vsd import VSD
from distill.schedule import AnnealedTimesteps, TimestepRange, Timesteps, TimestepSchedule

WHOLE = TimestepRange(0.02, 0.98)
UNIFORM = TimestepSchedule(WHOLE, WHOLE, 0.0)


class UnknownRule(ValueError):
    """A rule, or a constant of one, that does not exist; `fix` names those that do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message, self.fix = message, fix


@dataclass(frozen=True)
class RuleEntry:
    """`make` builds the rule with the constants of the paper's 2D tasks; `strength` names the one that weighs the
    prompt. Before it `first_rule` takes the share `first` of the steps. `edits`: it needs a picture to edit.
    """

    make: Callable[..., Rule[Any]]
    strength: str
    source: str
    use: str
    timesteps: Timesteps = UNIFORM
    first: float = 0.0
    first_rule: str = "sds"
    edits: bool = False

    @property
    def kind(self) -> type:
        """The rule's class."""
        return self.make.func if isinstance(self.make, partial) else self.make  # pyright: ignore[reportReturnType]


# Constants of the paper's appendix A (2D); SDS is unweighted there.
RULES: Mapping[str, RuleEntry] = {
    "sds": RuleEntry(
        partial(SDS, guidance_scale=100.0, weighting="uniform"),
        "guidance_scale",
        "any picture at all: e(∅)",
        "first stage; robust from any start, oversaturated and smooth",
    ),
    "bridge": RuleEntry(
        partial(Bridge, weight=25.0),
        "weight",
        "the prompt with the artefacts described: e(y_src)",
        "second stage, and editing, at the price of SDS; saturation and spectrum nearer to renders' than SDS's, but on "
        "meshes KID and Fréchet distance worse (embedded prior, docs/realism.md)",
        first=0.2,
    ),
    "nfsd": RuleEntry(
        NFSD,
        "guidance_scale",
        "any bad picture: e(y_neg), where there is much noise",
        "like SDS with a usual guidance scale; half as dear again",
    ),
    "csd": RuleEntry(
        CSD,
        "w1",
        "any picture, and at first any bad one: e(∅), e(y_neg)",
        "first stage with sharper prompts; a little less false colour than SDS",
    ),
    "vsd": RuleEntry(
        VSD,
        "guidance_scale",
        "what the pictures are now, learnt: e_LoRA(y)",
        "best quality of a single step where time and memory for training allow",
    ),
    "ism": RuleEntry(
        ISM,
        "guidance_scale",
        "the unconditional inversion, a little earlier: e(∅) at x_s",
        "steady gradients without random noise; several predictions a step",
    ),
    "sdi": RuleEntry(
        SDI,
        "guidance_scale",
        "the picture itself, by inversion",
        "sharp 3D without a LoRA; about twenty predictions a step",
        timesteps=AnnealedTimesteps(0.98, 0.25),
    ),
    "dds": RuleEntry(
        DDS,
        "guidance_scale",
        "the picture before the edit: e(x_ref,t; y_src)",
        "editing a picture whose content stays where it is",
        edits=True,
    ),
    "full-path": RuleEntry(
        FullPath,
        "guidance_scale",
        "the prompt with the artefacts described, along the whole path",
        "last touches in 2D when dozens of predictions a step do not matter; unstable in 3D",
        timesteps=AnnealedTimesteps(0.8, 0.2),
        first=0.75,
        first_rule="bridge",
    ),
    "full-path-unconditional": RuleEntry(
        partial(FullPath, source="unconditional"),
        "guidance_scale",
        "any picture at all, along the whole path",
        "table 3's comparison",
        timesteps=AnnealedTimesteps(0.8, 0.2),
        first=0.75,
    ),
    "full-path-lora": RuleEntry(
        partial(FullPath, source="learnt"),
        "guidance_scale",
        "what the pictures are now, learnt, along the whole path",
        "table 3's comparison",
        timesteps=AnnealedTimesteps(0.8, 0.2),
        first=0.75,
        first_rule="vsd",
    ),
}


OF_THE_PLAN = ("lr_scale", "first")  # constants of a rule's stage, not of the rule
FIRST_SCALE = 0.4  # the first stage's guidance beside SDS alone: 40 of 100


def entry_of(name: str) -> RuleEntry:
    """Raises UnknownRule, which names the rules there are, the nearest first."""
    if name in RULES:
        return RULES[name]
    near = difflib.get_close_matches(name, RULES, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise UnknownRule(f"There is no rule {name!r}.", f"{hint}Choose one of {', '.join(RULES)}.")


def make_rule(name: str, defaults: PriorDefaults, **constants: Any) -> Rule[Any]:
    """The rule with the paper's constants for 2D, then the prior's own, then those given.

    Raises UnknownRule for a name or a constant that does not exist.
    """
    wanted, known = {**defaults.rules.get(name, {}), **constants}, constants_of(name)
    for key in wanted:
        if key not in known and key not in ("learnt", "reference"):
            raise UnknownRule(f"The rule {name} has no constant {key!r}.", f"It has {', '.join(known)}.")
    for key in OF_THE_PLAN:
        wanted.pop(key, None)
    learnt = {key.removeprefix("lora_"): wanted.pop(key) for key in list(wanted) if key.startswith("lora_")}
    if learnt:
        wanted["learnt"] = LearntSource(**learnt)
    return entry_of(name).make(**wanted)


def constants_of(name: str) -> list[str]:
    """The names of a rule's numbers, the LoRA's among them where it has one, and those of its stage."""
    entry = entry_of(name)
    names = [field.name for field in fields(entry.kind)]
    lora = [f"lora_{field.name}" for field in fields(LearntSource)] if "learnt" in names else []
    of_plan = [key for key in OF_THE_PLAN if key != "first" or name != entry.first_rule]  # no rule goes before itself
    return [key for key in names if key not in ("name", "learnt", "reference")] + lora + of_plan


def plan_picture(name: str, steps: int, defaults: PriorDefaults, **constants: Any) -> tuple[StagePlan, ...]:
    """The stages of a rule in 2D: what goes before it, then itself. `steps` are those of all together.

    Beside the rule's own constants `first` is the share of the steps before it, and `lr_scale` its stage's rate.
    """
    entry = entry_of(name)
    rule = make_rule(name, defaults, **constants)
    of_plan = {**defaults.rules.get(name, {}), **constants}
    first = round(float(of_plan.get("first", entry.first)) * steps)
    own = StagePlan(name, steps - first, rule, entry.timesteps, float(of_plan.get("lr_scale", 1.0)))
    return (*_before(entry.first_rule, first, defaults), own) if first else (own,)


def _before(name: str, steps: int, defaults: PriorDefaults) -> tuple[StagePlan, ...]:
    plans = plan_picture(name, steps, defaults)
    rule = plans[0].rule
    if name == "sds" and isinstance(rule, SDS):
        weaker = replace(rule, guidance_scale=FIRST_SCALE * rule.guidance_scale)
        return (replace(plans[0], rule=weaker),)
    return plans

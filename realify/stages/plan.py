"""The two stages of score distillation on a body: SDS, then the paper's bridge (arXiv 2406.09417, B.1)."""

from __future__ import annotations

from typing import Any

from distill.card import PriorDefaults
from distill.rules.bridge import Bridge
from distill.rules.registry import entry_of, make_rule
from distill.rules.rule import Rule
from distill.rules.sds import SDS
from distill.rules.stage import StagePlan
from distill.schedule import AnnealedTimesteps, TimestepRange, Timesteps, TimestepSchedule
from realify.setting import SettingsError
from realify.settings import Settings, Stage

LR_END = 0.3  # each stage's learning rates fall to this share, so that it settles


def plan_stages(settings: Settings, defaults: PriorDefaults) -> tuple[StagePlan, StagePlan]:
    """The two rules, SDS and bridge if not told otherwise; what the settings leave open is the prior's own default.

    Raises SettingsError where a setting and a default leave no timesteps to draw.
    """
    first, second = settings.stage1, settings.stage2
    return (
        _plan("stage1", first, defaults, defaults.sds_timesteps, 1.0),
        _plan("stage2", second, defaults, defaults.bridge_timesteps, defaults.bridge_lr_scale),
    )


def _plan(name: str, stage: Stage, defaults: PriorDefaults, times: TimestepSchedule, lr_scale: float) -> StagePlan:
    return StagePlan(
        name,
        stage.steps,
        _rule(stage.rule, stage.strength, defaults),
        _times(name, stage, times),
        _or(stage.lr_scale, lr_scale),
        LR_END,
        stage.weight,
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

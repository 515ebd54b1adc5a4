"""The ways to make a result that the figure compares: what an arm is called, and what it changes in the settings.

A further arm is a line in ARMS; report and sheet take up what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from realify.settings import Settings, apply

# What the third arm sets: synchronised sampling after both stages. Dotted keys as in `--set`.
SAMPLED: Mapping[str, float] = {"sample.steps": 24}


@dataclass(frozen=True)
class Arm:
    """`title` heads its column; `settings_of` makes its settings of the preset's."""

    title: str
    settings_of: Callable[[Settings], Settings]


def sds(settings: Settings) -> Settings:
    """Score distillation alone, for as many steps as both stages have together."""
    settings = unsampled(settings)
    steps = settings.stage1.steps + settings.stage2.steps
    return apply(settings, {"stage1.steps": steps, "stage2.steps": 0})


def unsampled(settings: Settings) -> Settings:
    """Both stages and nothing after, whatever the prior's card says."""
    return apply(settings, {key: 0 for key in SAMPLED})


def sampled(settings: Settings) -> Settings:
    """Both stages, then synchronised sampling."""
    return apply(settings, SAMPLED)


ARMS: dict[str, Arm] = {
    "sds": Arm("SDS", sds),
    "bridge": Arm("SDS → bridge", unsampled),
    "sampled": Arm("SDS → bridge → sampled", sampled),
}

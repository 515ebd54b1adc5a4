"""What a part of the grade found: figures, a table, and the goals that it was held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.yardstick import markdown


@dataclass(frozen=True)
class Goal:
    """One line that a prior has to pass."""

    name: str
    found: str
    wanted: str
    met: bool


@dataclass(frozen=True)
class Grade:
    """A part's figures as plain values, a table of them, and its goals."""

    figures: Any
    text: str
    goals: Sequence[Goal] = ()


def table(goals: Sequence[Goal]) -> str:
    """As markdown."""
    rows = [[goal.name, goal.found, goal.wanted, "yes" if goal.met else "**no**"] for goal in goals]
    return markdown(["goal", "found", "wanted", "met"], rows)

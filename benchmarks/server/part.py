"""What each part of the benchmark is made of, and how much of it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Result = dict[str, Any]  # ready for JSON


@dataclass(frozen=True)
class Size:
    """How much. FULL is what the page shows; QUICK only shows that everything runs."""

    name: str
    clients: tuple[int, ...]  # that submit at a time
    submits: int  # of each of them
    listeners: tuple[int, ...]
    listening: float  # seconds, for each number of listeners
    fake_kills: int
    real_kills: int
    fake_cancels: int
    real_cancels: int
    rounds: int  # mutants of each sound file by each mutation
    fuzz: int  # cases for each operation of the API


FULL = Size("full", (1, 16, 64), 60, (1, 50, 500), 12.0, 200, 10, 60, 6, 3, 150)
QUICK = Size("quick", (1, 4), 10, (1, 8), 3.0, 3, 0, 3, 0, 0, 2)


@dataclass(frozen=True)
class Claim:
    """One line of the page's first table."""

    what: str
    wanted: str
    measured: str
    kept: bool


@dataclass(frozen=True)
class Part:
    """`seconds`: what it takes on two quiet cores, about. `measure(size, folder)` works in an empty folder of its own.
    `claims` and `section` turn its result into the page."""

    title: str
    seconds: Callable[[Size], float]
    measure: Callable[[Size, Path], Result]
    claims: Callable[[Result], list[Claim]]
    section: Callable[[Result], str]


def say(text: str) -> None:
    """A line for whoever waits."""
    print(text, flush=True)

"""What is computed in one go and kept: a few pictures of one method with one seed.

A cell's file in the cache is named by a digest of all that its pictures depend on: the prior's files, the code of the
rules, their constants, steps, learning rate, prompts, seeds, device and number format.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.distill.methods import DDIM, How, Sampling, alone
from benchmarks.shaping import ROOT, digest_of, shaping
from distill.hub.locate import find_prior
from distill.prompts import PromptPair
from distill.rules.registry import RULES, RuleEntry

CACHE = ROOT / "benchmarks" / "cache" / "distill"
SEEDS_APART = 10_000  # a picture's start is drawn with seed · SEEDS_APART + its place among the captions

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Machine:
    """Which prior runs, where and in which number format."""

    prior: str
    device: str
    dtype: str


@dataclass(frozen=True)
class Cell:
    """Pictures of `pairs` by one method, from the random starts `starts` (a generator's seed each). `name` is for
    people."""

    name: str
    how: How
    lr: float
    pairs: tuple[PromptPair, ...]
    starts: tuple[int, ...]
    machine: Machine

    @functools.cached_property
    def digest(self) -> str:
        found = hashlib.sha256(weights(self.machine.prior) + code(rules_of(self.how)))
        device = self.machine.device.split(":")[0]
        prompts = [(pair.target, pair.source) for pair in self.pairs]
        found.update(repr([self.how, self.lr, prompts, self.starts, device, self.machine.dtype]).encode())
        return found.hexdigest()[:16]

    def file(self, cache: Path) -> Path:
        rule = DDIM if isinstance(self.how, Sampling) else self.how[-1].name
        return cache / f"{rule}-{self.digest}.npz"


@dataclass(frozen=True)
class Outcome:
    """A cell's pictures [N, S, S, 3] uint8, seconds of work, and predictions and trainings of the network (each in
    pictures), all of the whole cell; `made_on` names the machine."""

    images: Array
    seconds: float
    evaluations: int
    trainings: int
    made_on: str

    def save(self, path: Path) -> None:
        """As .npz, complete or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part.npz")
        np.savez_compressed(half, **vars(self))
        half.replace(path)

    @staticmethod
    def load(path: Path) -> Outcome:
        """What `save` wrote."""
        with np.load(path) as found:
            return Outcome(
                found["images"],
                float(found["seconds"]),
                int(found["evaluations"]),
                int(found["trainings"]),
                str(found["made_on"]),
            )


@functools.cache  # files that are changed while this runs do not count: they are not what runs
def weights(prior: str) -> bytes:
    """A digest of the prior's models; its card's words are in the prompts, and its constants are not used."""
    folder = find_prior(prior)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent != folder]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).digest()


@functools.cache  # as above
def code(rules: frozenset[type]) -> bytes:
    """A digest of the code that makes pictures by these rules."""
    return digest_of(shaped_by(rules))


def shaped_by(rules: frozenset[type]) -> list[Path]:
    """The files of that code. Other rules' do not count, nor does the list of rules, whose constants count by their
    values."""
    passed = _files({entry.kind for entry in RULES.values()} | {RuleEntry}) - _files(rules)
    return [*(path for path in shaping("distill") if path not in passed), Path(__file__).with_name("work.py")]


def _files(classes: Set[type]) -> set[Path]:
    return {Path(inspect.getfile(each)) for each in classes}


def rules_of(how: How) -> frozenset[type]:
    """The classes of a method's rules; sampling has none."""
    return frozenset() if isinstance(how, Sampling) else frozenset(type(plan.rule) for plan in how)


@dataclass(frozen=True)
class Arm:
    """A row of a table: pictures of the first captions of a set with several seeds. `offset` tells sets apart: a
    caption's place in its set gives its start."""

    name: str
    how: How
    lr: float
    pairs: tuple[PromptPair, ...]
    seeds: int
    offset: int = 0

    def cells(self, machine: Machine, batch: int) -> list[list[Cell]]:
        """Cells by seed; where a LoRA is learnt each has one picture."""
        size = 1 if alone(self.how) else batch
        return [
            [self._cell(seed, range(first, min(first + size, len(self.pairs))), machine)
             for first in range(0, len(self.pairs), size)]
            for seed in range(self.seeds)
        ]  # fmt: skip

    def _cell(self, seed: int, places: Sequence[int], machine: Machine) -> Cell:
        starts = tuple(SEEDS_APART * seed + self.offset + place for place in places)
        name = f"{self.name}, seed {seed}, captions {places[0] + 1} to {places[-1] + 1}"
        return Cell(name, self.how, self.lr, tuple(self.pairs[place] for place in places), starts, machine)

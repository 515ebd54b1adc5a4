"""What is computed in one go and kept: a few pictures of one method with one seed.

A cell's file in the cache is named by a digest of all that its pictures depend on: the prior's files, the code of the
rules, their constants, steps, learning rate, prompts, seeds, device and number format.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.distill.methods import DDIM, How, Sampling, alone
from distill.find import find_prior
from distill.prompts import PromptPair

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "benchmarks" / "cache" / "distill"
# Code that pictures depend on beside the rules' own files. A change of a model's adapter (distill/priors/) is meant
# to change nothing; empty the cache after one that is not.
CODE = (
    "ddim", "guidance", "learnt_source", "ode", "picture", "picture_run", "prior", "rule", "schedule",
    *(f"priors/{name}" for name in ("base", "guide_head", "guided", "lora", "space", "stable_diffusion")),
)  # fmt: skip
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
        found = hashlib.sha256(weights(self.machine.prior) + code(self.how))
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


def code(how: How) -> bytes:
    """A digest of the code that makes these pictures."""
    rules = () if isinstance(how, Sampling) else {type(plan.rule).__module__ for plan in how}
    names = {*CODE, *(module.removeprefix("distill.") for module in rules)}
    return hashlib.sha256(b"".join(map(_source, sorted(names)))).digest()


@functools.cache
def _source(name: str) -> bytes:
    return (ROOT / "distill" / f"{name}.py").read_bytes()


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

"""Makes arms cell by cell, says beforehand how long that takes, and reads them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.distill.cells import Arm, Cell, Machine
from benchmarks.distill.cost import Costs, measure_costs
from benchmarks.distill.gather import Made, gather
from benchmarks.distill.workers import Workers, say


@dataclass(frozen=True)
class Bench:
    """`batch` pictures to a cell."""

    machine: Machine
    batch: int
    cache: Path
    workers: Workers

    def cells(self, arms: Iterable[Arm]) -> list[Cell]:
        return [cell for arm in arms for seed in arm.cells(self.machine, self.batch) for cell in seed]

    def missing(self, arms: Iterable[Arm]) -> list[Cell]:
        """Cells that are not in the cache."""
        return [cell for cell in self.cells(arms) if not cell.file(self.cache).exists()]

    def announce(self, parts: Mapping[str, Iterable[Arm]]) -> Costs:
        """Times a few steps of everything, and says what all parts take."""
        say("timing a few steps of each rule …")
        arms = {name: list(several) for name, several in parts.items()}
        cells = {name: self.cells(several) for name, several in arms.items()}
        costs = measure_costs([cell for several in cells.values() for cell in several], self.workers, self.cache)
        missing = {name: self.missing(several) for name, several in arms.items()}
        minutes = {name: sum(map(costs.seconds, several)) / 60 / self.workers.jobs for name, several in missing.items()}
        told = ", ".join(f"{name} {each:.1f}" for name, each in minutes.items())
        total, left = (sum(map(len, several.values())) for several in (cells, missing))
        say(
            f"{left} of {total} cells to be made, {self.workers.jobs} at a time: about {sum(minutes.values()):.1f} "
            f"minutes at the load of just now ({told})"
        )
        return costs

    def make(self, what: str, arms: Mapping[str, Arm], costs: Costs) -> dict[str, Made]:
        """All pictures of the arms."""
        self.workers.make(self.cells(arms.values()), self.cache, costs.seconds, what)
        return self.gather(arms)

    def gather(self, arms: Mapping[str, Arm]) -> dict[str, Made]:
        """All pictures of arms whose cells are in the cache."""
        return {name: gather(arm, self.machine, self.batch, self.cache) for name, arm in arms.items()}

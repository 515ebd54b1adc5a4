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
        every = [cell for several in cells.values() for cell in several]
        costs = measure_costs(every, self.batch, self.workers, self.cache)
        missing = {name: self.missing(several) for name, several in arms.items()}
        work = {name: sum(map(costs.work, several)) / 60 / self.workers.jobs for name, several in missing.items()}
        busy = sum(costs.seconds(cell) for several in missing.values() for cell in several) / 60 / self.workers.jobs
        told = ", ".join(f"{name} {each:.1f}" for name, each in work.items())
        left = sum(map(len, missing.values()))
        say(
            f"{left} of {len(every)} cells to be made, {self.workers.jobs} at a time: about {sum(work.values()):.1f} "
            f"minutes if nothing else runs ({told}), {busy:.1f} at the load of just now"
        )
        return costs

    def make(self, what: str, arms: Mapping[str, Arm], costs: Costs) -> dict[str, Made]:
        """All pictures of the arms."""
        self.workers.make(self.cells(arms.values()), self.cache, costs.work, what)
        return self.gather(arms)

    def gather(self, arms: Mapping[str, Arm]) -> dict[str, Made]:
        """All pictures of arms whose cells are in the cache."""
        return {name: gather(arm, self.machine, self.batch, self.cache) for name, arm in arms.items()}

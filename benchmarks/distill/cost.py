"""How long it will take, from a few steps of each rule, and how much memory each takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.distill.cells import Cell
from benchmarks.distill.methods import DDIM, How, Sampling
from benchmarks.distill.work import Probe, probe
from benchmarks.distill.workers import Workers

Kind = tuple[str, int]  # a rule (or sampling) and how many pictures at a time


@dataclass(frozen=True)
class Costs:
    """What steps take, by kind; memory is told of `batch` pictures at a time, whatever the rule."""

    probes: Mapping[Kind, Probe]
    batch: int

    def work(self, cell: Cell) -> float:
        """Seconds of a cell in one process on a free core."""
        return sum(steps * self.probes[name, len(cell.starts)].work for name, steps in parts(cell.how))

    def seconds(self, cell: Cell) -> float:
        """The same at the load under which the steps were timed."""
        return sum(steps * self.probes[name, len(cell.starts)].seconds for name, steps in parts(cell.how))

    def megabytes(self, how: How) -> float | None:
        """The most that any of the stages takes beyond the loaded prior."""
        found = [self.probes[name, self.batch].memory for name, _ in parts(how)]
        return max((each / 2**20 for each in found if each is not None), default=None)


def parts(how: How) -> list[tuple[str, int]]:
    """The rules of a method, and their steps."""
    return [(DDIM, how.steps)] if isinstance(how, Sampling) else [(plan.name, plan.steps) for plan in how]


def measure_costs(cells: Iterable[Cell], batch: int, workers: Workers, cache: Path) -> Costs:
    """Times a few steps of all that the cells are made of; what was timed before is in the cache."""
    wanted: dict[Kind, Cell] = {}
    for cell in cells:
        for stage in stages(cell):
            name = parts(stage.how)[0][0]
            wanted.setdefault((name, len(stage.starts)), stage)
            # Pictures that share a LoRA would be wrong, but take as much memory.
            wanted.setdefault((name, batch), replace(stage, pairs=stage.pairs[:1] * batch, starts=tuple(range(batch))))
    return Costs(_measured(wanted, workers, cache), batch)


def stages(cell: Cell) -> Sequence[Cell]:
    """The cell's stages each by itself."""
    if isinstance(cell.how, Sampling):
        return [cell]
    return [replace(cell, how=(plan,)) for plan in cell.how]


def _measured(wanted: Mapping[Kind, Cell], workers: Workers, cache: Path) -> dict[Kind, Probe]:
    files = {kind: cache / "probes" / f"{kind[0]}-{kind[1]}-{cell.digest}.json" for kind, cell in wanted.items()}
    missing = [kind for kind, file in files.items() if not file.exists()]
    for kind, found in zip(missing, workers.each(probe, [(wanted[kind],) for kind in missing]), strict=True):
        files[kind].parent.mkdir(parents=True, exist_ok=True)
        files[kind].write_text(json.dumps(asdict(found)), encoding="utf-8")
    return {kind: Probe(**json.loads(file.read_text(encoding="utf-8"))) for kind, file in files.items()}

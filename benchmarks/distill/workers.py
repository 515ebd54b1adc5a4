"""Worker processes that make cells, and how long it will take."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import torch

from benchmarks.distill import work
from benchmarks.distill.cells import Cell
from training.countdown import clock

Result = TypeVar("Result")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


class Workers:
    """`jobs` processes with a prior and one thread each; a context manager."""

    def __init__(self, jobs: int) -> None:
        os.environ.update(ONE_THREAD)  # read by the children when they load torch
        self.jobs = jobs
        self._pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_begin)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._pool.shutdown(wait=error is None, cancel_futures=True)

    def each(self, function: Callable[..., Result], several: Sequence[tuple[Any, ...]]) -> list[Result]:
        """The function's results for several sets of arguments."""
        return [future.result() for future in [self._pool.submit(function, *each) for each in several]]

    def make(self, cells: Sequence[Cell], cache: Path, cost: Callable[[Cell], float], what: str) -> None:
        """Makes the cells that the cache lacks. `cost` are a cell's expected seconds in one process."""
        missing = [cell for cell in dict.fromkeys(cells) if not cell.file(cache).exists()]
        say(f"{what}: {len(missing)} of {len(cells)} cells to be made")
        start, spent, left = time.monotonic(), 0.0, sum(map(cost, missing))
        # The dearest first, so that no process waits for another's last.
        ordered = sorted(missing, key=cost, reverse=True)
        waiting = {self._pool.submit(work.make, cell, cache): cell for cell in ordered}
        for done, future in enumerate(as_completed(waiting), 1):
            future.result()
            cell = waiting[future]
            spent, left = spent + cost(cell), left - cost(cell)
            remaining = (time.monotonic() - start) / max(spent, 1e-9) * left
            say(f"{what}: {done} of {len(missing)}, {cell.name}; about {clock(remaining)} left")


def _begin() -> None:
    """In a child, first of all: it does not outlive its parent, whose next start would do the same cells."""
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def say(line: str) -> None:
    """Progress goes where the figures do not."""
    print(line, file=sys.stderr, flush=True)

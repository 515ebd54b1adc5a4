"""How a table times things: best and median of several runs, beside a matrix product of the same run."""

import time
from collections.abc import Callable

import torch


def time_ms(fn: Callable[[], object], repeats: int = 9) -> tuple[float, float]:
    """(best, median) wall time of fn in milliseconds after one call to warm up. Sets torch to one thread."""
    torch.set_num_threads(1)
    fn()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        fn()
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    return times[0], times[len(times) // 2]


def yardstick_ms() -> float:
    """Best time of a 1024^3 float32 matrix product on one thread: what this processor is worth just now."""
    a = torch.ones(1024, 1024)
    return time_ms(lambda: a @ a)[0]


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)

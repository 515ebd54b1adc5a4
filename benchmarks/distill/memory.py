"""The most memory that a piece of work took beyond what was there before."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Callable[[], int | None]]:
    """A meter, in bytes: allocations of a CUDA device, or this process's resident memory where Linux tells its peak;
    None elsewhere."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield lambda: torch.cuda.max_memory_allocated(device) - before
    elif _reset():
        before = _resident("VmRSS")
        yield lambda: _resident("VmHWM") - before
    else:
        yield lambda: None


def _reset() -> bool:
    """Gives back what is free and lets the peak begin anew; whether that can be done here."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
        RESET.write_text("5")
        return STATUS.exists()
    except (OSError, AttributeError):
        return False


def _resident(name: str) -> int:
    """A line of /proc/self/status in bytes."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise ValueError(f"{STATUS} has no line {name}")

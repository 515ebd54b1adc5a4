"""Which devices workers are started on. torch knows, but this process does not import it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

SECONDS = 20.0  # nvidia-smi wakes a sleeping driver


@dataclass(frozen=True)
class WorkerSlot:
    """One worker's: its name, the device that it is told, and what its environment has beside this process's."""

    name: str
    device: str
    environment: dict[str, str] = field(default_factory=dict)


def worker_slots(device: str, workers: int) -> list[WorkerSlot]:
    """One for each GPU, or one on the CPU; `workers` says how many otherwise, taking turns on the GPUs.

    Blocks for as long as nvidia-smi takes. `device` as on the command line: auto, cuda, cuda:1, mps or cpu.
    """
    gpus = gpu_ids(os.environ) if device in ("auto", "cuda") else []
    if not gpus:
        kind = device.partition(":")[0] if device != "auto" else "cpu"
        return [WorkerSlot(f"{kind}-{number}", device) for number in range(workers or 1)]
    return [
        WorkerSlot(f"gpu-{number}", device, {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]})
        for number in range(workers or len(gpus))
    ]


def gpu_ids(environment: Mapping[str, str]) -> list[str]:
    """CUDA's own numbers of the GPUs, no more than CUDA_VISIBLE_DEVICES leaves."""
    there = _count()
    allowed = environment.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return [str(number) for number in range(there)]
    return [one.strip() for one in allowed.split(",") if one.strip() not in ("", "-1")][:there]


def _count() -> int:
    """As nvidia-smi lists them; 0 where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        told = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in told.stdout.splitlines())

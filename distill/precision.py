"""The number format a prior runs in, by what the device is fast at (docs/decisions/prior-dtype.md)."""

from __future__ import annotations

import torch


def choose_dtype(device: torch.device) -> torch.dtype:
    """float16 on CUDA and MPS, bfloat16 on a CPU with AMX or AVX512-BF16, else float32."""
    if device.type in ("cuda", "mps"):
        return torch.float16
    return torch.bfloat16 if cpu_has_bfloat16() else torch.float32


def cpu_has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices natively; if not, it is tenfold slower."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))


class DeviceError(ValueError):
    """A device that is not there; `fix` names those that are."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def choose_device(name: str) -> torch.device:
    """The device that "auto", "cuda", "mps", "cpu" or "cuda:1" means; DeviceError where it is not there."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    kind = name.split(":")[0]
    if not available.get(kind):
        there = [kind for kind, is_there in available.items() if is_there]
        raise DeviceError(f"The device {name!r} is not here.", f"There is {' and '.join(there)}.")
    return torch.device(name)

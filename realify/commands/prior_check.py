"""Loads a prior, lets it do what distillation asks of it once, and measures: `realify prior check`."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch

from distill.controls import ControlKind, picture_guide
from distill.hub.catalog import CATALOG
from distill.load import DTYPES, load_prior
from distill.prior import predict_together
from distill.priors.options import PriorOptions

PROMPTS = ("a photo of a red mushroom", "a painting of a blue mug")
RUNS = 3  # forward passes that are timed, after one that is not


class CheckFailed(RuntimeError):
    """A prior that does not do its work here; `fix` says what may help."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True)
class Check:
    """What was seen. Times in seconds; `forward_seconds` is the median for two prompts at one picture.

    `peak_bytes` is what the device allocated at its peak (CUDA), or by how much the process grew (CPU); None on a
    device that tells neither. `picture_error` is the mean difference, in 0..1, between a picture and what is
    left of it after encoding and decoding.
    """

    name: str
    family: str
    folder: str
    device: str
    dtype: str
    parametrization: str
    network_parameters: int
    token_limit: int
    resolution: int
    shape: tuple[int, ...]
    load_seconds: float
    encode_seconds: float
    decode_seconds: float
    forward_seconds: float
    peak_bytes: int | None
    picture_error: float
    finite: bool
    notes: tuple[str, ...]


def check_prior(
    name: str,
    device: str = "auto",
    dtype: str = "auto",
    revision: str | None = None,
    controlnet: str = "",
) -> Check:
    """Raises CheckFailed where the model cannot be run, and what load_prior raises where there is none."""
    if (entry := CATALOG.get(name)) and entry.control:
        raise CheckFailed(
            f"{name} is a ControlNet: it adds {entry.control} to a prior and is none by itself.",
            f"Check both: realify prior check {entry.beside} --controlnet {name}",
        )
    if dtype not in DTYPES:
        raise CheckFailed(f"The number format {dtype!r} is unknown.", f"Take one of {', '.join(DTYPES)}.")
    before = psutil.Process().memory_info().rss
    begun = time.perf_counter()
    try:
        options = PriorOptions(controlnet=controlnet)
        prior = load_prior(name, device, dtype, revision=revision, options=options)
        return _measure(prior, time.perf_counter() - begun, before)
    except torch.OutOfMemoryError as error:
        raise CheckFailed(
            f"{name} does not fit into the device's memory: {_first_line(error)}",
            "Half precision takes half of it (--dtype float16 or bfloat16); `realify prior list` says what each needs.",
        ) from error
    except Exception as error:
        if type(error).__module__.startswith("distill"):
            raise
        # Broken or foreign files end in whatever the library that reads them raises.
        raise CheckFailed(
            f"{name} cannot be run: {type(error).__name__}: {_first_line(error)}",
            "If its files are broken, delete its folder and fetch it again; --debug shows where it fails.",
        ) from error


def _measure(prior: Any, load_seconds: float, before: int) -> Check:
    on = prior.device
    picture = _picture(prior.card.resolution).to(on)
    with torch.no_grad():
        x, encode_seconds = _timed(on, lambda: prior.encode(picture))
    decoded, decode_seconds = _timed(on, lambda: prior.decode(x))
    embeds = [prior.embed([prompt]) for prompt in PROMPTS]
    if prior.controls:  # any picture does for a measurement
        seen = [_control(kind, picture) for kind in prior.controls]
        embeds = [replace(each, controls=torch.cat(seen, dim=1)) for each in embeds]
    t = torch.full((1,), len(prior.schedule) // 2, device=on)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
    x_t = prior.schedule.add_noise(x, t, noise)
    passes = [_timed(on, lambda: predict_together(prior, x_t, t, *embeds)) for _ in range(1 + RUNS)]
    outputs = [x, decoded, *passes[-1][0]]
    return Check(
        name=prior.name,
        family=prior.family,
        folder=str(prior.folder),
        device=str(on),
        dtype=str(prior.dtype).removeprefix("torch."),
        parametrization=prior.parametrization,
        network_parameters=prior.count_parameters(),
        token_limit=prior.card.max_tokens,
        resolution=prior.card.resolution,
        shape=tuple(prior.shape),
        load_seconds=load_seconds,
        encode_seconds=encode_seconds,
        decode_seconds=decode_seconds,
        forward_seconds=statistics.median(seconds for _, seconds in passes[1:]),
        peak_bytes=_peak(on, before),
        picture_error=float((decoded.float() - picture).abs().mean()),
        finite=all(bool(output.isfinite().all()) for output in outputs),
        notes=tuple(prior.notes),
    )


def _control(kind: ControlKind, picture: torch.Tensor) -> torch.Tensor:
    """The picture [1, H, H, 3] as a control of that kind [1, C, H, H]."""
    return picture_guide(picture, 1.0) if kind == "guide" else picture.permute(0, 3, 1, 2)


def _picture(size: int) -> torch.Tensor:
    """A red ball before a blue gradient [1, size, size, 3]."""
    line = torch.linspace(-1, 1, size)
    y, x = torch.meshgrid(line, line, indexing="ij")
    back = torch.stack((0.3 + 0.1 * x, 0.4 + 0.2 * y, 0.7 + 0 * x), dim=-1)
    light = (1 - 0.5 * (x + 0.3).square() - 0.5 * (y + 0.3).square()).clamp(0, 1)
    ball = torch.stack((0.9 * light, 0.2 * light, 0.15 * light), dim=-1)
    return torch.where((x.square() + y.square() < 0.4)[..., None], ball, back)[None]


def _timed(device: torch.device, work: Any) -> tuple[Any, float]:
    _finish(device)
    begun = time.perf_counter()
    made = work()
    _finish(device)
    return made, time.perf_counter() - begun


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _peak(device: torch.device, before: int) -> int | None:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return max(0, _peak_of_process() - before) if device.type == "cpu" else None


def _peak_of_process() -> int:
    """The most memory this process has held, in bytes."""
    if sys.platform == "linux":  # getrusage would count the parent's memory, which a child begins with
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]

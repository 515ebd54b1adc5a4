"""What a worker process does: a cell's pictures, or a few steps of a rule to see what they take."""

from __future__ import annotations

import functools
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.__main__ import processor
from benchmarks.distill.cells import Cell, Machine, Outcome
from benchmarks.distill.memory import peak_memory
from benchmarks.distill.methods import Sampling, alone
from benchmarks.distill.subjects import as_bytes
from distill.ddim import sample_ddim
from distill.images.picture import LatentPicture, PromptedPicture, random_x
from distill.load import load_prior
from distill.nfe import counting
from distill.prior import Prior
from distill.prompts import embed_pairs
from distill.rules.stage import stage_runs

WARM_UP, TIMED = 1, 4  # steps of a probe


def make(cell: Cell, cache: Path) -> None:
    """The cell's pictures, into the cache."""
    prior, count = counting(_prior(cell.machine, alone(cell.how)))
    with seconds_of_work(prior.device) as spent:
        images = prior.decode(_draw(cell, prior))
    Outcome(
        as_bytes(images.float().cpu().numpy()), spent(), count.evaluations, count.trainings, where(prior.device)
    ).save(cell.file(cache))


def _draw(cell: Cell, prior: Prior) -> Tensor:
    """x of the cell's pictures."""
    prompts = embed_pairs(prior, cell.pairs)
    generator = torch.Generator().manual_seed(cell.starts[0])
    if isinstance(cell.how, Sampling):
        steps, scale = cell.how.steps, cell.how.guidance_scale
        return sample_ddim(prior, prompts.target, prompts.unconditional, generator, steps, scale)
    starts = [random_x(prior, 1, torch.Generator().manual_seed(seed)) for seed in cell.starts]
    picture = LatentPicture(prior, torch.cat(starts))
    for stage in stage_runs(cell.how, PromptedPicture(picture, prompts, cell.lr), prior, generator):
        stage.run(lambda size: None)
    return picture.x().detach()


@dataclass(frozen=True)
class Probe:
    """A step's wall time and time of work in seconds, and the peak memory of some steps in bytes beyond the loaded
    prior (None: unknown)."""

    seconds: float
    work: float
    memory: int | None


def probe(cell: Cell) -> Probe:
    """Of a cell with one stage, or of sampling. A first run warms up: what the libraries keep is not the rule's."""
    prior = _prior(cell.machine, alone(cell.how))
    _draw(_shortened(cell, WARM_UP), prior)
    with peak_memory(prior.device) as peak, seconds_of_work(prior.device) as spent:
        start = _now(prior.device)
        _draw(_shortened(cell, TIMED), prior)
        return Probe((_now(prior.device) - start) / TIMED, spent() / TIMED, peak())


def _shortened(cell: Cell, steps: int) -> Cell:
    if isinstance(cell.how, Sampling):
        return replace(cell, how=replace(cell.how, steps=steps))
    (stage,) = cell.how
    return replace(cell, how=(replace(stage, steps=steps),))


@functools.lru_cache(maxsize=1)
def _prior(machine: Machine, learns: bool) -> Prior:
    """`learns` only tells apart: a network that has had a LoRA keeps its layers, and is slower for it."""
    return load_prior(machine.prior, machine.device, machine.dtype)


@contextmanager
def seconds_of_work(device: torch.device) -> Iterator[Callable[[], float]]:
    """A clock: on a CPU the processor's time, which a busy neighbour does not change; else wall time."""
    now = time.process_time if device.type == "cpu" else lambda: _now(device)
    start = now()
    yield lambda: now() - start


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def where(device: torch.device) -> str:
    """The machine's name and what runs on it."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return f"{name}, {platform.system()}, Python {platform.python_version()}, torch {torch.__version__}"

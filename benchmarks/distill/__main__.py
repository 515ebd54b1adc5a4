"""Every rule of the paper on one prior, all else equal, against renders: docs/distill.md.

`make bench-distill` (which keeps every library to one thread), or

python -m benchmarks.distill [--quick] [--only table1] [--rules sds,bridge] [--captions 32 --seeds 2 --steps 200]

How long it will take is said first. Whatever is made is kept in benchmarks/cache/distill/: the same command goes on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from benchmarks.distill.bench import Bench
from benchmarks.distill.cells import CACHE, ROOT, Machine
from benchmarks.distill.course import ARMS, Course
from benchmarks.distill.figures import Judge
from benchmarks.distill.gather import Made
from benchmarks.distill.plan import CPU, CUDA, QUICK, Setup, Size, chosen_rules
from benchmarks.distill.report import kept_by_hand, page
from benchmarks.distill.result import Result
from benchmarks.distill.sheets import sheets, write_sheets
from benchmarks.distill.subjects import Subject, read_subjects
from benchmarks.distill.work import where
from benchmarks.distill.workers import Workers, say
from distill.load import load_prior
from distill.precision import choose_device, choose_dtype

DOCS = ROOT / "docs"
# What each part needs before it.
PARTS: Mapping[str, tuple[str, ...]] = {
    "sweep": ("sweep",),
    "table1": ("sweep", "table1"),
    "table3": ("sweep", "table1", "table3"),
    "ablations": ("sweep", "table1", "ablations"),
    "speed": ("speed",),
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse(arguments)
    device = choose_device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    size = _size(options, device)
    subjects = read_subjects(size.captions)
    judge, result = Judge(subjects), Result(size)
    prior = load_prior(options.prior, "cpu", "float32")  # for its words alone
    setup = Setup(prior, size, chosen_rules(options.rules), subjects.sweep, subjects.compared)
    writer = Writer(options, where(device), setup.compared, result)
    wanted = PARTS[options.only] if options.only else tuple(PARTS)
    if wanted != PARTS["speed"]:
        machine = Machine(options.prior, str(device), str(choose_dtype(device)).removeprefix("torch."))
        with Workers(options.jobs or (1 if device.type == "cuda" else min(2, os.cpu_count() or 1))) as workers:
            bench = Bench(machine, size.batch, options.cache, workers)
            Course(bench, setup, judge, result, writer.write, writer.made).run(wanted)
    if "speed" in wanted:
        result.speed = speed(options.quick)
        writer.write()
    print(writer.file.read_text(encoding="utf-8"))


def speed(quick: bool) -> str:
    """The tables of benchmarks/distill_speed.py, made by a process of their own."""
    command = [sys.executable, "-m", "benchmarks.distill_speed", *(["--quick"] if quick else [])]
    say("speed: a few minutes")
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@dataclass
class Writer:
    """Writes the page and its sheets as far as they are made; a trial's go into the cache."""

    options: argparse.Namespace
    machine: str
    subjects: Sequence[Subject]
    result: Result
    made: dict[str, dict[str, Made]] = field(default_factory=lambda: {name: {} for name in ARMS})

    @property
    def trial(self) -> bool:
        return bool(self.options.quick or self.options.only or self.options.rules)

    @property
    def folder(self) -> Path:
        return self.options.folder or (self.options.cache / "trial" if self.trial else DOCS)

    @property
    def file(self) -> Path:
        return self.folder / "distill.md"

    def write(self) -> None:
        images = self.folder / "images"
        images.mkdir(parents=True, exist_ok=True)
        write_sheets(images, sheets(**self.made), self.subjects)
        self.file.write_text(page(self.result, self.machine, kept_by_hand(self.file), self.trial), encoding="utf-8")
        say(f"written: {self.file}")


def _size(options: argparse.Namespace, device: torch.device) -> Size:
    """How much, by the device and what the command line says."""
    size = QUICK if options.quick else CUDA if device.type == "cuda" else CPU
    given = {name: getattr(options, name) for name in ("captions", "seeds", "steps", "batch")}
    size = replace(size, **{name: value for name, value in given.items() if value is not None})
    if size.captions < 2 or min(size.seeds, size.steps, size.batch) < 1:
        raise SystemExit("give two captions or more, and at least one seed, step and picture to a batch")
    fewer = {name: min(getattr(size, name), size.captions) for name in ("full_captions", "ablated")}
    return replace(size, **fewer)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two captions, four steps: only to see that it runs")
    parser.add_argument("--only", choices=list(PARTS), help="this part and what it needs")
    parser.add_argument("--rules", help="with commas between; by default all of table 1")
    parser.add_argument("--prior", default="embedded", help="embedded, or a folder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--captions", type=int, help=f"CPU {CPU.captions}, CUDA {CUDA.captions}")
    parser.add_argument("--seeds", type=int, help=f"CPU {CPU.seeds}, CUDA {CUDA.seeds}")
    parser.add_argument("--steps", type=int, help=f"CPU {CPU.steps}, CUDA {CUDA.steps}")
    parser.add_argument("--batch", type=int, help=f"pictures at a time: CPU {CPU.batch}, CUDA {CUDA.batch}")
    parser.add_argument("--jobs", type=int, help="processes; by default two on a CPU, one on CUDA")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where cells are kept")
    parser.add_argument("--folder", type=Path, help="where page and sheets go; by default docs/")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()

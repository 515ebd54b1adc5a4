"""Held-out objects → sketches → `realify run` by each arm → against renders: docs/realism.md.

`make bench-realism` (which keeps every library to one thread), or

python -m benchmarks.realism [--quick] [--objects mug,chair] [--arms sds,bridge] [--seeds 3]
    [--prior embedded --prior FOLDER]

A run takes two to three minutes of a core. What is done is kept: a part of them, again with more of them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.prior.features import classifiers, untrained
from benchmarks.realism.arms import ARMS
from benchmarks.realism.figures import Evidence, Row, rows
from benchmarks.realism.objects import TestObject, read_objects
from benchmarks.realism.report import page, sheet, table, write
from benchmarks.realism.runs import CACHE, ROOT, Run, make, plan, quick
from realify.settings import PRESETS, Settings, preset

PAGE, SHEET = ROOT / "docs" / "realism.md", ROOT / "docs" / "images" / "realism.png"


def main() -> None:
    options = _parse()
    torch.set_num_threads(1)
    settings = quick(preset(options.preset)) if options.quick else preset(options.preset)
    things = _chosen(options.objects, options.quick)
    seeds = range(1 if options.quick else options.seeds)
    arms = _arms(options.arms)
    everything = {
        name: plan(things, seeds, replace(settings, prior=replace(settings.prior, name=name)), arms)
        for name in options.prior or ["embedded"]
    }
    make([run for runs in everything.values() for run in runs], options.processes)

    sections, shown = [], None
    for name, runs in everything.items():
        evidence = gather(runs, things, len(seeds), arms)
        if evidence is None:
            print(f"{name}: no seed is complete", file=sys.stderr)
            continue
        shown = shown or evidence
        sections.append((Path(name).name, rows(evidence, classifiers(), untrained())))
    if shown is None:
        sys.exit("nothing to report: see the failures above")
    _report(sections, shown, settings, options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="one object, one seed, few steps: only to see that it runs"
    )
    parser.add_argument("--objects", help="kinds, with commas between; by default all")
    parser.add_argument("--arms", help=f"of {', '.join(ARMS)}, with commas between; by default all that there are")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each object and arm")
    parser.add_argument("--preset", choices=list(PRESETS), default="draft")
    parser.add_argument("--prior", action="append", help="embedded, or a folder; may be given several times")
    parser.add_argument(
        "--processes", type=int, default=min(2, os.cpu_count() or 1), help="runs at a time, a thread each"
    )
    parser.add_argument("--folder", type=Path, help="where page and sheet go; by default docs/")
    return parser.parse_args()


def _chosen(names: str | None, one: bool) -> list[TestObject]:
    """Raises SystemExit for a kind that the set does not hold."""
    known = {thing.kind: thing for thing in read_objects()}
    wanted = names.split(",") if names else list(known)
    if missing := [name for name in wanted if name not in known]:
        sys.exit(f"no object {', '.join(missing)}; there are {', '.join(known)}")
    return [known[name] for name in wanted][: 1 if one and not names else None]


def _arms(names: str | None) -> list[str]:
    """In the order of ARMS. Raises SystemExit for an arm that there is not."""
    wanted = names.split(",") if names else list(ARMS)
    if missing := [name for name in wanted if name not in ARMS]:
        sys.exit(f"no arm {', '.join(missing)}; there are {', '.join(ARMS)}")
    return [name for name in ARMS if name in wanted]


def gather(runs: Sequence[Run], things: Sequence[TestObject], seeds: int, arms: Sequence[str]) -> Evidence | None:
    """The outcomes of those seeds that are complete."""
    done = {(run.settings.seed, run.thing.kind, run.arm): run for run in runs if run.is_done()}
    complete = [
        seed for seed in range(seeds) if all((seed, thing.kind, arm) in done for thing in things for arm in arms)
    ]
    if not complete:
        return None
    if len(complete) < seeds:
        print(f"only seeds {complete} are complete", file=sys.stderr)
    outcomes = {arm: [[done[seed, thing.kind, arm].outcome() for thing in things] for seed in complete] for arm in arms}
    return Evidence(things, outcomes)


def _report(
    sections: Sequence[tuple[str, Sequence[Row]]], evidence: Evidence, settings: Settings, options: argparse.Namespace
) -> None:
    """Page and sheet; a trial's go into the cache, for they are not the figures."""
    trial = options.quick or options.objects or options.arms
    folder = options.folder or (CACHE / "trial" if trial else None)
    text_file, image_file = (folder / PAGE.name, folder / "images" / SHEET.name) if folder else (PAGE, SHEET)
    for name, found in sections:
        print(f"{'TRIAL, not the figures. ' if trial else ''}Prior {name}\n\n{table(found)}\n")
    write(text_file, page(sections, evidence, settings, options.preset))
    image_file.parent.mkdir(parents=True, exist_ok=True)
    sheet(evidence).save(image_file, optimize=True)
    print(f"{text_file}\n{image_file}", file=sys.stderr)


if __name__ == "__main__":
    main()

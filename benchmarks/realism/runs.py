"""The runs behind the figure: every object, arm and seed through the product's pipeline, several at a time.

What was done once is kept in benchmarks/cache/realism/ until code, settings, prior or sketch change; a run that
was interrupted goes on from its checkpoint. A run that fails is told of and left out: the others go on.
"""

from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.realism import result
from benchmarks.realism.arms import ARMS
from benchmarks.realism.objects import TestObject
from benchmarks.realism.result import Outcome, look
from benchmarks.shaping import ROOT, digest_of, shaping
from distill.load import find_prior
from distill.precision import choose_device
from realify import pipeline
from realify.settings import Checkpoint, Settings, apply, to_dict
from training.countdown import clock

CACHE = ROOT / "benchmarks" / "cache" / "realism"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
SECONDS = (40.0, 0.25)  # of all but the two stages, and of a step with four views; on a free core
ATTEMPTS = 2


@dataclass(frozen=True)
class Run:
    """One object, arm and seed; `settings` hold arm and seed."""

    thing: TestObject
    arm: str
    settings: Settings

    @functools.cached_property
    def folder(self) -> Path:
        """Where the run is kept; its name holds a digest of all that it depends on."""
        digest = hashlib.sha256(_code() + _prior(self.settings.prior.name) + self.thing.sketch.read_bytes())
        values = to_dict(self.settings) | {
            "prior.name": "",
            "device": str(choose_device(self.settings.device)),
        }
        digest.update(json.dumps([self.thing.prompt, values]).encode())
        return CACHE / f"{self.name.replace(' ', '-')}-{digest.hexdigest()[:12]}"

    @property
    def name(self) -> str:
        return f"{self.thing.kind} {self.arm} {self.settings.seed}"

    @functools.cached_property  # as the parent began: a child must not call it otherwise
    def outcome_file(self) -> Path:
        """The measured outcome; its name changes with how results are looked at."""
        return self.folder / f"outcome-{_looking()}.npz"

    def is_done(self) -> bool:
        return self.outcome_file.exists()

    def outcome(self) -> Outcome:
        return Outcome.load(self.outcome_file)


def plan(things: Sequence[TestObject], seeds: Sequence[int], settings: Settings, arms: Sequence[str]) -> list[Run]:
    """All runs; the first seed's of all objects come first, so that an early end still leaves something."""
    settings = replace(settings, threads=1, checkpoint=Checkpoint(every_seconds=20.0, preview_every=0))
    return [
        Run(thing, arm, replace(ARMS[arm].settings_of(settings), seed=seed))
        for seed in seeds
        for thing in things
        for arm in arms
    ]


def quick(settings: Settings) -> Settings:
    """Hardly any steps: only to see that everything runs."""
    return apply(settings, {"fit.steps": 30, "stage1.steps": 6, "stage2.steps": 4})


@functools.cache  # a file that is changed while this runs does not count: it is not what runs
def _code() -> bytes:
    """A digest of the code that decides what a run makes."""
    return digest_of(shaping())


@functools.cache
def _prior(name: str) -> bytes:
    """A digest of a prior's weights and words."""
    files = sorted(path for path in find_prior(name).rglob("*") if path.is_file() and path.suffix != ".md")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).digest()


@functools.cache
def _looking() -> str:
    return hashlib.sha256(Path(result.__file__).read_bytes()).hexdigest()[:8]


def expected_seconds(settings: Settings) -> float:
    """Of one run on a free core, roughly; the countdown measures."""
    steps = settings.stage1.steps + settings.stage2.steps
    return SECONDS[0] + SECONDS[1] * steps * settings.render.views / 4


def make(runs: Sequence[Run], processes: int) -> None:
    """Does the runs that are not done yet, `processes` at a time, each with one thread."""
    for attempt in range(ATTEMPTS):
        missing = [run for run in runs if not run.is_done()]
        if not missing:
            return _say(f"all {len(runs)} runs are done")
        seconds = sum(expected_seconds(run.settings) for run in missing) / processes
        about = clock(seconds) if attempt == 0 else "as long as before"
        _say(f"{len(missing)} of {len(runs)} runs to be made, {processes} at a time: about {about} on free cores")
        _make_once(missing, processes)


def _make_once(missing: Sequence[Run], processes: int) -> None:
    start, done = time.monotonic(), 0
    os.environ.update(ONE_THREAD)  # read by the children when they load torch and numba
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin)
    waiting: dict[Future[str], Run] = {pool.submit(_attempt, run): run for run in missing}
    try:
        for future in as_completed(waiting):
            done += 1
            left = (time.monotonic() - start) / done * (len(missing) - done)
            try:
                told = future.result()
            except Exception as error:  # a child died, and the pool with it: the next attempt has a new one
                told = f"FAILED: {error!r}"
            _say(f"{done} of {len(missing)}, {waiting[future].name}: {told}; about {clock(left)} left")
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _begin() -> None:
    """In a child, first of all: it does not outlive its parent, whose next start would do the same runs."""
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _attempt(run: Run) -> str:
    """In a child: the run and its outcome; what to say of it."""
    run.folder.mkdir(parents=True, exist_ok=True)
    try:
        start = time.monotonic()
        glb, spent = run.folder / "result.glb", run.folder / "seconds.json"
        if not spent.exists():
            pipeline.run(
                run.thing.sketch, run.thing.prompt, run.settings, run.folder, lambda event: None, lambda: False
            )
            spent.write_text(json.dumps(time.monotonic() - start))
        look(glb, run.thing, json.loads(spent.read_text())).save(run.outcome_file)
        return f"{time.monotonic() - start:.0f} s"
    except Exception:
        (run.folder / "error.txt").write_text(traceback.format_exc())
        return f"FAILED, see {run.folder / 'error.txt'}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

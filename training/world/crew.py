"""Blender processes at work on shards: one for each core, a fresh one for each shard, because Blender leaks."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).parents[2]  # where the commands of the jobs run
TRIES = 2
# Each process keeps to one core, and lets the system choose which: the denoiser would pin all of them to the first.
ONE_CORE = {"OMP_NUM_THREADS": "1", "OIDN_NUM_THREADS": "1", "OIDN_SET_AFFINITY": "0"}


@dataclass(frozen=True)
class Job:
    """A shard to write, its objects' indices, and the views that there will be in it."""

    path: Path
    first: int
    end: int
    views: int
    command: tuple[str, ...]


@dataclass
class Tally:
    """What has been done so far; counted up by the crew's threads."""

    jobs: int
    views: int
    started: float = field(default_factory=time.monotonic)
    shards_done: int = 0
    views_done: int = 0
    rendered: int = 0  # views_done and those of tries that failed: what the speed is measured on
    failures: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Progress in a line, with the time left."""
        seconds = time.monotonic() - self.started
        speed = self.rendered / max(seconds, 1e-6)
        left = (self.views - self.views_done) / speed if self.rendered else float("nan")
        remaining = f"{_duration(left)} left" if self.rendered else "starting"
        return (
            f"shard {self.shards_done} of {self.jobs} | view {self.views_done} of {self.views} | "
            f"{speed:.2f} views/s | {remaining}"
        )


class Crew:
    """Runs jobs on `size` processes; `stop()` ends them and leaves no half shard behind."""

    def __init__(self, jobs: Sequence[Job], size: int, done: Callable[[Job], None] = lambda job: None) -> None:
        self.tally = Tally(len(jobs), sum(job.views for job in jobs))
        self._done = done
        self._queue: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            self._queue.put(job)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._children: set[subprocess.Popen[str]] = set()
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(min(size, len(jobs)))]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether all is done, after at most so many seconds."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        self._stopped.set()
        with self._lock:
            for child in self._children:
                child.terminate()
        self.wait(10)

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return
            self._try(job)

    def _try(self, job: Job) -> None:
        trouble = ""
        for _ in range(TRIES):
            trouble = self._render(job)
            if not trouble:
                with self._lock:
                    self.tally.shards_done += 1
                self._done(job)
                return
            if self._stopped.is_set():
                return
        self.tally.failures.append(f"{job.path.name}: {trouble}")

    def _render(self, job: Job) -> str:
        """What went wrong, "" if nothing did."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
            child = self._launch(job, complaints)
            views, last = self._follow(child)
            status = child.wait()
            with self._lock:
                self._children.discard(child)
                if status:
                    self.tally.views_done -= views
            if not status:
                return ""
            complaints.seek(0)
            lines = [line for line in complaints.read().splitlines() if line.strip()]
            return f"failed at {last} (status {status}): {lines[-1] if lines else 'without a word'}"

    def _launch(self, job: Job, complaints: TextIO) -> subprocess.Popen[str]:
        """A session of its own keeps the terminal's Ctrl-C with the manager, which then ends its children."""
        child = subprocess.Popen(
            job.command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=complaints,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **ONE_CORE},
            start_new_session=True,
        )
        with self._lock:
            self._children.add(child)
            if self._stopped.is_set():
                child.terminate()
        return child

    def _follow(self, child: subprocess.Popen[str]) -> tuple[int, str]:
        """Views that it made, and the last object that it began."""
        views, last = 0, "its start"
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("object "):
                last = line.strip()
            elif line.strip() == "view":
                views += 1
                with self._lock:
                    self.tally.views_done += 1
                    self.tally.rendered += 1
        return views, last


def show(text: str, last: bool = False) -> None:
    """A line that replaces itself on a terminal, and is simply written elsewhere."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="\n" if last else "", flush=True)
    else:
        print(text, flush=True)


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes:.0f} min" if minutes < 90 else f"{hours:.1f} h"

"""A worker process, spoken to as the server does: what it says, and that nothing outlives its server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from distill.hub.locate import MissingPrior
from realify.setting import SettingsError
from sdf_fit.sketch.error import SketchError
from server.worker.faults import explain
from server.worker.protocol import Order, order_from_dict, order_to_dict
from server.worker.stop_request import StopRequest
from tests.server.workshop import FAST, PATIENCE

ROOT = Path(__file__).parents[3]


class Worker:
    """One on its own pipes."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server.worker", "--pipeline", FAST],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def hear(self, kind: str) -> dict[str, Any]:
        """The next message of that type; every line has to be one."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            if message["type"] == kind:
                return message
        raise AssertionError(f"it ended without a message {kind}: {self.errors()}")

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()


@pytest.fixture
def worker() -> Iterator[Worker]:
    """One that is ready."""
    worker = Worker()
    assert worker.hear("ready") == {"type": "ready", "device": "rehearsal", "problem": None}
    yield worker
    worker.process.kill()
    worker.process.wait()


def order(folder: Path, prompt: str, attempt: int = 1) -> Order:
    """An order for the fast pipeline."""
    (folder / "sketch.glb").write_bytes(b"strokes")
    return Order("j1", attempt, folder / "sketch.glb", "mug", prompt, {}, folder)


def test_its_messages_are_not_mixed_with_what_libraries_print(worker: Worker, tmp_path: Path) -> None:
    worker.send(type="run", order=order_to_dict(order(tmp_path, "say=hello steps=6 checkpoint-every=2")))
    assert worker.hear("event")["stage"] == "read"
    assert worker.hear("checkpoint")
    assert worker.hear("ended") == {"type": "ended", "ending": "done", "problem": None}
    worker.send(type="close")
    assert worker.process.wait(PATIENCE) == 0
    assert worker.errors().split().count("hello") == 2


def test_a_stop_hits_its_own_attempt_alone(worker: Worker, tmp_path: Path) -> None:
    worker.send(type="run", order=order_to_dict(order(tmp_path, "steps=40 hang-at=30", attempt=2)))
    worker.send(type="stop", job_id="j1", attempt=1, tear_after=0.0)
    worker.send(type="stop", job_id="j2", attempt=2, tear_after=0.0)
    while worker.hear("event")["stage"] != "stage1":
        continue
    worker.send(type="stop", job_id="j1", attempt=2, tear_after=None)
    assert worker.hear("ended")["ending"] == "stopped"
    done = json.loads((tmp_path / "checkpoint.pt").read_bytes())["done"]
    assert 10 <= done < 30


def test_a_stop_that_comes_before_the_first_step_is_heard(worker: Worker, tmp_path: Path) -> None:
    worker.send(type="run", order=order_to_dict(order(tmp_path, "steps=500")))
    worker.send(type="stop", job_id="j1", attempt=1, tear_after=None)
    assert worker.hear("ended")["ending"] == "stopped"


def test_it_ends_with_its_server_and_so_does_what_it_started(worker: Worker, tmp_path: Path) -> None:
    worker.send(type="run", order=order_to_dict(order(tmp_path, "child=1 deaf-at=2")))
    worker.hear("event")
    child = psutil.Process(int((tmp_path / "child.pid").read_text()))
    assert worker.process.stdin is not None
    worker.process.stdin.close()
    worker.process.wait(PATIENCE)
    ends = time.monotonic() + PATIENCE
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < ends, "the child lives on"
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have the closed stdin alone")
def test_the_kernel_ends_it_with_its_server_even_if_its_stdin_stays_open(tmp_path: Path) -> None:
    """The parent of the worker is killed; another process still holds the pipe's end."""
    script = f"""
import os, subprocess, sys, time
reader, writer = os.pipe()
os.set_inheritable(writer, True)
holder = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False,
                          stdout=subprocess.DEVNULL)
worker = subprocess.Popen([sys.executable, "-m", "server.worker", "--pipeline", {FAST!r}],
                          stdin=reader, stdout=subprocess.PIPE)
worker.stdout.readline()
print(worker.pid, holder.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    parent = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=False
    )
    pid, holder = map(int, parent.stdout.split())
    try:
        ends = time.monotonic() + PATIENCE
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < ends, "it outlived its server"
            time.sleep(0.05)
    finally:
        os.kill(holder, 9)


def test_the_process_that_answers_http_can_import_all_of_this_without_torch() -> None:
    script = (
        "import sys, server.jobs.dispatcher, server.jobs.local;"
        "print([n for n in ('torch', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_order_travels_whole(tmp_path: Path) -> None:
    sent = order(tmp_path, "a red mug, “so to say”")
    assert order_from_dict(json.loads(json.dumps(order_to_dict(sent)))) == sent


def test_a_request_that_comes_after_the_end_stops_nothing(tmp_path: Path) -> None:
    request = StopRequest()
    request.begin(order(tmp_path, "x"))
    assert request.ask("j1", 1) and request.asked() and request.waits("j1", 1)
    request.end()
    assert not request.asked() and not request.ask("j1", 1) and not request.waits("j1", 1)


@pytest.mark.parametrize(
    ("error", "ending", "code"),
    [
        (SketchError("empty", "mug.glb is empty.", "Export the sketch again."), "failed", "empty"),
        (SettingsError("seed is -1.", "Take one from 0 on."), "failed", "settings_error"),
        (MissingPrior("There is no such model: fetch it."), "failed", "missing_prior"),
        (ValueError("something out of memory"), "failed", "internal"),
        (OSError(28, "No space left on device"), "failed", "disk_full"),
        (MemoryError(), "lost", "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "lost", "out_of_memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "lost", "out_of_memory"),
        (RuntimeError("CUDA error: device-side assert triggered\nmore"), "lost", "device_error"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "lost", "device_error"),
        (KeyError("nobody"), "failed", "internal"),
    ],
)
def test_an_error_is_the_jobs_or_the_workers(error: Exception, ending: str, code: str) -> None:
    told, problem = explain(error)
    assert (told, problem["code"]) == (ending, code)
    assert problem["message"] and "\n" not in problem["message"]
    assert problem["fix"] or isinstance(error, MissingPrior), "that one's message names the command"

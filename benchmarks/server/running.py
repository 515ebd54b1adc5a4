"""A real server as a process of its own: started, spoken to, killed, started again on the same data. Loopback only."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx2
import psutil

ROOT = Path(__file__).parents[2]
FAKE = "tests.server.fake_pipeline:run"  # obeys words in the prompt, costs next to nothing
PATIENCE = 120.0  # seconds that a wait may take on a slow machine before it counts as a hang
FINISHED = ("cancelled", "failed", "done", "dead")


T = TypeVar("T")


class NoAnswer(RuntimeError):
    """What was waited for did not come; the text says what."""


@dataclass
class Running:
    """A server on `data`; `options` are further words of its command line, `prefix` words before it (unshare, strace).

    As a context manager it is started, and ended at the exit however it goes.
    """

    data: Path
    pipeline: str = FAKE
    options: Sequence[str] = ()
    prefix: Sequence[str] = ()
    url: str = ""
    token: str = ""
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=PATIENCE))
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Running:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        self.http.close()

    def start(self) -> float:
        """Starts it; the seconds until it answered. Raises NoAnswer with the end of its log."""
        began = time.monotonic()
        words = [sys.executable, "-m", "server", "--data", str(self.data), "--port", "0", "--json", "--no-announce"]
        pipeline = ["--pipeline", FAKE, "--warm-prior", ""] if self.pipeline == FAKE else []
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [*self.prefix, *words, *pipeline, "--device", "cpu", *self.options],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        said = json.loads(self._first_line())
        self.url = said["url"].rstrip("/")
        if httpx2.URL(self.url).host not in ("127.0.0.1", "localhost"):
            raise NoAnswer(f"the server answers at {self.url}, wanted loopback")
        self.token = self._inside(Path(said["token_file"])).read_text(encoding="utf-8").strip()
        self.http.headers["Authorization"] = f"Bearer {self.token}"
        return time.monotonic() - began

    @property
    def log(self) -> Path:
        """Where its standard error goes, over all starts."""
        return self.data.parent / f"{self.data.name}.log"

    @property
    def pid(self) -> int:
        """Of the process that answers HTTP."""
        if self._process is None:
            raise NoAnswer("the server is not running")
        if not self.prefix:
            return self._process.pid
        family = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        return next(each.pid for each in family if _runs(each, "server"))

    def workers(self) -> list[psutil.Process]:
        """Its worker processes that are alive now."""
        children = psutil.Process(self.pid).children(recursive=True)
        return [each for each in children if _runs(each, "server.worker")]

    def kill(self) -> None:
        """kill -9 of the process that answers HTTP, and of nothing else."""
        os.kill(self.pid, signal.SIGKILL)
        if self._process:
            self._process.wait(PATIENCE)

    def stop(self) -> None:
        """Ends it as a service manager does; kills what does not end."""
        if self._process is None or self._process.poll() is not None:
            return
        os.kill(self.pid, signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise NoAnswer(f"the server did not end within {PATIENCE:.0f} s of SIGTERM") from None

    def alive(self) -> bool:
        """Whether its process still runs."""
        return self._process is not None and self._process.poll() is None

    def get(self, path: str) -> Any:
        """The JSON at `path`. Raises for an error status."""
        return self.http.get(self.url + path).raise_for_status().json()

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """The JSON that answers a POST. Raises for an error status."""
        return self.http.post(self.url + path, json=body, headers=headers).raise_for_status().json()

    def upload(self, name: str, data: bytes) -> httpx2.Response:
        """The answer to an upload."""
        sha256 = hashlib.sha256(data).hexdigest()
        return self.http.put(f"{self.url}/v1/uploads/{sha256}", params={"name": name}, content=data)

    def sketch(self, name: str, data: bytes) -> str:
        """Uploads a sound sketch; its hash."""
        return self.upload(name, data).raise_for_status().json()["sha256"]

    def submit(self, sketch: str, prompt: str, key: str | None = None, **more: Any) -> dict[str, Any]:
        """A new job, or the one that was made with the same key."""
        headers = {"Idempotency-Key": key} if key else None
        return self.post("/v1/jobs", {"sketch": sketch, "prompt": prompt, **more}, headers)

    def job(self, job_id: str) -> dict[str, Any]:
        """One job."""
        return self.get(f"/v1/jobs/{job_id}")

    def jobs(self) -> list[dict[str, Any]]:
        """Every job."""
        found, after = [], ""
        while True:
            page = self.get(f"/v1/jobs?limit=500{after}")
            found += page["jobs"]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"

    def wait_job(self, job_id: str, states: Sequence[str] = FINISHED, patience: float = PATIENCE) -> dict[str, Any]:
        """The job once it is in one of the states. Raises NoAnswer."""
        return wait_for(
            lambda: job if (job := self.job(job_id))["state"] in states else None,
            f"job {job_id} in {'/'.join(states)}", patience,
        )  # fmt: skip

    def wait_warm(self, patience: float = PATIENCE) -> None:
        """Returns once a worker is warm."""
        wait_for(lambda: self.http.get(self.url + "/readyz").status_code == 200 or None, "a warm worker", patience)

    def _first_line(self) -> bytes:
        """The line that the server prints once it is ready; the rest of its output is read and dropped."""
        lines: queue.Queue[bytes] = queue.Queue()
        process = self._process
        assert process is not None and process.stdout is not None
        stdout = process.stdout

        def read() -> None:
            lines.put(stdout.readline())
            stdout.read()

        threading.Thread(target=read, daemon=True).start()
        try:
            line = lines.get(timeout=PATIENCE)
        except queue.Empty:
            line = b""
        if not line.strip():
            tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise NoAnswer(f"the server did not start; the end of {self.log}:\n{tail}")
        return line

    def _inside(self, path: Path) -> Path:
        """A file of the server's, also where it has mounts of its own."""
        return Path(f"/proc/{self.pid}/root{path}") if self.prefix else path


def wait_for(look: Callable[[], T | None], what: str, patience: float = PATIENCE, pause: float = 0.03) -> T:
    """What `look` finds, asked again and again. Raises NoAnswer."""
    end = time.monotonic() + patience
    while (found := look()) is None:
        if time.monotonic() > end:
            raise NoAnswer(f"{what} did not come within {patience:.0f} s")
        time.sleep(pause)
    return found


def gone(processes: Sequence[psutil.Process], seconds: float = 10.0) -> list[psutil.Process]:
    """Those of the processes that are still there after so many seconds."""
    return psutil.wait_procs(processes, seconds)[1]


def _runs(process: psutil.Process, module: str) -> bool:
    """Whether the process is `python -m MODULE`."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    is_python = bool(words) and Path(words[0]).name.startswith("python")  # and not strace, whose words they are, too
    return is_python and ("-m", module) in pairwise(words) and process.status() != psutil.STATUS_ZOMBIE

"""A real server: `python -m server` as a child, with the fast pipeline of fake_pipeline.py in its real worker."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2

ROOT = Path(__file__).resolve().parents[2]
SKETCHES = ROOT / "examples" / "sketches"
PATIENCE = 60.0  # seconds: the machine is shared and slow
PIPELINE = "tests.server.fake_pipeline:run"
# First in the code of a child that is to be interrupted: what a shell starts in the background ignores SIGINT.
CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
T = TypeVar("T")


def wait_for(look: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """What `look` gives once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if got := look():
            return got
        time.sleep(0.02)
    raise AssertionError(f"after {seconds:.0f} s there was still no {what}")


@dataclass
class Event:
    """One server-sent event."""

    id: int
    kind: str
    data: dict[str, Any]


@dataclass
class Server:
    """A running server and a client with its token."""

    process: subprocess.Popen[str]
    url: str
    data: Path
    token: str
    log: Path
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        self.http = httpx2.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False)

    def upload(self, path: Path = SKETCHES / "mushroom.glb", name: str | None = None) -> str:
        """Its SHA-256."""
        content = path.read_bytes()
        sha = hashlib.sha256(content).hexdigest()
        answer = self.http.put(f"/v1/uploads/{sha}", params={"name": name or path.name}, content=content)
        assert answer.status_code in (200, 201), answer.text
        return sha

    def submit(self, prompt: str = "a mushroom", **fields: Any) -> dict[str, Any]:
        """The new job; of the mushroom unless told otherwise."""
        fields.setdefault("sketch", None)
        fields["sketch"] = fields["sketch"] or self.upload()
        answer = self.http.post("/v1/jobs", json={"prompt": prompt, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, job_id: str, *states: str) -> dict[str, Any]:
        """The job once it is in one of these states; done by default."""
        wanted = states or ("done",)

        def look() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["state"] in wanted else None

        try:
            return wait_for(look, f"job that is {' or '.join(wanted)}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.job(job_id)}\n{self.tail()}") from None

    def events(self, path: str, **params: Any) -> Generator[Event, None, None]:
        """A stream's events, until it ends or the caller leaves."""
        with self.http.stream("GET", path, params=params) as answer:
            assert answer.status_code == 200, answer.read()
            found: dict[str, str] = {}
            for line in answer.iter_lines():
                if line and not line.startswith(":"):
                    key, _, value = line.partition(": ")
                    found[key] = value
                elif not line and "data" in found:
                    yield Event(int(found["id"]), found["event"], json.loads(found["data"]))
                    found = {}

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def stop(self) -> int:
        """Asks it to end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.http.close()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait()
        self.http.close()


def start_server(data: Path, *options: str, pipeline: str = PIPELINE) -> Server:
    """Starts it, and returns once it answers."""
    data.mkdir(parents=True, exist_ok=True)
    log = data.parent / f"{data.name}.log"
    command = [sys.executable, "-m", "server", "--data", str(data), "--port", "0", "--json", "--reserve", "0"]
    command += ["--warm-prior", "", "--pipeline", pipeline, *options]
    with open(log, "ab") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"the server ended with {process.wait()}:\n{log.read_text(encoding='utf-8')}")
    told = json.loads(line)
    token = Path(told["token_file"]).read_text(encoding="ascii").strip()
    return Server(process, told["url"], Path(told["data"]), token, log)

"""kill -9 of the server and of its workers at random moments, while jobs are handed in and run.

A thread hands in jobs as a stubborn client does: every request is repeated with its own Idempotency-Key until it is
answered. At moments drawn from a fixed seed either the process that answers HTTP is killed and started again on the
same data, or a worker is killed. At the end every job that was handed in must be there once and done, or dead by the
rule (three starts in a row that were killed before a checkpoint); each result must be whole, told of once, and the same
bytes as when it was first seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import numpy as np
import psutil

from benchmarks.server.figures import percentile
from benchmarks.server.history import History, read_history
from benchmarks.server.part import Claim, Result, say
from benchmarks.server.running import FAKE, Running, gone, wait_for
from benchmarks.yardstick import markdown
from tests.server.fake_pipeline import digest_of, glb_extras

STRIKES = 3
T = TypeVar("T")


@dataclass(frozen=True)
class Work:
    """What is killed: `prompts` are taken in turn, `backlog` jobs are kept unfinished, a kill comes after a pause of up
    to `pause` seconds; `at_work`: counted from when a worker is busy, since one that takes long to start would be
    killed at nothing else."""

    pipeline: str
    sketch: bytes
    prompts: tuple[str, ...]
    backlog: int
    pause: float
    at_work: bool = False
    preset: str = "standard"
    settings: dict[str, Any] = field(default_factory=dict)

    def wrong(self, data: bytes, prompt: str) -> bool:
        """Whether a result is not whole; a rehearsal's holds a number that depends on every step having been done
        once, in order."""
        if len(data) < 12 or data[:4] != b"glTF" or struct.unpack_from("<I", data, 8)[0] != len(data):
            return True
        return self.pipeline == FAKE and glb_extras(data)["digest"] != digest_of(self.sketch, prompt)


@dataclass
class Client:
    """Hands in jobs until it is told to stop; `accepted` is what the server answered, by key."""

    server: Running
    work: Work
    accepted: dict[str, str] = field(default_factory=dict)
    first_seen: dict[str, str] = field(default_factory=dict)  # job id to the hash of its result
    unexpected: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """The thread. It ends with every request answered: what was never answered may have been heard all the same."""
        turn = 0
        while not self.done.is_set():
            if self._insist(self._unfinished) >= self.work.backlog:
                time.sleep(0.1)
                continue
            self.accepted[f"kill-{turn}"] = self._insist(lambda number=turn: self._hand_in(number))
            turn += 1

    def _hand_in(self, turn: int) -> str:
        """A job's id; the sketch is there already but for the first time."""
        sketch = self.server.sketch("sketch.glb", self.work.sketch)
        prompt = self.work.prompts[turn % len(self.work.prompts)]
        more = {"settings": self.work.settings, "preset": self.work.preset}
        return self.server.submit(sketch, prompt, f"kill-{turn}", **more)["id"]

    def _insist(self, ask: Callable[[], T]) -> T:
        """The same request until it is answered. An error that is an answer is noted: none is expected."""
        while True:
            try:
                return ask()
            except httpx2.HTTPStatusError as error:
                self.unexpected.append(f"{error.response.status_code}: {error.response.text[:200]}")
                time.sleep(0.2)
            except httpx2.TransportError:
                time.sleep(0.05)  # it was just killed

    def _unfinished(self) -> int:
        """Jobs that are not at their end; looks at each new result meanwhile."""
        counts = self.server.get("/v1/queue")["counts"]
        for job in self.server.get("/v1/jobs?state=done&limit=50")["jobs"]:
            if job["id"] not in self.first_seen:
                self.first_seen[job["id"]] = _result(self.server, job["id"])
        return sum(counts.get(state, 0) for state in ("queued", "running", "cancelling"))


def killing(work: Work, kills: int, folder: Path, seed: int) -> Result:
    """So many kills, then what has become of every job."""
    rng = np.random.default_rng(seed)
    tally: Counter[str] = Counter()
    struck: Counter[str] = Counter()
    back: list[float] = []
    with Running(folder / "data", work.pipeline) as server:
        server.wait_warm()
        client = Client(server, work)
        thread = threading.Thread(target=client.run, daemon=True)
        thread.start()
        wait_for(lambda: len(client.accepted) >= work.backlog or None, "the first jobs")
        for turn in range(kills):
            if work.at_work:
                wait_for(lambda: _busy(server) or None, "a worker at work")
            time.sleep(rng.uniform(0, work.pause))
            if rng.random() < 0.5:
                tally["server"] += 1
                back.append(_kill_server(server, tally))
            else:
                running = _kill_worker(server)
                struck.update(running)
                tally.update(worker=1, worker_at_work=len(running))
            if (turn + 1) % max(1, kills // 5) == 0:
                say(f"  {turn + 1} of {kills} kills, {len(client.accepted)} jobs")
        client.done.set()
        thread.join()
        found = _afterwards(server, client, struck)
        server.stop()
        found["database"] = _integrity(folder / "data")
    return found | {
        "kills": kills,
        "server_kills": tally["server"],
        "worker_kills": tally["worker"],
        "at_work": tally["worker_at_work"],
        "left_over": tally["left_over"],
        "back": percentile(back, 50) if back else 0.0,
        "back_worst": max(back, default=0.0),
    }


def _busy(server: Running) -> bool:
    return any(each["state"] == "busy" for each in server.get("/v1/workers")["workers"])


def _kill_server(server: Running, tally: Counter[str]) -> float:
    """Kills the process that answers HTTP and starts another; the seconds from the kill to its first answer."""
    workers = server.workers()
    began = time.monotonic()
    server.kill()
    server.start()
    took = time.monotonic() - began
    left = gone(workers)
    tally["left_over"] += len(left)
    for each in left:
        each.kill()
    return took


def _kill_worker(server: Running) -> list[str]:
    """Kills a worker, as soon as there is one; the jobs that ran."""
    worker = wait_for(lambda: next(iter(server.workers()), None), "a worker process")
    running = [job["id"] for job in server.get("/v1/jobs?state=running&state=cancelling")["jobs"]]
    with contextlib.suppress(psutil.NoSuchProcess):
        worker.kill()
        worker.wait(10)
    return running


def _afterwards(server: Running, client: Client, struck: Counter[str]) -> Result:
    """Waits until every job has come to its end, and judges them. Raises NoAnswer where one does not."""
    unfinished = ("queued", "running", "cancelling")
    wait_for(
        lambda: not any(server.get("/v1/queue")["counts"].get(state, 0) for state in unfinished) or None,
        "the end of every job", 600, 0.25,
    )  # fmt: skip
    jobs = {job["id"]: job for job in server.jobs()}
    accepted = set(client.accepted.values())
    history = read_history(server)
    states = Counter(job["state"] for job in jobs.values())
    done = [job_id for job_id, job in jobs.items() if job["state"] == "done"]
    results = {job_id: _result(server, job_id) for job_id in done}
    wrong = [job_id for job_id in done if client.work.wrong(_glb(server, job_id), jobs[job_id]["prompt"])]
    dead = [job_id for job_id, job in jobs.items() if job["state"] == "dead"]
    lost = [job_id for job_id in client.accepted.values() if job_id not in jobs]
    lost += [job_id for job_id, job in jobs.items() if job["state"] not in ("done", "dead")]
    lost += [job_id for job_id in dead if struck[job_id] < STRIKES]
    lost += wrong
    return {
        "jobs": len(client.accepted),
        "states": dict(states),
        "lost": len(lost),
        "lost_jobs": [{"id": each, **_told(jobs.get(each))} for each in lost[:5]],
        "extra": len(set(jobs) - accepted) + len(client.accepted) - len(accepted),
        "published_twice": sum(history.times_done(job_id) != 1 for job_id in done)
        + sum(results.get(job_id) != digest for job_id, digest in client.first_seen.items()),
        "unexpected": client.unexpected[:5],
        "attempts_most": max((job["attempt"] for job in jobs.values()), default=0),
        **_resumed(history, done),
    }


def _resumed(history: History, done: list[str]) -> Result:
    """How many starts of an interrupted job went on from a checkpoint."""
    again = [went_on for job_id in done for went_on in history.starts_again(job_id)]
    return {"starts_again": len(again), "went_on": sum(again)}


def _told(job: dict[str, Any] | None) -> dict[str, Any]:
    return {key: job[key] for key in ("state", "error", "attempt", "step")} if job else {"state": "gone"}


def _result(server: Running, job_id: str) -> str:
    """The hash of a job's result."""
    return hashlib.sha256(_glb(server, job_id)).hexdigest()


def _glb(server: Running, job_id: str) -> bytes:
    return server.http.get(f"{server.url}/v1/jobs/{job_id}/artefacts/result.glb").raise_for_status().content


def _integrity(data: Path) -> str:
    """What SQLite says of the database of a server that has ended."""
    with contextlib.closing(sqlite3.connect(data / "realify.db")) as database:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])


def kills_claims(result: Result, pipeline: str) -> list[Claim]:
    """The page's lines."""
    kills = f"{result['kills']} kill -9 ({result['server_kills']} server, {result['worker_kills']} worker)"
    after = f"after {kills}, {pipeline}"
    lost, twice = result["lost"], result["published_twice"] + result["extra"]
    sound = result["database"] == "ok" and not result["left_over"] and not result["unexpected"]
    return [
        Claim(f"jobs lost {after}", "0", f"{lost} of {result['jobs']}", lost == 0 and sound),
        Claim(f"published twice {after}", "0", str(twice), twice == 0),
    ]


def kills_section(result: Result) -> str:
    """The page's table."""
    states = ", ".join(f"{count} {state}" for state, count in sorted(result["states"].items()))
    rows = [
        ["kills", f"{result['server_kills']} of the server, {result['worker_kills']} of a worker "
         f"({result['at_work']} while it ran a job, the others while it started)"],
        ["jobs handed in", f"{result['jobs']}: {states}"],
        ["lost, wrong, or dead against the rule", str(result["lost"])],
        ["made twice out of one request", str(result["extra"])],
        ["told to be done twice, or a result that changed", str(result["published_twice"])],
        ["starts after an interruption in the distillation", f"{result['starts_again']}, of which {result['went_on']} "
         "went on from a checkpoint"],
        ["most starts of one job", str(result["attempts_most"])],
        ["workers of a killed server alive 10 s later", str(result["left_over"])],
        ["answers nobody expected", "; ".join(result["unexpected"]) or "none"],
        ["from the server's kill to its next answer", f"{result['back']:.1f} s in the median, "
         f"{result['back_worst']:.1f} s at worst"],
        ["SQLite's integrity check at the end", result["database"]],
    ]  # fmt: skip
    return markdown(["", ""], rows)

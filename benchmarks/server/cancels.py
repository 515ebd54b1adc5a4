"""From a cancel until the worker is free: until the next job of the queue is told to run.

Long jobs stand in the queue; the one that runs is cancelled at a random moment, and the stamp of the next one's start
says when the worker was free. Once with the rehearsal's pipeline, once with the real one, where a step or a stage takes
its time; and with a job that does not listen, whose worker has to be killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.server.figures import percentile
from benchmarks.server.hostile_files import EXAMPLES, sound_files
from benchmarks.server.part import Claim, Part, Result, Size, say
from benchmarks.server.real_work import PRESET, PROMPT, SMALL
from benchmarks.server.running import Running, wait_for
from benchmarks.yardstick import markdown
from server.config import PIPELINE

LIMIT = 2.0
LONG = "a rehearsal: steps=100000 pause=.02 checkpoint-every=50"
SHORT = "a rehearsal: steps=5"
HANGS = "a rehearsal: steps=50 deaf-at=10"


def measure(size: Size, folder: Path) -> Result:
    """Seconds of each cancel."""
    rng = np.random.default_rng(5)
    sketch = sound_files()["tetrahedron.glb"]
    with Running(folder / "fake") as server:
        server.wait_warm()
        uploaded = server.sketch("tetrahedron.glb", sketch)
        jobs = [server.submit(uploaded, LONG)["id"] for _ in range(size.fake_cancels + 1)]
        fake = _cancel_all(server, jobs, lambda: float(rng.uniform(0.05, 0.6)))
        killed = _hanging(server, uploaded)
    say(f"  rehearsal: worst of {len(fake)} {max(fake):.2f} s; one that hangs {killed:.1f} s")
    real: list[float] = []
    if size.real_cancels:
        with Running(folder / "real", PIPELINE) as server:
            server.wait_warm()
            uploaded = server.sketch("apple.glb", (EXAMPLES / "apple.glb").read_bytes())
            more = {"preset": PRESET, "settings": SMALL}
            jobs = [server.submit(uploaded, PROMPT, **more)["id"] for _ in range(size.real_cancels + 1)]
            real = _cancel_all(server, jobs, lambda: float(rng.uniform(0.5, 14)))
        say(f"  real: worst of {len(real)} {max(real, default=0):.2f} s")
    return {"fake": fake, "real": real, "hanging": killed}


def _cancel_all(server: Running, jobs: list[str], pause: Callable[[], float]) -> list[float]:
    """Cancels each job but the last while it runs, `pause()` seconds after its start."""
    seconds = []
    for job, following in pairwise(jobs):
        server.wait_job(job, ("running", "done"))
        time.sleep(pause())
        began = time.time()
        answer = server.http.post(f"{server.url}/v1/jobs/{job}/cancel")
        if answer.status_code == 409:
            continue  # it was done before
        answer.raise_for_status()
        started = wait_for(lambda each=following: server.job(each)["started"], "the next job's start", pause=0.02)
        if server.wait_job(job)["state"] == "cancelled":
            seconds.append(max(0.0, started - began))
    server.http.post(f"{server.url}/v1/jobs/{jobs[-1]}/cancel").raise_for_status()
    server.wait_job(jobs[-1])
    return seconds


def _hanging(server: Running, sketch: str) -> float:
    """The seconds until the worker of a job that does not listen was replaced."""
    hanging = server.submit(sketch, HANGS)["id"]
    following = server.submit(sketch, SHORT)["id"]
    server.wait_job(hanging, ("running",))
    time.sleep(2.0)  # ten steps of a hundredth of a second
    began = time.time()
    server.post(f"/v1/jobs/{hanging}/cancel")
    server.wait_job(hanging, ("cancelled",))
    return server.wait_job(following, ("done",))["started"] - began


def claims(result: Result) -> list[Claim]:
    """The page's lines."""
    found = []
    for name, what in (("fake", "a rehearsal's pipeline"), ("real", "the real pipeline")):
        if result[name]:
            p99 = percentile(result[name], 99)
            label = f"cancel → worker free, {what}: p99 of {len(result[name])}"
            found.append(Claim(label, f"≤ {LIMIT:.0f} s", f"{p99:.2f} s", p99 <= LIMIT))
    return found


def section(result: Result) -> str:
    """The page's table."""
    names = {"fake": "a rehearsal (20 ms a step)", "real": "the real one"}
    rows = [
        [names[name], str(len(each)), f"{percentile(each, 50):.2f}", f"{percentile(each, 99):.2f}", f"{max(each):.2f}"]
        for name in names
        if (each := result[name])
    ]
    table = markdown(["pipeline", "cancels", "p50, s", "p99, s", "worst, s"], rows)
    return (
        "From the request until the next job's start, at random moments of jobs that run.\n\n"
        f"{table}\n\nA job that hears nothing: its worker was killed and the next job ran "
        f"{result['hanging']:.1f} s after the cancel."
    )


PART = Part(
    "Cancel",
    lambda size: 25 + 0.5 * size.fake_cancels + (15 + 5 * size.real_cancels if size.real_cancels else 0),
    measure,
    claims,
    section,
)

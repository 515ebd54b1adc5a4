"""A disk that fills up and memory that runs out, on purpose: what is told, and whether the next job passes.

The disk is a real one: a tmpfs of a few MiB in the server's own mount namespace (`unshare`, Linux), filled to its last
byte while the server runs on it. Memory: a rehearsal that raises MemoryError, one whose GPU breaks, one that dies; and
the real pipeline under a cap on its address space that its settings exceed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.server.hostile_files import EXAMPLES, sound_files
from benchmarks.server.part import Claim, Part, Result, Size, say
from benchmarks.server.real_work import PRESET, PROMPT, SMALL
from benchmarks.server.running import NoAnswer, Running, wait_for
from benchmarks.yardstick import markdown
from server.config import PIPELINE

DISK = 96 * 2**20
RESERVE = 16 * 2**20
ADDRESS_SPACE = 12 * 2**30
LARGE = {"fit.steps": 1, "render.views": 64, "render.resolution": 2048, "render.supersample": 4}
SHORT = "a rehearsal: steps=10"
SLOW = "a rehearsal: steps=2000 pause=.02 checkpoint-every=5"
# What is injected: the words of the prompt, and the state and the error's code that it has to end in.
FAULTS = {
    "out of memory in every start": ("checkpoint-every=0 oom-at=12", "dead", "out_of_memory"),
    "out of memory in the first start alone": ("oom-at=12 attempts=1", "done", ""),
    "a broken GPU in the first start": ("cuda-at=12 attempts=1", "done", ""),
    "a worker that dies in every start": ("checkpoint-every=0 crash-at=12", "dead", ""),
    "an error that nobody foresaw": ("fault-at=12", "failed", "internal"),
}


def measure(size: Size, folder: Path) -> Result:
    """One row an injected fault."""
    rows = _memory(folder)
    if size.real_kills and shutil.which("prlimit"):
        rows.append(_real_memory(folder))
    rows += _disk(folder) if _can_mount() else []
    for row in rows:
        say(f"  {row['what']}: {row['told']}{'' if row['kept'] else '   NOT AS WANTED'}")
    return {"rows": rows, "disk": _can_mount()}


def _memory(folder: Path) -> list[Result]:
    rows = []
    with Running(folder / "memory") as server:
        server.wait_warm()
        sketch = server.sketch("tetrahedron.glb", sound_files()["tetrahedron.glb"])
        for what, (words, state, code) in FAULTS.items():
            job = server.wait_job(server.submit(sketch, f"a rehearsal: steps=20 {words}")["id"])
            why = f": {job['error']['code']}" if job["error"] else ""
            told = f"{job['state']} after {job['attempt']} start{'s' * (job['attempt'] > 1)}{why}"
            as_wanted = job["state"] == state and (not code or job["error"]["code"] == code)
            rows.append(_row(what, told, as_wanted, server, sketch))
    return rows


def _real_memory(folder: Path) -> Result:
    """A real job whose pictures do not fit under a cap on the worker's address space."""
    prefix = ["prlimit", f"--as={ADDRESS_SPACE}"]
    with Running(folder / "real", PIPELINE, prefix=prefix) as server:
        server.wait_warm()
        sketch = server.sketch("apple.glb", (EXAMPLES / "apple.glb").read_bytes())
        more = {"preset": PRESET, "settings": SMALL | LARGE}
        job = server.wait_job(server.submit(sketch, PROMPT, **more)["id"], patience=300)
        code = job["error"]["code"] if job["error"] else "no error"
        told = f"{job['state']} after {job['attempt']} starts: {code}"
        small = {"preset": PRESET, "settings": SMALL}
        following = _try(lambda: server.wait_job(server.submit(sketch, PROMPT, **small)["id"])["state"])
    kept = job["state"] == "dead" and code == "out_of_memory" and following == "done"
    what = f"the real pipeline under a cap of {ADDRESS_SPACE / 2**30:.0f} GiB, with pictures of 17 GB"
    return {"what": what, "told": told, "next": following, "kept": kept}


def _disk(folder: Path) -> list[Result]:
    """Filled to the reserve, then to the last byte, then freed by a deletion alone."""
    data = folder / "disk"
    data.mkdir()
    with Running(data, options=("--reserve", str(RESERVE / 2**30)), prefix=_on_tmpfs(data)) as server:
        server.wait_warm()
        disk = Path(f"/proc/{server.pid}/root{data}")
        sketch = server.sketch("tetrahedron.glb", sound_files()["tetrahedron.glb"])
        done = server.wait_job(server.submit(sketch, SHORT)["id"], ("done",))["id"]
        rows = [_at_the_reserve(server, sketch, disk)]
        rows += [_to_the_last_byte(server, sketch, disk, done)]
        return rows


def _at_the_reserve(server: Running, sketch: str, disk: Path) -> Result:
    """A submit and an upload while less than the reserve is free."""
    _fill(disk, RESERVE // 2)
    submit = server.http.post(f"{server.url}/v1/jobs", json={"sketch": sketch, "prompt": SHORT})
    upload = server.upload("torus.stl", sound_files()["torus.stl"])
    _free(disk)
    told = f"submit {_answer(submit)}, upload {_answer(upload)}"
    return _row("less than the reserve is free", told, told.count("507 disk_full") == 2, server, sketch)


def _to_the_last_byte(server: Running, sketch: str, disk: Path, done: str) -> Result:
    """No byte free while a job runs; a deletion must go through all the same, and the job be told why it ended."""
    running = server.submit(sketch, SLOW)["id"]
    wait_for(lambda: server.job(running)["step"] or None, "the first step")
    _fill(disk, 0)
    submit = server.http.post(f"{server.url}/v1/jobs", json={"sketch": sketch, "prompt": SHORT})
    time.sleep(2.0)  # the job goes on trying to write its checkpoints
    deleted = server.http.delete(f"{server.url}/v1/jobs/{done}").status_code
    answers = server.http.get(f"{server.url}/healthz").status_code
    _free(disk)
    # It has failed, or is about to; where it got through, it is done with.
    if server.job(running)["state"] == "running":
        server.http.post(f"{server.url}/v1/jobs/{running}/cancel")
    ended = server.wait_job(running)
    why = f" ({ended['error']['code']})" if ended["error"] else ""
    told = f"submit {_answer(submit)}, delete {deleted}, healthz {answers}; the job that ran: {ended['state']}{why}"
    kept = submit.status_code == 507 and deleted == 204 and answers == 200
    return _row("no byte is free while a job runs", told, kept, server, sketch)


def _row(what: str, told: str, as_wanted: bool, server: Running, sketch: str) -> Result:
    """With whether a sound job passes afterwards."""
    following = _try(lambda: server.wait_job(server.submit(sketch, SHORT)["id"])["state"])
    return {"what": what, "told": told, "next": following, "kept": as_wanted and following == "done"}


def _try(act: Callable[[], str]) -> str:
    try:
        return act()
    except (NoAnswer, OSError, RuntimeError) as error:
        return f"{type(error).__name__}: {str(error)[:100]}"


def _answer(response: Any) -> str:
    body = response.json()
    return f"{response.status_code} {body.get('code', '')}".strip()


def _fill(disk: Path, leave: int) -> None:
    """Fills the disk until so many bytes are free; `leave` 0: to the last one."""
    with open(disk / "filler", "ab", buffering=0) as filler:
        while (free := shutil.disk_usage(disk).free) > leave:
            try:
                filler.write(bytes(min(2**20, free - leave)))
            except OSError:
                return


def _free(disk: Path) -> None:
    (disk / "filler").unlink()


def _can_mount() -> bool:
    """Whether this system lets us have a mount namespace of our own."""
    if os.name != "posix" or shutil.which("unshare") is None:
        return False
    return subprocess.run([*_unshare(), "true"], capture_output=True).returncode == 0


def _unshare() -> list[str]:
    return ["unshare", "--user", "--map-root-user", "--mount"]


def _on_tmpfs(data: Path) -> list[str]:
    """The words before a command that make it see a small disk of its own at `data`."""
    mount = f'mount -t tmpfs -o size={DISK},mode=700 tmpfs "$0" && exec "$@"'
    return [*_unshare(), "sh", "-c", mount, str(data)]


def claims(result: Result) -> list[Claim]:
    """The page's lines."""
    rows = result["rows"]
    passed = sum(row["kept"] for row in rows)
    measured = f"{passed} of {len(rows)}" + ("" if result["disk"] else "; no disk could be made to fill up here")
    what = f"disk full and out of memory ({len(rows)} cases): told as wanted, and the next job passes"
    return [Claim(what, "all", measured, passed == len(rows) and result["disk"])]


def section(result: Result) -> str:
    """The page's table."""
    rows = [[row["what"], row["told"], row["next"]] for row in result["rows"]]
    return markdown(["injected", "what came of it", "the next job"], rows)


PART = Part("Disk full, out of memory", lambda size: 60 + (70 if size.real_kills else 0), measure, claims, section)

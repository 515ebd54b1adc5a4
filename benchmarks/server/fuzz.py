"""The API from its own schema: what schemathesis makes up of the OpenAPI document, sound and unsound, on every route.
Once with ids made up, too, and once with those of a job that runs.

No answer may be a 5xx, and the server must still do its work afterwards. The event streams, which never end by
themselves, get odd ids from a list instead.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.server.hostile_files import sound_files
from benchmarks.server.part import Claim, Part, Result, Size
from benchmarks.server.running import Running
from benchmarks.yardstick import markdown

SEED = 7
LONG = "a rehearsal: steps=100000 pause=.05 checkpoint-every=1000"
STREAMS = ("/v1/events", "/v1/jobs/{job_id}/events")
ODD_IDS = ("-1", "0", "999999999999999999", "9" * 40, "1e3", "%00", "%F0%9F%98%80", "", "0x10", "1;2", "' OR 1=1")


def measure(size: Size, folder: Path) -> Result:
    """How many answers of each status there were."""
    with Running(folder / "data") as server:
        server.wait_warm()
        sketch = server.sketch("tetrahedron.glb", sound_files()["tetrahedron.glb"])
        statuses, failures = _schemathesis(server, folder / "any", size.fuzz, {})
        server.post("/v1/queue/resume")
        job = server.submit(sketch, LONG, priority=100)["id"]
        known = {"job_id": job, "sha256": sketch, "name": "log.txt"}
        more, worse = _schemathesis(server, folder / "known", size.fuzz, known)
        statuses, failures = statuses + more, failures + worse
        statuses.update(asyncio.run(_odd_streams(server, job)))
        server.post("/v1/queue/resume")
        works = _works(server, sketch)
    told = {str(key): value for key, value in sorted(statuses.items())}
    return {"statuses": told, "failures": failures, "works": works}


def _schemathesis(
    server: Running, folder: Path, cases: int, known: dict[str, str]
) -> tuple[Counter[int], list[str]]:
    """Answers by status, and the requests that were answered with a 5xx or not at all. `known`: what stands for these
    parameters of the path."""
    folder.mkdir()
    har, config = folder / "fuzz.har", folder / "schemathesis.toml"
    lines = ["[parameters]", *(f'"path.{key}" = "{value}"' for key, value in known.items())]
    config.write_text("\n".join(lines) if known else "", encoding="utf-8")
    left_out = [word for path in STREAMS for word in ("--exclude-path", path)]
    left_out += ["--exclude-method", "DELETE"] if known else []  # what is known has to stay
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{server.url}/openapi.json",
        "--header", f"Authorization: Bearer {server.token}", "--checks", "not_a_server_error", "--seed", str(SEED),
        "--max-examples", str(cases), *left_out, "--phases", "examples,coverage,fuzzing", "--request-timeout", "30",
        "--no-shrink", "--continue-on-failure", "--generation-deterministic", "--warnings", "off",
        "--report-har-path", str(har),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    (folder / "fuzz.txt").write_text(done.stdout, encoding="utf-8")
    if not har.exists():
        raise RuntimeError(f"schemathesis left no record; it said:\n{done.stdout[-3000:]}")
    entries = json.loads(har.read_text(encoding="utf-8"))["log"]["entries"]
    statuses = Counter(int(entry["response"]["status"]) for entry in entries)
    bad = [entry for entry in entries if not 100 <= entry["response"]["status"] < 500]
    told = {
        f"{entry['response']['status']} {entry['request']['method']} {entry['request']['url'][:150]}" for entry in bad
    }
    return statuses, sorted(told)[:20]


def _works(server: Running, sketch: str) -> str:
    """What becomes of a job that is handed in now; whatever the fuzz has left to do is cancelled."""
    for job in server.jobs():
        if job["state"] in ("queued", "running"):
            server.http.post(f"{server.url}/v1/jobs/{job['id']}/cancel")
    return server.wait_job(server.submit(sketch, "a rehearsal: steps=5")["id"])["state"]


async def _odd_streams(server: Running, job: str) -> Counter[int]:
    """Answers to odd ids in both places where a client may put one."""
    statuses: Counter[int] = Counter()
    streams = [path.replace("{job_id}", job) for path in STREAMS]
    for odd, stream in product(ODD_IDS, streams):
        for path, headers in ((f"{stream}?after={odd}", {}), (stream, {"Last-Event-ID": odd})):
            reader, writer = await asyncio.open_connection(urlsplit(server.url).hostname, urlsplit(server.url).port)
            told = {"Host": urlsplit(server.url).netloc, "Authorization": f"Bearer {server.token}"} | headers
            lines = [f"GET {path.replace(' ', '%20')} HTTP/1.1", *(f"{key}: {value}" for key, value in told.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            statuses[int((await reader.readline()).split()[1])] += 1
            writer.close()
    return statuses


def claims(result: Result) -> list[Claim]:
    """The page's line."""
    total = sum(result["statuses"].values())
    bad = sum(count for status, count in result["statuses"].items() if int(status) >= 500 or int(status) < 100)
    kept = bad == 0 and result["works"] == "done"
    return [Claim(f"fuzz from the schema, {total} requests: 5xx", "0", str(bad), kept)]


def section(result: Result) -> str:
    """The page's table."""
    rows = [[status, str(count)] for status, count in result["statuses"].items()]
    faults = "".join(f"\n- {failure}" for failure in result["failures"])
    table = markdown(["status", "answers"], rows)
    return f"A job that was handed in afterwards was {result['works']}.\n\n{table}\n{faults}".rstrip()


PART = Part("Fuzz of the API", lambda size: 15 + 0.15 * size.fuzz, measure, claims, section)

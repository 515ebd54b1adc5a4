"""The API from its own schema: what schemathesis makes up of the OpenAPI document, sound and unsound, on every route.

No answer may be a 5xx, and the server must still do its work afterwards. `/v1/events`, which never ends by itself, gets
its odd ids from a list instead.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.server.hostile_files import sound_files
from benchmarks.server.part import Claim, Part, Result, Size
from benchmarks.server.running import Running
from benchmarks.yardstick import markdown

SEED = 7
STREAM = "/v1/events"
ODD_IDS = ("-1", "0", "999999999999999999", "9" * 40, "1e3", "%00", "%F0%9F%98%80", "", "0x10", "1;2", "' OR 1=1")


def measure(size: Size, folder: Path) -> Result:
    """How many answers of each status there were."""
    with Running(folder / "data") as server:
        server.wait_warm()
        sketch = server.sketch("tetrahedron.glb", sound_files()["tetrahedron.glb"])
        statuses, failures = _schemathesis(server, folder, size.fuzz)
        statuses.update(asyncio.run(_odd_streams(server)))
        server.post("/v1/queue/resume")
        works = server.wait_job(server.submit(sketch, "a rehearsal: steps=5", priority=100)["id"])["state"]
    told = {str(key): value for key, value in sorted(statuses.items())}
    return {"statuses": told, "failures": failures, "works": works}


def _schemathesis(server: Running, folder: Path, cases: int) -> tuple[Counter[int], list[str]]:
    """Answers by status, and the requests that were answered with a 5xx or not at all."""
    har = folder / "fuzz.har"
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json",
        "--header", f"Authorization: Bearer {server.token}", "--checks", "not_a_server_error", "--seed", str(SEED),
        "--max-examples", str(cases), "--exclude-path", STREAM, "--phases", "examples,coverage,fuzzing",
        "--request-timeout", "30", "--no-shrink", "--continue-on-failure", "--generation-deterministic",
        "--warnings", "off", "--report-har-path", str(har),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
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


async def _odd_streams(server: Running) -> Counter[int]:
    """Answers to odd ids in both places where a client may put one."""
    statuses: Counter[int] = Counter()
    for odd in ODD_IDS:
        for path, headers in ((f"{STREAM}?after={odd}", {}), (STREAM, {"Last-Event-ID": odd})):
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


PART = Part("Fuzz of the API", lambda size: 15 + 2 * size.fuzz, measure, claims, section)

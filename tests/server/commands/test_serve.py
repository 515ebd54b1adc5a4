"""Starting and stopping: what is told, what is refused, and that a restart loses nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2

from tests.server.fake_pipeline import digest_of, glb_extras
from tests.server.running import PATIENCE, PIPELINE, ROOT, SKETCHES, Server, start_server, wait_for

NO_TORCH = """
import asyncio, sys
from pathlib import Path
from server.app import make_app
from server.config import ServerConfig
from server.services import open_services
import server.serving

async def build():
    services = open_services(ServerConfig(Path(sys.argv[1])))
    app = make_app(services)
    app.openapi()
    services.store.close()

asyncio.run(build())
heavy = {"torch", "diffusers", "transformers", "numba", "scipy", "trimesh"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""


def serve(*options: str) -> subprocess.CompletedProcess[str]:
    """A server that is not expected to start."""
    command = [sys.executable, "-m", "server", "--pipeline", PIPELINE, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_process_that_answers_http_has_no_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NO_TORCH, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_and_none_after_it_did_its_work(server: Server) -> None:
    """The running process has mapped none of torch's libraries, after an upload, a job and its options."""
    server.wait(server.submit("steps=6 pause=0")["id"])
    server.http.get("/v1/options")
    if sys.platform == "linux":
        assert "torch" not in Path(f"/proc/{server.process.pid}/maps").read_text(encoding="utf-8")


def test_a_second_server_on_the_same_data(server: Server) -> None:
    done = serve("--data", str(server.data), "--port", "0")
    assert done.returncode == 2
    assert server.url in done.stderr and "--data" in done.stderr and "Traceback" not in done.stderr
    assert server.http.get("/healthz").status_code == 200
    about = json.loads((server.data / "server.json").read_text(encoding="utf-8"))
    assert (about["url"], about["pid"]) == (server.url, server.process.pid)


def test_a_port_that_is_taken(server: Server, tmp_path: Path) -> None:
    done = serve("--data", str(tmp_path), "--port", server.url.rpartition(":")[2])
    assert done.returncode == 2
    assert "--port" in done.stderr and "Traceback" not in done.stderr
    assert serve("--data", str(tmp_path), "--host", "no.such.host.invalid", "--port", "0").returncode == 2
    assert serve("--data", str(tmp_path), "--name", "no/name", "--port", "0").returncode == 2


def test_a_stop_ends_streams_and_keeps_the_job(tmp_path: Path) -> None:
    first = start_server(tmp_path / "data")
    prompt = "steps=60 pause=0.05 checkpoint-every=1"
    job = first.submit(prompt)["id"]
    for event in first.events(f"/v1/jobs/{job}/events"):
        if event.data.get("step", 0) >= 5:
            break
    other = httpx2.Client(base_url=first.url, headers=first.http.headers, timeout=PATIENCE, trust_env=False)
    with other, other.stream("GET", "/v1/events") as listening:
        lines = listening.iter_lines()
        next(lines)
        first.process.send_signal(signal.SIGTERM)
        for _ in lines:  # ends by itself
            pass
    assert first.stop() == 0, first.tail()
    assert not (tmp_path / "data" / "server.json").exists()

    second = start_server(tmp_path / "data")
    try:
        assert second.token == first.token
        done = second.wait(job)
        assert done["attempt"] == 2
        log = second.http.get(f"/v1/jobs/{job}/artefacts/log.txt")
        assert log.status_code == 200
        result = second.http.get(f"/v1/jobs/{job}/artefacts/result.glb").content
        sketch = (SKETCHES / "mushroom.glb").read_bytes()
        assert glb_extras(result)["digest"] == digest_of(sketch, prompt)  # as if it had never been stopped
    finally:
        assert second.stop() == 0, second.tail()


def test_after_a_kill_nothing_is_in_the_way(tmp_path: Path) -> None:
    first = start_server(tmp_path / "data")
    waiting = first.submit("steps=6 pause=0.1 attempts=1")["id"]
    first.wait(waiting, "running", "done")
    pids = [worker["pid"] for worker in first.http.get("/v1/workers").json()["workers"]]
    first.kill()
    wait_for(lambda: not any(_alive(pid) for pid in pids), "end of the killed server's workers")
    second = start_server(tmp_path / "data")
    try:
        assert second.wait(waiting)["error"] is None
    finally:
        assert second.stop() == 0, second.tail()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_a_person_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "server", "--data", str(tmp_path), "--port", "0", "--pipeline", PIPELINE]
    process = subprocess.Popen([*command, "--warm-prior", ""], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.readline() + process.stdout.readline()
    token = (tmp_path / "token").read_text(encoding="ascii").strip()
    assert "http://127.0.0.1:" in said and f"#token={token}" in said
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait(PATIENCE) == 0
    assert "realify pair" in rest and token in rest

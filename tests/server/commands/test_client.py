"""The client and its commands against a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from sdf_fit.sketch.error import SketchError
from server.client.client import Address, Client, ClientError, find_server
from server.commands import client as client_commands
from server.models import Job
from tests.server.fake_pipeline import glb_extras
from tests.server.painted import obj, painted_glb, put
from tests.server.running import CTRL_C, PATIENCE, ROOT, SKETCHES, Server, start_server, wait_for

MUSHROOM = SKETCHES / "mushroom.glb"
LONG = "steps=4000 pause=0.05"


@pytest.fixture(autouse=True)
def no_server_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REALIFY_SERVER", "REALIFY_TOKEN", "REALIFY_DATA"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client(server: Server) -> Client:
    return Client(find_server(data=server.data))


def command(function: Callable[..., None], server: Server, *words: object) -> Result:
    """A command as typed, with the server's data folder."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(function)
    return CliRunner().invoke(app, [*map(str, words), "--data", str(server.data)])


def started(word: str, server: Server, *words: str) -> subprocess.Popen[str]:
    """The same as a process."""
    code = f"{CTRL_C}; import typer; from server.commands.client import {word}; typer.run({word})"
    line = [sys.executable, "-c", code, *words, "--data", str(server.data)]
    return subprocess.Popen(line, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_from_a_sketch_to_a_file(server: Server, client: Client, tmp_path: Path) -> None:
    assert client.check_version().name == "realify"
    upload = client.upload(MUSHROOM)
    assert upload.name == "mushroom.glb" and upload.faces > 0
    assert client.upload(MUSHROOM) == upload
    job, same = (
        client.submit(upload.sha256, "a mushroom steps=12 pause=0", seed=3, settings={"stage1.steps": 5}, key="once")
        for _ in range(2)
    )
    assert (job.id, job.seed, job.settings) == (same.id, 3, {"stage1.steps": 5})
    events = [event for event in client.events(job.id, until_end=True) if event is not None]
    assert [event.state for event in events if event.kind == "state"] == ["queued", "running", "done"]
    assert [event.id for event in events] == sorted({event.id for event in events})
    again = [event for event in client.events(job.id, after=events[1].id, until_end=True) if event is not None]
    assert again == events[2:]

    out = client.download(job.id, "result.glb", tmp_path / "deep" / "out.glb")
    assert glb_extras(out.read_bytes())["prompt"] == job.prompt
    assert [path.name for path in out.parent.iterdir()] == ["out.glb"]
    client.remove(job.id)
    with pytest.raises(ClientError) as caught:
        client.job(job.id)
    assert (caught.value.code, caught.value.status) == ("unknown_job", 404)


def test_sketches_with_files_beside_go_as_one_zip(client: Client, tmp_path: Path) -> None:
    put(tmp_path / "cup.obj", b"mtllib cup.mtl\nusemtl red\n" + obj())
    put(tmp_path / "cup.mtl", b"newmtl red\nKd 0.9 0.1 0.1\nmap_Kd missing.png\n")
    put(tmp_path / "plain" / "cup.obj", obj())
    packed = client.upload(tmp_path / "cup.obj")
    assert packed.name == "cup.zip" and packed.faces == 4
    assert client.upload(tmp_path / "cup.obj").sha256 == packed.sha256
    assert client.upload(tmp_path / "plain" / "cup.obj").name == "cup.obj"


def test_a_gltf_with_its_buffer(client: Client, tmp_path: Path) -> None:
    data = painted_glb("apple")
    length = int.from_bytes(data[12:16], "little")
    tree = json.loads(data[20 : 20 + length])
    tree["buffers"][0]["uri"] = "an%20apple.bin"
    put(tmp_path / "apple.gltf", json.dumps(tree).encode())
    with pytest.raises(SketchError, match=r"an apple\.bin"):
        client.upload(tmp_path / "apple.gltf")
    put(tmp_path / "an apple.bin", data[28 + length :])
    assert client.upload(tmp_path / "apple.gltf").faces > 100


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [("a.glb", b"glTF", "broken"), ("a.fbx", b"Kaydara", "extension"), ("a.gltf", b"{", "broken"),
     ("a.gltf", b'{"buffers": [{"uri": "../../etc/passwd"}]}', "outside")],
)  # fmt: skip
def test_what_is_no_sketch(client: Client, tmp_path: Path, name: str, data: bytes, code: str) -> None:
    put(tmp_path / name, data)
    with pytest.raises((ClientError, SketchError)) as caught:
        client.upload(tmp_path / name)
    error: Any = caught.value
    assert error.message and error.fix
    assert error.code == code or name == "a.glb"


def test_which_server_and_which_token(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_server(data=server.data) == Address(server.url, server.token)
    assert find_server(f"{server.url}/", data=server.data) == Address(server.url, server.token)
    assert find_server("http://elsewhere:8760/#token=abc", data=server.data) == Address("http://elsewhere:8760", "abc")
    with pytest.raises(ClientError) as caught:  # this machine's token is for no other one
        find_server("elsewhere:8760", data=server.data)
    assert caught.value.code == "no_token"
    put(tmp_path / "token", b"from-a-file\n")
    assert find_server("elsewhere:1", tmp_path / "token").token == "from-a-file"
    monkeypatch.setenv("REALIFY_TOKEN", "of-the-environment")
    monkeypatch.setenv("REALIFY_SERVER", "https://far.example:1")
    assert find_server(data=server.data) == Address("https://far.example:1", "of-the-environment")
    assert find_server(server.url, tmp_path / "token", server.data).token == "from-a-file"


def test_no_server_a_wrong_token_and_a_stranger(server: Server, tmp_path: Path) -> None:
    for address, code in (
        (Address("http://127.0.0.1:9", "x"), "unreachable"),
        (Address(server.url, "wrong"), "bad_token"),
        (Address(f"{server.url}/page", server.token), "http_404"),
    ):
        with Client(address) as client, pytest.raises(ClientError) as caught:
            client.jobs()
        assert caught.value.message and caught.value.fix
        assert caught.value.code == code or code == "http_404"
    with pytest.raises(ClientError) as none:
        find_server(data=tmp_path)
    assert none.value.code == "no_server" and "realify serve" in none.value.fix


def test_events_go_on_over_a_restart_of_the_server(tmp_path: Path) -> None:
    first = start_server(tmp_path / "data")
    port = first.url.rpartition(":")[2]
    job = first.submit("steps=60 pause=0.05")
    client = Client(Address(first.url, first.token), patience=PATIENCE)
    seen, second = [], None
    for event in client.events(job["id"], until_end=True):
        assert event is not None
        seen.append(event)
        if second is None and event.kind == "progress" and event.stage == "fit":
            first.kill()
            second = start_server(tmp_path / "data", "--port", port)
    assert second is not None
    assert seen[-1].state == "done"
    assert [event.id for event in seen] == [event.id for event in client.events(job["id"], until_end=True) if event]
    assert second.stop() == 0


def test_a_server_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    server = start_server(tmp_path / "data", "--tls")
    address = find_server(data=server.data)
    assert address.url.startswith("https://") and address.certificate is not None
    with Client(address) as client:
        assert client.check_version().name == "realify" and client.jobs().jobs == []
    with Client(Address(address.url, address.token)) as stranger, pytest.raises(ClientError) as caught:
        stranger.jobs()
    assert caught.value.code == "unreachable" and "--certificate" in caught.value.fix
    assert server.stop() == 0


def test_submit_waits_and_saves(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "out.glb"
    told = command(client_commands.submit, server, MUSHROOM, "-p", "steps=8 pause=0 warn=careful", "-o", out, "--json",
                   "--seed", 4, "--set", "stage1.steps=7", "--preset", "draft", "--name", "Pilz")  # fmt: skip
    assert told.exit_code == 0, told.output
    job = Job.model_validate_json(told.stdout.splitlines()[-1])
    assert (job.name, job.seed, job.preset, job.state) == ("Pilz", 4, "draft", "done")
    assert job.settings == {"stage1.steps": 7}
    assert "warning: careful" in told.stderr and f"wrote {out}" in told.stderr
    assert glb_extras(out.read_bytes())["prompt"] == job.prompt


def test_submit_jobs_watch_get_cancel_retry(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = command(client_commands.submit, server, MUSHROOM, "-p", "steps=8 pause=0 fail-at=2 attempts=1")
    assert told.exit_code == 0, told.output
    job_id = told.stdout.strip()
    told = command(client_commands.watch, server, job_id)
    assert told.exit_code == 1 and "The prompt asked for a failure." in told.stderr
    listed = command(client_commands.jobs, server, "--state", "failed")
    assert job_id in listed.stdout and "asked for a failure" in listed.stdout and "1 failed" in listed.stderr
    assert json.loads(command(client_commands.jobs, server, "--json").stdout)["jobs"][0]["id"] == job_id
    assert command(client_commands.get, server, job_id).exit_code == 2
    assert command(client_commands.retry, server, "last").stdout == f"{job_id} queued\n"
    told = command(client_commands.watch, server, "last", "--json")
    assert told.exit_code == 0 and json.loads(told.stdout.splitlines()[-1])["state"] == "done"
    monkeypatch.chdir(tmp_path)
    assert command(client_commands.get, server, job_id).exit_code == 0
    assert command(client_commands.get, server, job_id, "--artefact", "log.txt", "-o", "it.txt").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it.txt", "mushroom.glb"]
    told = command(client_commands.cancel, server, job_id)
    assert told.exit_code == 2 and "done" in told.stderr


@pytest.mark.parametrize("words", [
    ("missing.glb", "-p", "x"), (MUSHROOM, "-p", "x", "--set", "stage1.step=3"), (MUSHROOM, "-p", "x", "--set", "sds"),
    (MUSHROOM, "-p", "x", "--preset", "best"), (MUSHROOM, "-p", " "),
])  # fmt: skip
def test_mistakes_are_told_in_two_lines(server: Server, words: tuple[object, ...]) -> None:
    told = command(client_commands.submit, server, *words)
    assert told.exit_code == 2, told.output
    assert told.stderr.startswith("error: ") and len(told.stderr.splitlines()) == 2


def test_mistakes_in_ids_and_states(server: Server) -> None:
    assert "no job's id" in command(client_commands.watch, server, "../queue").stderr
    assert "There is no job" in command(client_commands.cancel, server, "0" * 26).stderr
    assert "no state 'ready'" in command(client_commands.jobs, server, "--state", "ready").stderr


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C by a signal")
def test_ctrl_c_leaves_the_job_running(server: Server) -> None:
    job = server.submit(LONG)
    server.wait(job["id"], "running")
    watching = started("watch", server, job["id"], "--json")
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["state"] == "queued"
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 130 and "goes on" in said and f"realify cancel {job['id']}" in said
    assert server.job(job["id"])["state"] == "running"
    assert command(client_commands.cancel, server, job["id"]).exit_code == 0
    server.wait(job["id"], "cancelled")


def test_the_commands_start_without_anything_heavy() -> None:
    code = (
        "import sys; from server.commands import client, batch;"
        "print(sorted({'torch', 'numpy', 'httpx2', 'pydantic', 'fastapi'} & sys.modules.keys()))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_a_watching_client_sees_a_job_deleted(server: Server, client: Client) -> None:
    job = server.submit(LONG)
    server.wait(job["id"], "running")
    server.http.post(f"/v1/jobs/{job['id']}/cancel")
    server.wait(job["id"], "cancelled")
    watching = started("watch", server, job["id"])
    assert watching.wait(PATIENCE) == 1
    watching.communicate()
    client.remove(job["id"])
    wait_for(lambda: not any(each.id == job["id"] for each in client.jobs().jobs), "job gone from the list")

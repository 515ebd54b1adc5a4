"""Starting a server from Blender, pairing with one, and lines over TLS."""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

from tests.blender_addon.inside import sketches
from tests.blender_addon.inside.conftest import FAST, ROOT, Server

BIN = Path(os.environ.get("REALIFY_SERVER_PYTHON", ROOT / ".venv" / "bin" / "python")).parent


def code_of(server: Server) -> str:
    """What `realify pair` shows."""
    headers = {"Authorization": f"Bearer {server.token}"}
    request = urllib.request.Request(f"{server.url}/v1/pair/code", b"", headers, method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["code"]


@pytest.fixture
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What a server that is started here uses: a folder of the test's own, and the fast pipeline."""
    monkeypatch.setenv("REALIFY_DATA", str(tmp_path / "own"))
    monkeypatch.setenv("REALIFY_PIPELINE", FAST[1])
    monkeypatch.setenv("REALIFY_WARM_PRIOR", "")
    monkeypatch.setenv("REALIFY_RESERVE", "0")
    monkeypatch.chdir(ROOT)
    yield tmp_path / "own"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_a_server_is_started_used_and_stopped(own_data: Path, runtime: ModuleType) -> None:
    chosen = runtime.preferences()
    chosen.url, chosen.token, chosen.program = f"http://127.0.0.1:{free_port()}", "of another server", str(BIN)
    assert bpy.ops.realify.start_server() == {"FINISHED"}
    try:
        assert bpy.ops.realify.check_server() == {"FINISHED"}
        assert runtime.state.status.state == "ready" and chosen.token == ""
        sketch = sketches.wedge()
        sketch.realify.prompt = "a wedge echo=1 steps=8"
        assert bpy.ops.realify.run() == {"FINISHED"} and sketch.realify.result is not None
        running = runtime.local_server
        assert bpy.ops.realify.start_server() == {"FINISHED"} and runtime.local_server is running  # it runs already
    finally:
        assert bpy.ops.realify.stop_server() == {"FINISHED"}
    assert running.process.poll() is not None and runtime.local_server is None
    with pytest.raises(RuntimeError, match=r"127\.0\.0\.1"):
        bpy.ops.realify.check_server()


def test_a_program_that_is_nowhere_is_told(own_data: Path, runtime: ModuleType, tmp_path: Path) -> None:
    runtime.preferences().program = str(tmp_path / "nothing")
    runtime.wanted = True  # as where the panel is open
    runtime.tick()
    with pytest.raises(RuntimeError, match="nothing"):
        bpy.ops.realify.start_server()
    assert runtime.state.status.state == "no_program" and runtime.state.status.fix
    for _ in range(5):
        runtime.tick()
    assert runtime.state.status.state == "no_program"  # until somebody connects
    runtime.connect()
    assert runtime.state.status.state == "connecting"


def test_six_digits_bring_the_token(server: Server, runtime: ModuleType) -> None:
    chosen = runtime.preferences()
    chosen.url = server.url
    with pytest.raises(RuntimeError, match="token"):
        bpy.ops.realify.check_server()
    with pytest.raises(RuntimeError, match="six digits"):
        bpy.ops.realify.pair(code="12")
    assert bpy.ops.realify.pair(url=server.url, code=code_of(server)) == {"FINISHED"}
    assert chosen.token == server.token
    assert bpy.ops.realify.check_server() == {"FINISHED"}


def test_a_pasted_link_brings_address_and_token(server: Server, runtime: ModuleType) -> None:
    chosen = runtime.preferences()
    chosen.url = f"{server.url}/#token={server.token}"
    assert bpy.ops.realify.check_server() == {"FINISHED"}


def test_a_certificate_is_accepted_by_its_fingerprint_alone(new_server: Any, runtime: ModuleType) -> None:
    server = new_server(*FAST, "--tls")
    chosen = runtime.preferences()
    chosen.url, chosen.token = server.url, server.token
    with pytest.raises(RuntimeError, match="certificate"):
        bpy.ops.realify.check_server()
    assert runtime.state.status.state == "unknown_certificate"
    from bl_ext.user_default.realify.net.certificate import fingerprint_of

    chosen.fingerprint = fingerprint_of(server.url, 30)
    assert bpy.ops.realify.check_server() == {"FINISHED"}
    sketch = sketches.wedge()
    sketch.realify.prompt = "a wedge echo=1 steps=8"
    assert bpy.ops.realify.run() == {"FINISHED"}

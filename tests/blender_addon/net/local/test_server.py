"""A server that is started from Blender: the real program, and programs that are none."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blender_addon.net.client import Address, Client
from blender_addon.net.local.data import running, token_for
from blender_addon.net.local.program import find_program
from blender_addon.net.local.server import KEPT_LOGS, LocalServer, start
from blender_addon.trouble import Trouble
from tests.blender_addon.net.clock import LeapingClock
from tests.server.running import PATIENCE, PIPELINE, ROOT, wait_for

NEVER = threading.Event()
REALIFY = find_program(str(Path(sys.executable).parent))

# A Blender that starts a server and ends.
SHORT_BLENDER = """
import sys, threading
from pathlib import Path
from blender_addon.net.local.server import start
program, log, *options = sys.argv[1:]
print(start(Path(program), Path(log), 60, threading.Event(), port=0, options=options).address.url)
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="the programs that are none are shell scripts")


def options_for(data: Path) -> list[str]:
    return ["--data", str(data), "--reserve", "0", "--pipeline", PIPELINE, "--warm-prior", ""]


def begin(folder: Path, port: int = 0, timeout: float = PATIENCE, *more: str) -> LocalServer:
    """A server on folder/data that logs into folder/logs."""
    return start(REALIFY, folder / "logs", timeout, NEVER, port, [*options_for(folder / "data"), *more])


def trouble(program: Path, folder: Path, timeout: float = PATIENCE, port: int = 0, *options: str) -> Trouble:
    with pytest.raises(Trouble) as told:
        start(program, folder / "logs", timeout, NEVER, port, options or options_for(folder / "data"))
    return told.value


@pytest.fixture
def started(tmp_path: Path) -> Iterator[LocalServer]:
    server = begin(tmp_path)
    yield server
    server.stop()


def answers(address: Address) -> bool:
    try:
        return bool(Client(address, 5).version())
    except Trouble as trouble:
        assert trouble.code == "unreachable"
        return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def once_it_runs(pid: Path, then: Callable[[], object]) -> None:
    """In a thread: waits until a program has written its number down."""

    def work() -> None:
        wait_for(lambda: pid.is_file() and pid.read_text().endswith("\n"), "a program that runs")
        then()

    threading.Thread(target=work, daemon=True).start()


def script(folder: Path, text: str) -> Path:
    """A program that is not Realify's."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_start_use_stop(started: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(started.address)
    assert client.version() and client.queue()["paused"] is False
    assert started.address == running(tmp_path / "data")
    monkeypatch.setenv("REALIFY_DATA", str(tmp_path / "data"))
    assert token_for(started.address.url) == started.address.token
    assert started.log is not None and started.log.parent == tmp_path / "logs"
    assert started.address.token not in started.log.read_text(encoding="utf-8"), "a log may be sent to somebody"

    again = begin(tmp_path)
    assert again == LocalServer(started.address), "one runs, so none is started"
    again.stop()
    assert answers(started.address), "it is not this one's to stop"

    started.stop()
    assert started.process is not None and started.process.returncode == 0, started.log.read_text(encoding="utf-8")
    assert not answers(started.address) and running(tmp_path / "data") is None


def test_two_at_once_are_one(tmp_path: Path) -> None:
    found: list[LocalServer] = []
    threads = [threading.Thread(target=lambda: found.append(begin(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    try:
        assert len(found) == 2 and found[0].address == found[1].address
        assert sorted(each.process is None for each in found) == [False, True]
        assert answers(found[0].address)
    finally:
        for each in found:
            each.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="ended by a signal")
def test_it_outlives_blender(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SHORT_BLENDER, str(REALIFY), str(tmp_path / "logs")]
    # In a session of its own, whose end is what the closing of a terminal is.
    blender = subprocess.run(
        [*command, *options_for(tmp_path / "data")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        start_new_session=True,
        check=True,
    )
    address = running(tmp_path / "data")
    assert address is not None
    pid = json.loads((tmp_path / "data" / "server.json").read_text(encoding="utf-8"))["pid"]
    try:
        assert address.url == blender.stdout.strip()
        assert answers(address), blender.stderr
        assert begin(tmp_path) == LocalServer(address), "the next Blender finds it"
        assert os.getsid(pid) == pid
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not answers(address), "end of the server")


def test_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    server = begin(tmp_path, 0, PATIENCE, "--tls")
    try:
        assert server.address.url.startswith("https://127.0.0.1:") and server.address.fingerprint
        assert Client(server.address).queue()
    finally:
        server.stop()


def test_after_a_kill(tmp_path: Path) -> None:
    """What the dead one wrote is still there."""
    first = begin(tmp_path)
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    assert running(tmp_path / "data") == first.address
    second = begin(tmp_path)
    try:
        assert second.process is not None and second.address.token == first.address.token
        assert answers(second.address)
    finally:
        second.stop()


def test_blenders_own_python_is_not_the_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules for Blender's Python, in its PYTHONPATH, would break it."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "typer.py").write_text("raise RuntimeError('this is of another Python')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    server = begin(tmp_path)
    try:
        assert answers(server.address)
    finally:
        server.stop()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = trouble(REALIFY, tmp_path, PATIENCE, port)
    assert told.code == "port_in_use" and str(port) in told.message and "another port" in told.fix
    assert running(tmp_path / "data") is None
    server = begin(tmp_path, port)
    try:
        assert server.address.url == f"http://127.0.0.1:{port}", "free now"
    finally:
        server.stop()


def test_options_that_it_does_not_take(tmp_path: Path) -> None:
    told = trouble(REALIFY, tmp_path, PATIENCE, 0, "--data", str(tmp_path / "data"), "--host", "no.such.host.invalid")
    assert told.code == "start_failed" and "no.such.host.invalid" in told.message and "logs" in told.fix


@posix
def test_a_program_that_ends_at_once(tmp_path: Path) -> None:
    told = trouble(script(tmp_path, "echo one; echo 'the reason: no memory' >&2; exit 3"), tmp_path)
    assert told.code == "start_failed"
    assert "exit code 3" in told.message and "the reason: no memory" in told.message
    told = trouble(script(tmp_path, "exit 0"), tmp_path)
    assert told.code == "start_failed" and "said nothing" in told.message


@posix
def test_a_program_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LeapingClock()
    monkeypatch.setattr("blender_addon.net.local.server.time", clock)
    program = script(tmp_path, f"echo 'loading'; echo $$ > '{tmp_path}/pid'; exec sleep 600")
    once_it_runs(tmp_path / "pid", clock.leap)
    told = trouble(program, tmp_path, 60)
    assert told.code == "start_failed" and "60 s" in told.message and "loading" in told.message
    assert not is_alive(int((tmp_path / "pid").read_text()))


@posix
@pytest.mark.parametrize(
    "line", ['{"token_file": 1}', '["token_file"]', '{"token_file": "', '{"token_file": "x", "data": 1}']
)
def test_a_program_that_says_nonsense(line: str, tmp_path: Path) -> None:
    assert trouble(script(tmp_path, f"echo '{line}'; sleep 0.3; exit 1"), tmp_path).code == "start_failed"


@posix
def test_a_program_that_says_where_and_is_not_there(tmp_path: Path) -> None:
    line = json.dumps({"url": "http://127.0.0.1:1", "data": str(tmp_path / "none"), "token_file": "x"})
    told = trouble(script(tmp_path, f"echo '{line}'; exec sleep 600"), tmp_path)
    assert told.code == "start_failed"


def test_a_program_that_is_none(tmp_path: Path) -> None:
    text = tmp_path / "program"
    text.write_text("plain text")
    for path in (text, tmp_path / "none"):
        told = trouble(path, tmp_path)
        assert told.code == "no_program" and str(path) in told.message


@posix
def test_stop_while_it_starts(tmp_path: Path) -> None:
    program, stop = script(tmp_path, f"echo $$ > '{tmp_path}/pid'; exec sleep 600"), threading.Event()
    once_it_runs(tmp_path / "pid", stop.set)
    with pytest.raises(Trouble) as told:
        start(program, tmp_path / "logs", PATIENCE, stop, 0, options_for(tmp_path / "data"))
    assert told.value.code == "stopped"
    assert not is_alive(int((tmp_path / "pid").read_text()))


@posix
def test_old_logs_go(tmp_path: Path) -> None:
    program = script(tmp_path, "echo here; exit 1")
    for _ in range(KEPT_LOGS + 2):
        trouble(program, tmp_path)
    assert len(list((tmp_path / "logs").iterdir())) == KEPT_LOGS

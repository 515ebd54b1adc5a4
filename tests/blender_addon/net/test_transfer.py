"""Files on their way: stopped, broken off, on a full disk; what is there before stays, and nothing is left behind."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from blender_addon.net import stoppable_socket
from blender_addon.net.client import Address, Client
from blender_addon.trouble import Trouble
from tests.blender_addon.net.clock import LeapingClock
from tests.blender_addon.net.raw_server import Answer, raw_server, said, text, then_reset, then_silence, whole
from tests.server.running import PATIENCE, ROOT

UNKNOWN = said("404 Not Found", code="unknown_sketch", message="No such sketch.", fix="PUT it.")
TAKEN = said("201 Created", sha256="0" * 64)
FILE = "/v1/jobs/x/artefacts/result.glb"
CONTENT = os.urandom(300_000)

# A child whose files may be no longer than 100 kB, as on a disk that fills up while it writes.
FULL_DISK = """
import resource, sys
from pathlib import Path
from blender_addon.net.client import Address, Client
from blender_addon.trouble import Trouble
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    Client(Address(sys.argv[1])).download(sys.argv[2], Path(sys.argv[3]))
except Trouble as trouble:
    print(trouble.code, trouble.message, trouble.fix, sep="|")
"""


def client(url: str) -> Client:
    return Client(Address(url, "t" * 32))


def stopped(call: str, path: Path, said_before: bytes, *before: Answer) -> None:
    """A call that is told to stop once the server has its request, has said this, and says no more."""
    stop = threading.Event()

    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(said_before)
        stop.set()

    with raw_server(*before, answer) as raw, pytest.raises(Trouble) as told:
        if call == "upload":
            client(raw.url).upload(path, "sketch.glb", stop=stop)
        else:
            client(raw.url).download(FILE, path, stop=stop)
    assert told.value.code == "stopped"


def large_file(folder: Path, size: int = 64 * 2**20) -> Path:
    path = folder / "sketch.glb"
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def test_a_file_arrives_as_it_is(tmp_path: Path) -> None:
    path, file, seen = tmp_path / "sketch.glb", tmp_path / "result.glb", []
    path.write_bytes(CONTENT)
    got: list[bytes] = []

    def take(connection, head: bytes) -> None:
        while sum(map(len, got)) < len(CONTENT):
            got.append(connection.recv(65536))
        TAKEN(connection, head)

    with raw_server(UNKNOWN, take, text("200 OK", CONTENT)) as raw:
        assert client(raw.url).upload(path, "a b.glb")["sha256"] == "0" * 64
        sha256 = hashlib.sha256(CONTENT).hexdigest()
        assert raw.heads[1].startswith(f"PUT /v1/uploads/{sha256}?name=a%20b.glb HTTP/1.1\r\n".encode())
        client(raw.url).download(FILE, file, lambda *now: seen.append(now))
    assert b"".join(got) == CONTENT and file.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT)) and seen[-1] == (len(CONTENT), len(CONTENT)) and len(seen) > 3


def test_stop_while_the_server_does_not_read(tmp_path: Path) -> None:
    stopped("upload", large_file(tmp_path), b"", UNKNOWN)


def test_stop_while_the_server_looks_at_the_sketch(tmp_path: Path) -> None:
    path = tmp_path / "sketch.glb"
    path.write_bytes(CONTENT)
    stopped("upload", path, b"", UNKNOWN)


def test_stop_before_anything_was_sent(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with raw_server(TAKEN) as raw, pytest.raises(Trouble) as told:
        client(raw.url).upload(large_file(tmp_path), "sketch.glb", stop=stop)
    assert told.value.code == "stopped" and raw.connections == 0


def test_stop_in_a_download(tmp_path: Path) -> None:
    file = tmp_path / "result.glb"
    file.write_bytes(b"before")
    stopped("download", file, b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + CONTENT[:1000])
    assert [each.name for each in tmp_path.iterdir()] == ["result.glb"] and file.read_bytes() == b"before"


def test_a_server_that_looks_for_longer_than_the_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large sketch is parsed before it is answered."""
    path, clock = tmp_path / "sketch.glb", LeapingClock()
    monkeypatch.setattr(stoppable_socket, "time", clock)
    path.write_bytes(CONTENT[:1000])

    def late(connection, head: bytes) -> None:
        clock.leap()
        assert clock.leapt.wait(PATIENCE)
        TAKEN(connection, head)

    with raw_server(UNKNOWN, late) as raw:
        assert client(raw.url).upload(path, "sketch.glb")["sha256"] == "0" * 64


def test_an_upload_that_breaks_off(tmp_path: Path) -> None:
    with raw_server(UNKNOWN, then_reset(b"", after=100_000)) as raw, pytest.raises(Trouble) as told:
        client(raw.url).upload(large_file(tmp_path), "sketch.glb")
    assert told.value.code == "unreachable"


def test_a_sketch_that_is_gone_or_changes(tmp_path: Path) -> None:
    with raw_server(UNKNOWN, then_silence(b"")) as raw:
        with pytest.raises(Trouble) as told:
            client(raw.url).upload(tmp_path / "none.glb", "none.glb")
        assert told.value.code == "cannot_read" and "none.glb" in told.value.message
    path = tmp_path / "sketch.glb"
    for change in (b"", b"x" * 400_000):
        path.write_bytes(CONTENT)
        with raw_server(UNKNOWN, then_silence(b"")) as raw, pytest.raises(Trouble) as told:
            client(raw.url).upload(path, "sketch.glb", lambda done, total, new=change: path.write_bytes(new))
        assert told.value.code == "cannot_read" and "changed" in told.value.message


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (whole(b"HTTP/1.1 200 OK\r\nContent-Length: 300001\r\n\r\n" + CONTENT), "unreachable"),
        (then_reset(b"HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n" + CONTENT), "unreachable"),
        (whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"), "unreachable"),
        (whole(b"HTTP/1.1 200 OK\r\n\r\n" + CONTENT), "not_realify"),
        (said("404 Not Found", code="not_ready", message="The job is running.", fix="Wait."), "not_ready"),
        (text("503 Busy", "<html>", "text/html"), "not_realify"),
    ],
)
def test_downloads_that_break(answer: Answer, code: str, tmp_path: Path) -> None:
    file = tmp_path / "result.glb"
    file.write_bytes(b"before")
    with raw_server(answer) as raw, pytest.raises(Trouble) as told:
        client(raw.url).download(FILE, file)
    assert told.value.code == code
    assert [each.name for each in tmp_path.iterdir()] == ["result.glb"] and file.read_bytes() == b"before"


@pytest.mark.parametrize("body", [b"", b"x", CONTENT], ids=len)
def test_whole_ones_in_chunks_or_not(body: bytes, tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [body[at : at + 70_000] for at in range(0, len(body), 70_000)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    for answer in (whole(head + chunks + b"0\r\n\r\n"), text("200 OK", body)):
        with raw_server(answer) as raw:
            client(raw.url).download(FILE, tmp_path / "result.glb")
        assert (tmp_path / "result.glb").read_bytes() == body


def test_only_from_the_server_itself(tmp_path: Path) -> None:
    with raw_server(text("200 OK", CONTENT)) as raw:
        other = raw.url.replace("127.0.0.1", "localhost")
        for elsewhere in (f"{other}{FILE}", "//evil.example/v1/x", "/etc/passwd", "", f"{raw.url}@evil.example/v1/x"):
            with pytest.raises(Trouble) as told:
                client(raw.url).download(elsewhere, tmp_path / "x")
            assert told.value.code == "bad_address"
        assert raw.connections == 0
        client(raw.url).download(raw.url + FILE, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_more_than_the_disk_has(tmp_path: Path) -> None:
    """Told before the first byte is written."""
    answer = then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n")
    with raw_server(answer) as raw, pytest.raises(Trouble) as told:
        client(raw.url).download(FILE, tmp_path / "result.glb")
    assert told.value.code == "disk_full" and "Make room" in told.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit to try it with")
def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    file = tmp_path / "result.glb"
    file.write_bytes(b"before")
    with raw_server(text("200 OK", CONTENT)) as raw:
        command = [sys.executable, "-c", FULL_DISK, raw.url, FILE, str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    code, message, fix = done.stdout.strip().split("|")
    assert code == "disk_full" and "result.glb" in message and "the server keeps it" in fix
    assert [each.name for each in tmp_path.iterdir()] == ["result.glb"] and file.read_bytes() == b"before"


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with raw_server(text("200 OK", CONTENT)) as raw, pytest.raises(Trouble) as told:
        client(raw.url).download(FILE, tmp_path / "file" / "result.glb")
    assert told.value.code == "cannot_write" and "result.glb" in told.value.message

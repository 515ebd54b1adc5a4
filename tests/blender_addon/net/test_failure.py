"""Servers that are none, are of another version, or break in the middle: a Trouble that says so, and never a hang."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from blender_addon.net import stoppable_socket
from blender_addon.net.client import Address, Client
from blender_addon.trouble import Trouble
from tests.blender_addon.net.clock import LeapingClock
from tests.blender_addon.net.raw_server import Answer, raw_server, said, text, then_reset, whole

JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ABOUT = {"name": "realify", "version": "0.1.0", "api": 1}


def client(url: str, timeout: float = 5.0) -> Client:
    return Client(Address(url, "t" * 32), timeout)


def trouble(call: Callable[[], object]) -> Trouble:
    with pytest.raises(Trouble) as told:
        call()
    assert told.value.message and told.value.fix
    assert "t" * 32 not in str(told.value), "the token is in no message"
    return told.value


def test_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    told = trouble(client(f"http://127.0.0.1:{port}").version)
    assert told.code == "unreachable"
    assert f"127.0.0.1:{port}" in told.message and "realify serve" in told.fix
    assert trouble(client(f"https://127.0.0.1:{port}").version).code == "unreachable"


def test_no_such_computer() -> None:
    told = trouble(client("http://no.such.host.invalid:8760").version)
    assert told.code == "unreachable" and "no.such.host.invalid" in told.message


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-", JSON_HEAD + b'Content-Length: 50\r\n\r\n{"na'])
def test_a_server_that_says_nothing_more(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LeapingClock()
    monkeypatch.setattr(stoppable_socket, "time", clock)

    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(sent)
        clock.leap()

    with raw_server(answer) as raw:
        assert trouble(client(raw.url).version).code == "unreachable"


@pytest.mark.parametrize(
    ("api", "fix"), [(2, "Install the extension"), (0, "pip install --upgrade"), (10**6, "Install the extension")]
)
def test_a_server_of_another_version(api: int, fix: str) -> None:
    with raw_server(said("200 OK", name="realify", version="7.8.9", api=api)) as raw:
        told = trouble(client(raw.url).version)
    assert told.code == "other_version" and fix in told.fix
    assert "7.8.9" in told.message and str(api) in told.message


HTML = "<!DOCTYPE html><html><body>Router login</body></html>"
NOT_REALIFY = {
    "a web page": text("200 OK", HTML, "text/html"),
    "a web page that is not found": text("404 Not Found", HTML, "text/html"),
    "a proxy's error": text("502 Bad Gateway", HTML, "text/html"),
    "another password": text("401 Unauthorized", "", "text/plain", 'WWW-Authenticate: Basic realm="x"'),
    "JSON of another": text("404 Not Found", '{"detail": "Not Found"}'),
    "no object": text("200 OK", "[1, 2]"),
    "no JSON": text("200 OK", "{nonsense"),
    "deep JSON": text("200 OK", "[" * 200_000),
    "half a header": whole(b"HTTP/1.1 200 OK\r\nContent-Len"),
    "no text": text("200 OK", b"\xff\xfe\x00\x80"),
    "another name": said("200 OK", **{**ABOUT, "name": "comfy"}),
    "no version": said("200 OK", name="realify"),
    "an odd version": said("200 OK", **{**ABOUT, "api": "1"}),
    "a true version": said("200 OK", **{**ABOUT, "api": True}),
    "no HTTP": whole(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a TLS alert": whole(b"\x15\x03\x01\x00\x02\x02\x46"),
    "an endless header": whole(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
    "many headers": whole(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n"),
    "an odd status": whole(b"HTTP/1.1 abc OK\r\n\r\n"),
    "nothing": text("204 No Content", ""),
}


@pytest.mark.parametrize("answer", NOT_REALIFY.values(), ids=NOT_REALIFY)
def test_somebody_else_answers(answer: Answer) -> None:
    with raw_server(answer) as raw:
        told = trouble(client(raw.url).version)
    assert told.code == "not_realify"
    assert raw.url in told.message and "address" in told.fix


BROKEN = {
    "closed at once": whole(b""),
    "reset at once": then_reset(b""),
    "less than announced": whole(JSON_HEAD + b'Content-Length: 500\r\n\r\n{"name": "realify"}'),
    "reset in the body": then_reset(JSON_HEAD + b'Content-Length: 500\r\n\r\n{"name": "realify"}'),
    "half a chunk": whole(JSON_HEAD + b'Transfer-Encoding: chunked\r\n\r\n50\r\n{"name": "re'),
    "no last chunk": whole(JSON_HEAD + b'Transfer-Encoding: chunked\r\n\r\n2\r\n{"\r\n'),
    "a chunk without a size": whole(JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_half_answers(answer: Answer) -> None:
    with raw_server(answer) as raw:
        told = trouble(client(raw.url).version)
    assert told.code == "unreachable" and "broke the connection off" in told.message


def test_an_answer_that_is_too_long() -> None:
    with raw_server(whole(JSON_HEAD + b"\r\n" + b" " * (33 * 2**20))) as raw:
        told = trouble(client(raw.url).version)
    assert told.code == "not_realify" and "longer" in told.message


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(status: str, tmp_path: Path) -> None:
    """Neither the token nor a sketch goes where the user did not say."""
    with raw_server(said("200 OK", **ABOUT)) as other:
        there = text(status, "", "text/plain", f"Location: {other.url}/v1/version")
        with raw_server(there) as raw:
            told = trouble(client(raw.url).version)
            assert told.code == "not_realify" and other.url in told.message
            assert trouble(client(raw.url).queue).code == "not_realify"
            file = tmp_path / "result.glb"
            assert trouble(lambda: client(raw.url).download("/v1/jobs/x/artefacts/r", file)).code == "not_realify"
            assert not file.exists()
        assert other.connections == 0


def test_the_servers_own_words_come_through() -> None:
    body = {"code": "disk_low", "message": "Less than 2 GiB is free there.", "fix": "Make room on the server."}
    with raw_server(said("507 Insufficient Storage", **body)) as raw:
        assert trouble(client(raw.url).queue).as_dict() == body
    failed = said("500 Internal Server Error", code="internal", message="It failed.", fix=None)
    with raw_server(failed) as raw, pytest.raises(Trouble) as told:
        client(raw.url).queue()
    assert told.value.as_dict() == {"code": "internal", "message": "It failed.", "fix": ""}


def test_answers_that_lack_what_is_needed() -> None:
    with raw_server(text("200 OK", json.dumps({"else": 1}))) as raw:
        speaking = client(raw.url)
        assert trouble(lambda: speaking.pair("123456")).code == "not_realify"
        assert trouble(speaking.jobs).code == "not_realify"
        assert trouble(speaking.ready).code == "not_realify"

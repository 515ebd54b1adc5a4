"""The stream of events: its bytes in any pieces, a real server's, and connections that die."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_addon.net import stoppable_socket
from blender_addon.net.client import Address, Client
from blender_addon.net.events import MOST, Message, Parser, stream
from blender_addon.trouble import Trouble
from tests.blender_addon.net.clock import LeapingClock
from tests.blender_addon.net.raw_server import Answer, raw_server, said, text, then_reset, then_silence, whole
from tests.server.running import PATIENCE, Server, start_server

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EVENT = b'id: 7\nevent: state\ndata: {"job": "a", "warnings": ["\xc3\xa4\xf0\x9f\x8d\x84"]}\n\n'
MESSAGE = Message("7", "state", {"job": "a", "warnings": ["ä🍄"]})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("events") / "data")
    yield running
    assert running.stop() == 0, running.tail()


def parsed(*pieces: bytes) -> list[Message | None]:
    parser = Parser("http://127.0.0.1")
    return [message for piece in pieces for message in parser.feed(piece)]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
def test_any_pieces_and_line_ends(line_end: bytes, size: int) -> None:
    sent = (b"\xef\xbb\xbfretry: 2000\n\n" + EVENT + b": alive\n\n" + EVENT).replace(b"\n", line_end)
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert parsed(*pieces) == [None, MESSAGE, None, MESSAGE]


def test_the_fine_print() -> None:
    assert parsed(b'data: {"a":\ndata: 1}\n\n') == [Message("", "message", {"a": 1})]
    assert parsed(b'id: 1\ndata:{"a": 1}\n\ndata: {}\n\n') == [
        Message("1", "message", {"a": 1}),
        Message("1", "message", {}),
    ], "an id holds until the next"
    assert parsed(b"data\n\nunknown: x\n\n") == [None, None]
    assert parsed(b'event: state\n\ndata: {"a": 1}\n\n')[1] == Message("", "message", {"a": 1})
    assert parsed(b'data: {"a": 1}') == [], "half an event is none"


@pytest.mark.parametrize("data", [b"<html>", b"[1]", b"1", b'{"a":', b"[" * 100_000])
def test_an_event_that_is_no_object(data: bytes) -> None:
    with pytest.raises(Trouble) as told:
        parsed(b"data: " + data + b"\n\n")
    assert told.value.code == "not_realify"


def test_an_event_without_an_end() -> None:
    parser = Parser("http://127.0.0.1")
    with pytest.raises(Trouble) as told:
        for _ in range(MOST // 2**16 + 2):
            parser.feed(b"x" * 2**16)
    assert told.value.code == "not_realify"


def test_a_job_from_its_first_event_to_its_last(server: Server) -> None:
    client = Client(Address(server.url, server.token))
    live = stream(client, None, threading.Event())
    assert next(live) is None, "what is asked from here on leaves no gap"
    job = server.submit("steps=8 pause=0.01 ein Pilz 🍄")["id"]
    messages = [message for message in until_done(live, job) if message is not None]
    live.close()
    assert [message.data["state"] for message in messages if message.kind == "state"] == ["queued", "running", "done"]
    assert {"read", "export"} <= {message.data.get("stage") for message in messages if message.kind == "progress"}
    after = messages[1].id
    again = stream(client, after, threading.Event())
    missed = [message for message in until_done(again, job) if message is not None]
    again.close()
    assert missed == messages[2:], "a client that lost its connection misses nothing"


def until_done(live: Iterator[Message | None], job: str) -> Iterator[Message | None]:
    for message in live:
        if message is None or message.data["job"] == job:
            yield message
            if message is not None and message.data.get("state") == "done":
                return
    raise AssertionError("the stream ended before the job")


def test_stop_ends_it_at_once(server: Server) -> None:
    client, stop, began = Client(Address(server.url, server.token)), threading.Event(), threading.Event()
    over: list[float] = []

    def listen() -> None:
        for _ in stream(client, None, stop):
            began.set()
        over.append(time.monotonic())

    thread = threading.Thread(target=listen)
    thread.start()
    assert began.wait(PATIENCE)
    stopped = time.monotonic()
    stop.set()
    thread.join(PATIENCE)
    assert over and over[0] - stopped < 5


def test_the_servers_end_is_the_end_and_a_kill_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = start_server(data)
    live = stream(Client(Address(first.url, first.token)), None, threading.Event())
    next(live)
    assert first.stop() == 0, first.tail()
    assert [message for message in live if message is not None] == []
    second = start_server(data)
    live = stream(Client(Address(second.url, second.token)), None, threading.Event())
    next(live)
    second.kill()
    with pytest.raises(Trouble) as told:
        list(live)
    assert told.value.code == "unreachable"


def test_a_wrong_token_and_a_wrong_id(server: Server) -> None:
    with pytest.raises(Trouble) as told:
        next(stream(Client(Address(server.url, "x" * 40)), None, threading.Event()))
    assert told.value.code == "bad_token"
    for wrong in ("", "x", "1\r\nHost: evil", "²"):
        with pytest.raises(Trouble) as told:
            next(stream(Client(Address(server.url, server.token)), wrong, threading.Event()))
        assert told.value.code == "bad_event_id"


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


@pytest.mark.parametrize("size", [1, 4, 50])
def test_chunks_that_end_anywhere(size: int) -> None:
    sent = EVENT + b": alive\n\n" + EVENT
    chunks = b"".join(chunk(sent[at : at + size]) for at in range(0, len(sent), size))
    with raw_server(whole(CHUNKED + chunks + b"0\r\n\r\n")) as raw:
        found = list(stream(Client(Address(raw.url)), None, threading.Event()))
    assert found == [None, MESSAGE, None, MESSAGE]


def test_a_dead_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event that came is heard; the silence after it is told once it has lasted too long."""
    clock = LeapingClock()
    monkeypatch.setattr(stoppable_socket, "time", clock)
    with raw_server(then_silence(CHUNKED + chunk(EVENT))) as raw:
        live = stream(Client(Address(raw.url)), None, threading.Event())
        assert [next(live), next(live)] == [None, MESSAGE]
        clock.leap()
        with pytest.raises(Trouble) as told:
            next(live)
    assert told.value.code == "unreachable"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (then_reset(CHUNKED + chunk(EVENT)), "unreachable"),
        (whole(CHUNKED + chunk(EVENT) + b"ff\r\nda"), "unreachable"),
        (whole(CHUNKED + b"not a number\r\n"), "unreachable"),
        (text("200 OK", "<html>", "text/html"), "not_realify"),
        (text("200 OK", "{}"), "not_realify"),
        (text("404 Not Found", "<html>", "text/html"), "not_realify"),
        (said("503 Busy", code="busy", message="Too many streams.", fix="Wait."), "busy"),
    ],
)
def test_streams_that_break_or_are_none(answer: Answer, code: str) -> None:
    with raw_server(answer) as raw, pytest.raises(Trouble) as told:
        list(stream(Client(Address(raw.url), timeout=5), None, threading.Event()))
    assert told.value.code == code


def test_a_stop_before_the_server_says_anything() -> None:
    stop = threading.Event()
    with raw_server(lambda connection, head: stop.set()) as raw:
        assert list(stream(Client(Address(raw.url)), None, stop)) == []


def test_the_header_that_continues() -> None:
    with raw_server(whole(HEAD + b"Content-Length: 0\r\n\r\n")) as raw:
        list(stream(Client(Address(raw.url, "t" * 32)), "41", threading.Event()))
    assert b"Last-Event-ID: 41\r\n" in raw.heads[0]
    assert b"Authorization: Bearer " + b"t" * 32 in raw.heads[0]
    assert raw.heads[0].startswith(b"GET /v1/events HTTP/1.1\r\n")

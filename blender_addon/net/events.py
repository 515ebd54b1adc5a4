"""What happens on the server, as it happens: a stream of server-sent events."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from ..trouble import Trouble
from .client import Client
from .failure import not_realify
from .stoppable_socket import PIECE

SILENCE_SECONDS = 40.0  # after which a connection is dead: the server says every 15 s that it lives
MOST = 8 * 2**20  # bytes of one event


@dataclass(frozen=True)
class Message:
    """An event: its id, for `after`; its kind (state, progress, warning, removed); and the event itself, as in the
    server's docs: id, job, kind, time, state, stage, step, total, seconds_left, fraction, preview, warnings, error."""

    id: str
    kind: str
    data: dict[str, Any]


def stream(
    client: Client, after: str | None, stop: threading.Event, silence: float = SILENCE_SECONDS
) -> Generator[Message | None, None, None]:
    """All jobs' events from now on, or those after an id. Connects at the first `next`.

    None comes wherever the server only says that it lives, and first of all: what is asked of the server from there
    on, and what comes, leave no gap. Ends when `stop` is set, and when the server ends it. Raises Trouble when the
    connection breaks or is silent for too long; to connect anew is the caller's business.
    """
    if after is not None and not (after.isascii() and after.isdecimal()):
        raise Trouble("bad_event_id", f"{after[:40]!r} is no event's id.", "Connect anew.")
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after is not None else {})}
    try:
        with client.listen("/v1/events", headers, silence, stop) as answer:
            if "text/event-stream" not in (answer.getheader("Content-Type") or ""):
                raise not_realify(client.address.url, "it sends no events")
            yield None
            parser = Parser(client.address.url)
            while content := answer.read1(PIECE):
                yield from parser.feed(content)
    except Trouble as trouble:
        if trouble.code != "stopped":
            raise


@dataclass
class Parser:
    """Lines into messages, however the bytes come in pieces (HTML standard, 9.2.6). `url` is for its errors."""

    url: str
    _rest: bytes = b""  # of a line that has not ended
    _ended_on_cr: bool = False  # whether an LF that comes next belongs to the line end before
    _is_first: bool = True
    _id: str = ""
    _kind: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, content: bytes) -> list[Message | None]:
        """Messages that these bytes complete; None for a block without data. Raises Trouble not_realify."""
        if self._ended_on_cr and content.startswith(b"\n"):
            content = content[1:]
            self._ended_on_cr = False
        if content:
            self._ended_on_cr = content.endswith(b"\r")
        lines = (self._rest + content).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) + sum(map(len, self._data)) > MOST:
            raise not_realify(self.url, f"an event is longer than {MOST // 2**20} MiB")
        found: list[Message | None] = []
        for line in lines:
            if line:
                self._take(line)
            else:
                found.append(self._message())
        return found

    def _take(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        if self._is_first:
            text, self._is_first = text.removeprefix("\ufeff"), False
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _message(self) -> Message | None:
        data, kind = "\n".join(self._data), self._kind
        self._data, self._kind = [], ""
        if not data:
            return None
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise not_realify(self.url, "an event of its is no JSON object")
        return Message(self._id, kind or "message", event)

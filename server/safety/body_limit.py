"""How long a request's body may be, whether it says so or not."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from server.problem import Problem

_FIX = "Send less at once: a manifest in parts, a sketch through PUT /v1/uploads."


def check_length(headers: list[str], limit: int) -> None:
    """Raises Problem 413 if the Content-Length alone says that the body is too long."""
    for text in headers:
        if text.isdecimal() and int(text) > limit:
            raise Problem(413, "too_large", f"A body of {int(text)} bytes; the most is {limit}.", _FIX)


class BodyTooLarge(HTTPException):
    """Raised while a body is read. An HTTPException, because FastAPI turns every other error there into a 400."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The body is longer than {limit} bytes.")
        self.problem = Problem(413, "too_large", self.detail, _FIX)


def limited(receive: Receive, limit: int) -> Receive:
    """A `receive` that raises BodyTooLarge once more than `limit` bytes have come."""
    total = 0

    async def counting() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > limit:
                raise BodyTooLarge(limit)
        return message

    return counting

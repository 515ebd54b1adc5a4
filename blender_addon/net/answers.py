"""What an answer of a server means: JSON, or the Trouble that it tells."""

from __future__ import annotations

import http.client
import json
from typing import Any

from ..trouble import Trouble
from .failure import not_realify

MOST = 32 * 2**20  # bytes of an answer that is kept in memory
TOKEN_FIX = "Pair with the server, or paste its token (in the file `token` of its data folder) into the preferences."
TOKENS = {
    "no_token": ("{url} wants its token, and none is known here.", TOKEN_FIX),
    "bad_token": ("{url} does not take the token that is known here.", TOKEN_FIX),
}


def read_json(answer: http.client.HTTPResponse, url: str) -> dict[str, Any]:
    """The object that was answered, whatever the status. Raises Trouble not_realify, http.client.IncompleteRead."""
    body = _read(answer, url)
    if answer.status == 204:
        return {}
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise not_realify(url, f"it answered {answer.status} and {_kind(answer, body)}")
    return said


def check(answer: http.client.HTTPResponse, url: str) -> None:
    """Raises Trouble for every answer that is no success: the server's own, or not_realify."""
    if 300 <= answer.status < 400:
        where = (answer.getheader("Location") or "nowhere")[:120]
        raise not_realify(url, f"it leads on to {where}", "If your server is there, enter that address.")
    if answer.status < 300:
        return
    said = read_json(answer, url)
    code, message, fix = (said.get(name) for name in ("code", "message", "fix"))
    if not (isinstance(code, str) and isinstance(message, str)):
        raise not_realify(url, f"it answered {answer.status}, and not in the server's form")
    if code in TOKENS:
        message, fix = TOKENS[code]
        raise Trouble(code, message.format(url=url), fix)
    raise Trouble(code, message, fix if isinstance(fix, str) else "")


def _read(answer: http.client.HTTPResponse, url: str) -> bytes:
    body = answer.read(MOST + 1)
    if len(body) > MOST:
        raise not_realify(url, f"its answer is longer than {MOST // 2**20} MiB")
    if answer.length:  # read(amount) says nothing when less came than was announced
        raise http.client.IncompleteRead(body, answer.length)
    return body


def _kind(answer: http.client.HTTPResponse, body: bytes) -> str:
    """What came instead of JSON, for a message."""
    kind = (answer.getheader("Content-Type") or "").partition(";")[0].strip()
    if "html" in kind or body.lstrip()[:1] == b"<":
        return "a web page"
    return f"something of the kind {kind[:60]}" if kind else "something else than JSON"

"""The one door: every request passes here before anything else looks at it, static files and WebSockets too.

In this order: is the Host one of ours (hosts.py), does it come from our own page or from none (origins.py), does it
bring the token or the cookie (tokens.py), is its body short enough (body_limit.py). What fails is answered here. Every
answer, an error's too, gets the headers that keep browsers from guessing, framing and leaking.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.problem import Problem
from server.safety.body_limit import check_length, limited
from server.safety.hosts import Hosts
from server.safety.origins import RequestOrigin, check_cookie_use, check_origin
from server.safety.problems import answer
from server.safety.tokens import Tokens

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OPEN_READS = ("/", "/healthz", "/readyz", "/v1/version")  # GET and HEAD without a token
OPEN_FOLDER = "/page/"
OPEN_WRITES = ("/v1/pair",)
UPLOADS = "/v1/uploads/"  # the routes that limit their bodies themselves
_API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
_INLINE = re.compile(r"<script\b(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


class Gate:
    """ASGI middleware. `body_bytes` limits every body but an upload's; `pages` are the texts of the HTML pages that
    are served: their inline scripts (an import map) are allowed by their hashes, no others are."""

    def __init__(self, app: ASGIApp, hosts: Hosts, tokens: Tokens, body_bytes: int, pages: Iterable[str] = ()) -> None:
        self.app, self.hosts, self.tokens, self.body_bytes = app, hosts, tokens, body_bytes
        self._page_policy = page_policy(pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        send = self._with_headers(scope, send)
        try:
            self._check(scope)
        except Problem as problem:
            await _refuse(problem, scope, receive, send)
            return
        upload = scope["path"].startswith(UPLOADS)
        await self.app(scope, receive if upload else limited(receive, self.body_bytes), send)

    def _check(self, scope: Scope) -> None:
        """Raises Problem for what may not pass."""
        request = self._request_origin(scope)
        path = scope["path"]
        check_origin(request, links=path == "/")
        if not is_open(request.method, path):
            self._check_token(scope, request)
        if scope["type"] == "http" and not path.startswith(UPLOADS):
            check_length(values(scope, b"content-length"), self.body_bytes)

    def _request_origin(self, scope: Scope) -> RequestOrigin:
        return RequestOrigin(
            method=scope.get("method", "WEBSOCKET"),
            scheme="https" if scope["scheme"] in ("https", "wss") else "http",
            authority=self.hosts.check(values(scope, b"host")),
            origin=_single(scope, b"origin"),
            fetch_site=_single(scope, b"sec-fetch-site"),
            fetch_mode=_single(scope, b"sec-fetch-mode"),
            fetch_dest=_single(scope, b"sec-fetch-dest"),
        )

    def _check_token(self, scope: Scope, request: RequestOrigin) -> None:
        bearer = self.tokens.bearer(values(scope, b"authorization"))
        cookie = self.tokens.cookie(values(scope, b"cookie"))
        if bearer == "right":
            return
        if bearer == "none" and cookie == "right":
            check_cookie_use(request, request.method in SAFE_METHODS)
            return
        if bearer == cookie == "none":
            raise Problem(
                401,
                "no_token",
                "This needs the server's token, and none came.",
                "Send `Authorization: Bearer TOKEN` (it stands in the file `token` of the server's data folder), or "
                "pair this browser on the server's page.",
                {"WWW-Authenticate": 'Bearer realm="realify"'},
            )
        raise Problem(
            401,
            "bad_token",
            "The token that came is not this server's.",
            "Read it again from the file `token` of the server's data folder, or pair anew.",
            {"WWW-Authenticate": 'Bearer realm="realify", error="invalid_token"'},
        )

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        policy = _API_POLICY if scope["path"].startswith("/v1/") else self._page_policy

        async def sending(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["X-Frame-Options"] = "DENY"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Content-Security-Policy"] = policy
                headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "no-store")
            await send(message)

        return sending


def is_open(method: str, path: str) -> bool:
    """Whether a route asks for no token."""
    if method in ("GET", "HEAD"):
        return path in OPEN_READS or path.startswith(OPEN_FOLDER)
    return method == "POST" and path in OPEN_WRITES


def page_policy(pages: Iterable[str]) -> str:
    """The Content-Security-Policy of the HTML pages: everything from this server, nothing inline but the scripts that
    stand in `pages`. blob: and data: are what a 3D viewer makes of a model's textures."""
    scripts = [script for page in pages for script in _INLINE.findall(page)]
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    hashes = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'self'{hashes}; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self' blob: data:; font-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; "
        "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def values(scope: Scope, name: bytes) -> list[str]:
    """All values of a header, in lower case asked for."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _single(scope: Scope, name: bytes) -> str | None:
    """A header that browsers send at most once; several are joined, and so are no known value."""
    found = values(scope, name)
    return ", ".join(found) if found else None


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the problem; a WebSocket that cannot carry an answer is closed before it was accepted (403)."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": problem.code})
        return
    await answer(problem)(scope, receive, send)

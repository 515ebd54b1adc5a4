"""The gate: raw ASGI for what no client can send, a real server for what happens on the wire."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request, WebSocket
from starlette.responses import HTMLResponse, Response
from starlette.types import Message

from server.safety import problems
from server.safety.gate import Gate, page_policy
from server.safety.hosts import Hosts
from server.safety.tokens import Tokens

TOKENS = Tokens("t" * 40)
BEARER = ("authorization", f"Bearer {TOKENS.token}")
COOKIE = ("cookie", f"{TOKENS.cookie_name}={TOKENS.cookie_value}")
HOST = ("host", "localhost:8760")
OWN = ("origin", "http://localhost:8760")
PAGE = '<script type="importmap">{"imports": {}}</script><script type="module" src="/page/app.js"></script>'
LIMIT = 1000


def application() -> FastAPI:
    app = FastAPI(docs_url=None)

    @app.get("/")
    @app.get("/page/app.js")
    async def page() -> Response:
        return HTMLResponse(PAGE, headers={"ETag": '"1"'})

    @app.get("/healthz")
    @app.get("/v1/jobs")
    @app.post("/v1/pair")
    async def ok() -> dict[str, str]:
        return {"is": "ok"}

    @app.get("/v1/kept")
    async def kept() -> Response:
        return Response("x", headers={"Cache-Control": "max-age=5"})

    @app.get("/v1/broken")
    async def broken() -> None:
        raise RuntimeError("a fault of our own")

    @app.post("/v1/jobs")
    @app.put("/v1/uploads/{name}")
    async def take(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    @app.websocket("/v1/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    problems.install(app)
    app.add_middleware(Gate, hosts=Hosts(), tokens=TOKENS, body_bytes=LIMIT, pages=[PAGE])
    return app


APP = application()


def call(method: str, path: str, *headers: tuple[str, str], kind: str = "http", **more: Any) -> list[Message]:
    """All messages that the application sends for one request without a body."""
    sent: list[Message] = []
    scope: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws" if kind == "websocket" else "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        **({"method": method} if kind == "http" else {"subprotocols": []}),
        **more,
    }
    coming = [{"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": b""}]

    async def receive() -> Message:
        return coming.pop(0) if coming else {"type": f"{kind}.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(APP(scope, receive, send))
    return sent


def status(method: str, path: str, *headers: tuple[str, str]) -> tuple[int, str]:
    """Status and the error's code, "" without one."""
    start, body, *_ = call(method, path, *headers)
    code = json.loads(body["body"])["code"] if start["status"] >= 400 else ""
    return start["status"], code


def test_the_checks_come_in_this_order() -> None:
    evil, foreign, wrong = ("host", "evil.example"), ("origin", "http://evil.example"), ("authorization", "Bearer x")
    assert status("GET", "/v1/jobs", evil, foreign, wrong) == (421, "bad_host")
    assert status("GET", "/v1/jobs", HOST, foreign, wrong) == (403, "bad_origin")
    assert status("GET", "/v1/jobs", HOST, wrong) == (401, "bad_token")
    assert status("GET", "/v1/jobs", HOST) == (401, "no_token")
    assert status("GET", "/v1/jobs", HOST, BEARER) == (200, "")
    assert status("GET", "/v1/nothing", HOST) == (401, "no_token"), "what there is is nobody else's business"
    assert status("GET", "/v1/nothing", HOST, BEARER) == (404, "not_found")


def test_host_headers_that_no_client_sends() -> None:
    assert status("GET", "/healthz") == (400, "bad_host")
    assert status("GET", "/healthz", ("host", "")) == (400, "bad_host")
    assert status("GET", "/healthz", HOST, ("host", "evil.example")) == (400, "bad_host")
    assert status("GET", "/healthz", ("host", "localhost\xe9")) == (400, "bad_host")


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/healthz"])
def test_open_paths_are_open_for_reading_alone(path: str) -> None:
    assert status("GET", path, HOST)[0] == 200
    assert status("GET", path, ("host", "evil.example:8760")) == (421, "bad_host")
    assert status("GET", path, HOST, ("origin", "null")) == (403, "bad_origin")
    assert status("GET", path, HOST, ("sec-fetch-site", "cross-site")) == (403, "bad_origin")
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert status(method, path, HOST) == (401, "no_token")


@pytest.mark.parametrize(
    "path", ["/v1/pairs", "/v1/pair/code", "/page", "/healthz/", "//healthz", "/v1/../healthz", "/x/page/"]
)
def test_paths_that_only_look_open(path: str) -> None:
    assert status("GET", path, HOST) == (401, "no_token")
    assert status("POST", path, HOST) == (401, "no_token")


def test_pairing_asks_for_no_token_but_for_the_own_page() -> None:
    assert status("POST", "/v1/pair", HOST) == (200, "")
    assert status("POST", "/v1/pair", HOST, OWN) == (200, "")
    assert status("POST", "/v1/pair", HOST, ("origin", "http://evil.example")) == (403, "bad_origin")
    assert status("GET", "/v1/pair", HOST) == (401, "no_token")


def test_a_cookie_counts_as_much_as_the_token() -> None:
    assert status("GET", "/v1/jobs", HOST, COOKIE) == (200, "")
    assert status("POST", "/v1/jobs", HOST, COOKIE, OWN) == (200, "")
    assert status("POST", "/v1/jobs", HOST, COOKIE) == (403, "bad_origin")
    assert status("POST", "/v1/jobs", HOST, COOKIE, BEARER) == (200, "")
    assert status("GET", "/v1/jobs", HOST, COOKIE, ("authorization", "Bearer x")) == (401, "bad_token")
    assert status("GET", "/v1/jobs", HOST, ("cookie", f"{TOKENS.cookie_name}=x")) == (401, "bad_token")


def test_no_preflight_succeeds_and_no_answer_allows_another_origin() -> None:
    foreign = [("origin", "http://evil.example"), ("access-control-request-method", "POST")]
    assert status("OPTIONS", "/v1/jobs", HOST, *foreign) == (403, "bad_origin")
    for sent in (call("OPTIONS", "/v1/jobs", HOST, *foreign), call("GET", "/v1/jobs", HOST, BEARER, OWN)):
        assert not [name for name, _ in sent[0]["headers"] if name.startswith(b"access-control")]


def test_the_401_says_how_to_come_in() -> None:
    start = call("GET", "/v1/jobs", HOST)[0]
    assert (b"www-authenticate", b'Bearer realm="realify"') in start["headers"]


def test_websockets_pass_the_same_gate() -> None:
    def live(*headers: tuple[str, str], **more: Any) -> list[Message]:
        return call("", "/v1/live", *headers, kind="websocket", **more)

    assert live(HOST, BEARER)[0]["type"] == "websocket.accept"
    assert live(HOST, COOKIE, OWN)[0]["type"] == "websocket.accept"
    refused = {
        "no_token": [HOST],
        "bad_token": [HOST, ("authorization", "Bearer x")],
        "bad_host": [("host", "evil.example"), BEARER],
        "bad_origin": [HOST, COOKIE],  # a page always says which it is
    }
    for code, headers in refused.items():
        assert live(*headers) == [{"type": "websocket.close", "code": 1008, "reason": code}]
    assert live(HOST, COOKIE, ("origin", "http://evil.example"))[0]["reason"] == "bad_origin"
    start, body = live(HOST, extensions={"websocket.http.response": {}})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert b"no_token" in body["body"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/", [HOST]), ("/v1/jobs", [HOST, BEARER]), ("/v1/jobs", [HOST]), ("/v1/broken", [HOST, BEARER]), ("/", [])],
)
def test_every_answer_has_the_headers(path: str, headers: list[tuple[str, str]]) -> None:
    found = {name.decode(): value.decode() for name, value in call("GET", path, *headers)[0]["headers"]}
    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] == "no-referrer"
    assert found["x-frame-options"] == "DENY"
    assert found["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in found["content-security-policy"]
    assert ("sandbox" in found["content-security-policy"]) == path.startswith("/v1/")
    assert found["cache-control"] == ("private, no-cache" if "etag" in found else "no-store")


def test_a_route_may_say_itself_how_long_it_is_kept() -> None:
    assert (b"cache-control", b"max-age=5") in call("GET", "/v1/kept", HOST, BEARER)[0]["headers"]


def test_of_inline_scripts_only_those_of_the_page_run() -> None:
    script = '{"imports": {}}'
    wanted = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = page_policy([PAGE])
    assert f"script-src 'self' 'sha256-{wanted}';" in policy and "unsafe" not in policy
    assert "script-src 'self';" in page_policy(["<SCRIPT src=x></SCRIPT>"])


@pytest.fixture(scope="module")
def wire() -> Iterator[str]:
    """The application under uvicorn; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(APP, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline
        time.sleep(0.02)
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(60)
    listener.close()


def raw(wire: str, request: bytes) -> bytes:
    """What comes back for bytes that are sent as they are."""
    host, _, port = wire.partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := connection.recv(65536):
            got += chunk
    return got


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        ("GET /healthz HTTP/1.1\r\nHost: localhost", b"200"),
        ("GET /healthz HTTP/1.1\r\nHost:   localhost  ", b"200"),
        ("GET /healthz HTTP/1.1\r\nHost: evil.example", b"421"),
        ("GET /healthz HTTP/1.1\r\nHost:", b"400"),
        ("GET /healthz HTTP/1.1\r\nX: y", b"400"),
        ("GET /healthz HTTP/1.0\r\nX: y", b"400"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", b"400"),
        ("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost", b"401"),  # no open path has this name
        ("GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example", b"421"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: null", b"403"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: evil.example", b"200"),
        ("GET /healthz HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost", b"421"),
        ("GET /%76%31/jobs HTTP/1.1\r\nHost: localhost", b"401"),
        ("GET /page/%2e%2e/v1/jobs HTTP/1.1\r\nHost: localhost", b"404"),
        ("GET /page/..%2fv1/jobs HTTP/1.1\r\nHost: localhost", b"404"),
    ],
)
def test_on_the_wire(wire: str, head: str, wanted: bytes) -> None:
    answer = raw(wire, head.encode() + b"\r\nConnection: close\r\n\r\n")
    assert answer.split(b" ", 2)[1] == wanted, answer


def test_a_long_body_is_refused_by_its_length_alone(wire: str) -> None:
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKENS.token}\r\nContent-Length: "
    answer = raw(wire, head.encode() + b"99999999999\r\n\r\n")
    assert b" 413 " in answer.split(b"\r\n")[0] and b"too_large" in answer and b"99999999999 bytes" in answer


def test_a_long_body_is_refused_while_it_comes(wire: str) -> None:
    def parts(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield b"x" * 250

    with httpx2.Client(base_url=f"http://{wire}", headers=dict([BEARER]), timeout=60) as client:
        assert client.post("/v1/jobs", content=parts(4)).json() == LIMIT
        refused = client.post("/v1/jobs", content=parts(5))
        assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert client.put("/v1/uploads/x", content=parts(50)).json() == 12_500, "uploads have a limit of their own"


def test_a_fault_of_our_own_passes_through_the_gate(wire: str) -> None:
    answer = httpx2.get(f"http://{wire}/v1/broken", headers=dict([BEARER]), timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-security-policy"].endswith("sandbox")

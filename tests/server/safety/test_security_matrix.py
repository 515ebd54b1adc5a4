"""Every route of the OpenAPI document against every kind of request that may not pass, on a real server.

The routes come out of the document, so a new one is covered by itself. Which of them ask for no token is written down
here by hand: one that is open by mistake fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage

import httpx2
import pytest

from tests.server.running import PATIENCE, Server, start_server

OPEN = {
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/page/index.html"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/v1/version"),
    ("POST", "/v1/pair"),
}
BESIDE = {("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/v1/nothing"), ("OPTIONS", "/v1/jobs"), ("GET", "/page")}
VALUES = {"sha256": "0" * 64, "job_id": "0" * 26, "batch_id": "0" * 26, "name": "result.glb"}
PLACE = "localhost"  # Host that the browser of these requests believes to speak to


@dataclass(frozen=True)
class Cell:
    """One kind of request: what it brings, and the refusal it gets; `open_too` also where no token is asked for."""

    headers: dict[str, str]
    status: int
    code: str
    open_too: bool


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One of its own: requests that pass pause its queue and void its codes."""
    running = start_server(tmp_path_factory.mktemp("matrix") / "data")
    yield running
    assert running.stop() == 0, running.tail()


@pytest.fixture(scope="module")
def routes(server: Server) -> list[tuple[str, str]]:
    """Method and path of every route, with values for the path's parameters."""
    paths = server.http.get("/openapi.json").json()["paths"]
    found = {(method.upper(), path.format(**VALUES)) for path, methods in paths.items() for method in methods}
    assert len(found) >= 25, "the document holds the routes"
    return sorted(found | OPEN | BESIDE)


@pytest.fixture(scope="module")
def cells(server: Server) -> dict[str, Cell]:
    """The matrix' columns. Whoever is not stopped for lack of a token brings the right cookie or token with it, so
    that nothing else can be the reason for the refusal."""
    port = httpx2.URL(server.url).port
    cookie = server.http.post("/v1/session").headers["set-cookie"].partition(";")[0]
    right, host = {"Authorization": f"Bearer {server.token}"}, f"{PLACE}:{port}"
    own = {"Host": host, "Cookie": cookie}
    return {
        "no token": Cell({"Host": host}, 401, "no_token", False),
        "wrong token": Cell({"Host": host, "Authorization": f"Bearer {server.token[:-1]}!"}, 401, "bad_token", False),
        "wrong cookie": Cell({"Host": host, "Cookie": cookie[:-1] + "!"}, 401, "bad_token", False),
        "bad Host": Cell({"Host": f"evil.example:{port}", **right}, 421, "bad_host", True),
        "no Host": Cell({"Host": "", **right}, 400, "bad_host", True),
        "rebound": Cell(
            {"Host": f"evil.example:{port}", "Cookie": cookie, "Sec-Fetch-Site": "same-origin"}, 421, "bad_host", True
        ),
        "null Origin": Cell({**own, "Origin": "null"}, 403, "bad_origin", True),
        "cross-site": Cell(
            {**own, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403, "bad_origin", True
        ),
        "cross-site image": Cell(
            {**own, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
            403,
            "bad_origin",
            True,
        ),
        "another port's page": Cell(
            {**own, "Origin": f"http://{PLACE}:1", "Sec-Fetch-Site": "same-site"}, 403, "bad_origin", True
        ),
    }


def ask(server: Server, method: str, path: str, headers: dict[str, str]) -> tuple[int, HTTPMessage, bytes]:
    """Status, headers, and the body of an error; a stream without end is left. Nothing is sent but what is given."""
    connection = HTTPConnection("127.0.0.1", httpx2.URL(server.url).port, timeout=PATIENCE)
    with closing(connection):
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read() if answer.status >= 400 else b""


def code_of(body: bytes) -> str:
    """An error's code; "" for no error of ours, or none in the one shape."""
    if not body:
        return ""
    problem = json.loads(body)
    return problem["code"] if isinstance(problem, dict) and set(problem) >= {"code", "message", "fix"} else ""


KINDS = (
    "no token",
    "wrong token",
    "wrong cookie",
    "bad Host",
    "no Host",
    "rebound",
    "null Origin",
    "cross-site",
    "cross-site image",
    "another port's page",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_route_refuses(server: Server, routes: list[tuple[str, str]], cells: dict[str, Cell], kind: str) -> None:
    cell, wrong = cells[kind], []
    for method, path in routes:
        status, headers, body = ask(server, method, path, cell.headers)
        stopped = status == cell.status and (method == "HEAD" or code_of(body) == cell.code)
        passed = status not in (400, 401, 403, 421, 500)
        wanted = cell.open_too or (method, path) not in OPEN
        if (wanted and not stopped) or (not wanted and not passed and code_of(body) != "bad_code"):
            wrong.append((method, path, status, body))
        assert headers["x-content-type-options"] == "nosniff" and "access-control-allow-origin" not in headers
    assert wrong == []


@pytest.mark.parametrize("way", ["token", "cookie"])
def test_every_route_lets_the_owner_in(
    server: Server, routes: list[tuple[str, str]], cells: dict[str, Cell], way: str
) -> None:
    """What is refused above is refused for its one fault: without it the same request passes the gate."""
    own = cells["null Origin"].headers
    page = {**own, "Origin": f"http://{own['Host']}", "Sec-Fetch-Site": "same-origin"}
    headers = page if way == "cookie" else {"Host": own["Host"], "Authorization": f"Bearer {server.token}"}
    gate = {"no_token", "bad_token", "bad_host", "bad_origin", "internal"}
    for method, path in routes:
        status, _, body = ask(server, method, path, headers)
        assert code_of(body) not in gate and status < 500, (method, path, status, body)


def test_the_document_says_which_routes_are_open(server: Server) -> None:
    for path, methods in server.http.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            is_open = (method.upper(), path) in OPEN
            assert operation["security"] == ([] if is_open else [{"token": []}]), (method, path)


def test_another_site_may_link_to_the_page_alone(server: Server, cells: dict[str, Cell]) -> None:
    followed = {
        "Host": cells["no token"].headers["Host"],
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    assert ask(server, "GET", "/", followed)[0] in (200, 404)
    for path in ("/healthz", "/docs", "/v1/version", "/page/index.html"):
        assert ask(server, "GET", path, followed)[0] == 403


@pytest.mark.parametrize("kind", KINDS)
def test_no_websocket_opens(server: Server, cells: dict[str, Cell], kind: str) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    status, _, body = ask(server, "GET", "/v1/events", {**cells[kind].headers, **upgrade})
    assert (status, code_of(body)) == (cells[kind].status, cells[kind].code)

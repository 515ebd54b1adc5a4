"""Every route of the OpenAPI document against requests that must not pass: no token, a wrong one, a foreign Host, a
page that was rebound, a null origin, another site's page.

The routes come out of the document, so a new one is covered by itself. What may be read without a token is listed here
by hand: a route that becomes open by mistake shows.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.server.part import Claim, Part, Result, Size
from benchmarks.server.running import Running
from benchmarks.yardstick import markdown

OPEN = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/v1/version"), ("POST", "/v1/pair")}
PARAMETERS = {"sha256": "0" * 64, "job_id": "0" * 26, "name": "result.glb", "batch_id": "0" * 26}
EVIL = "evil.example"
METHODS = ("get", "put", "post", "patch", "delete", "head")


@dataclass(frozen=True)
class Attack:
    """A column: what the request says, and the answer's statuses that are a refusal. `open_too`: whether it is refused
    where no token is wanted, too."""

    name: str
    token: str  # right, wrong, none, cookie
    host: str  # own, foreign
    headers: tuple[tuple[str, str], ...]
    statuses: tuple[int, ...]
    open_too: bool


ATTACKS = (
    Attack("no token", "none", "own", (), (401,), False),
    Attack("wrong token", "wrong", "own", (), (401,), False),
    Attack("foreign Host", "right", "foreign", (), (400, 421), True),
    Attack("rebound page", "cookie", "foreign", (("Sec-Fetch-Site", "same-origin"),), (400, 421), True),
    Attack("Origin: null", "cookie", "own", (("Origin", "null"),), (403,), True),
    Attack(
        "cross-site", "cookie", "own", (("Origin", f"http://{EVIL}"), ("Sec-Fetch-Site", "cross-site")), (403,), True
    ),
)


def measure(size: Size, folder: Path) -> Result:
    """The status in every cell, and whether it is a refusal with the one error shape."""
    with Running(folder / "data") as server:
        document = server.get("/openapi.json")
        cookie = _cookie(server)
        routes = [
            (method.upper(), path)
            for path, methods in document["paths"].items()
            for method in methods
            if method in METHODS
        ]
        rows = [
            {"route": f"{method} {path}", "cells": [_cell(server, attack, method, path, cookie) for attack in ATTACKS]}
            for method, path in routes
        ]
    return {"rows": rows, "attacks": [attack.name for attack in ATTACKS]}


def _cell(server: Running, attack: Attack, method: str, path: str, cookie: str) -> dict[str, object]:
    wanted = attack.open_too or (method, path) not in OPEN
    status = _ask(server, attack, method, path, cookie)
    kept = status in attack.statuses if wanted else status not in (400, 401, 403, 421, 500)
    return {"status": status, "kept": kept}


def _ask(server: Running, attack: Attack, method: str, path: str, cookie: str) -> int:
    """The status of the answer; only its head is read, since some routes never end."""
    place = urlsplit(server.url)
    for name, value in PARAMETERS.items():
        path = path.replace("{" + name + "}", value)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", place.netloc if attack.host == "own" else f"{EVIL}:{place.port}")
    tokens = {"right": f"Bearer {server.token}", "wrong": "Bearer " + "A" * len(server.token)}
    if attack.token in tokens:
        connection.putheader("Authorization", tokens[attack.token])
    if attack.token == "cookie":
        connection.putheader("Cookie", cookie)
    for name, value in attack.headers:
        connection.putheader(name, value)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def _cookie(server: Running) -> str:
    """The cookie that a browser gets for the token."""
    response = server.http.post(f"{server.url}/v1/session").raise_for_status()
    return response.headers["set-cookie"].partition(";")[0]


def claims(result: Result) -> list[Claim]:
    """The page's line."""
    cells = [cell for row in result["rows"] for cell in row["cells"]]
    wrong = sum(not cell["kept"] for cell in cells)
    size = f"{len(result['rows'])} routes × {len(result['attacks'])} kinds of request"
    return [Claim(f"security matrix, {size}: cells not as expected", "0", f"{wrong} of {len(cells)}", wrong == 0)]


def section(result: Result) -> str:
    """The page's table."""
    rows = [
        [f"`{row['route']}`", *(str(cell["status"]) + ("" if cell["kept"] else " **!**") for cell in row["cells"])]
        for row in result["rows"]
    ]
    return (
        "401: no token or a wrong one. 421, 400: a Host that is not the server's. 403: another page asks. A rebound "
        "page and a page elsewhere bring the cookie with them. "
        "Without a token only the routes that have to be are answered.\n\n"
        f"{markdown(['route', *result['attacks']], rows)}"
    )


PART = Part("Security matrix", lambda size: 3, measure, claims, section)

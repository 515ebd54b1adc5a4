"""docs/routes.md, written from the code: `python -m server.routes_page > docs/routes.md`.

Everything in it comes out of the OpenAPI document, which comes out of the routes' signatures and docstrings.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from server.app import ROUTERS
from server.safety.gate import is_open

METHODS = ("get", "put", "post", "patch", "delete")
HEAD = """# Routes of the server

Written by `make docs` from `server/routes/`; a running server shows the same with every field at `/docs`, and as a
document at `/openapi.json`. How to start it, what the token is, and what an error looks like: [server.md](server.md).

`{sha256}` is the SHA-256 of the file in 64 small hexadecimal digits. All but the routes marked "open" want the token;
every one of them wants a Host that is the server's. Any route may also answer 400 or 421 (a Host that is none of the
server's), 401 (no token, or a wrong one), 403 (another site's page) and 422 (a field that is missing or of the wrong
kind).

| route | what it does | query and headers | body | answers |
|---|---|---|---|---|"""


def page() -> str:
    """The whole page."""
    document = openapi()
    rows = [
        _row(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
    return "\n".join([HEAD, *rows, ""])


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the routes, without a server."""
    app = FastAPI(title="Realify")
    for module in ROUTERS:
        app.include_router(module.router)
    return app.openapi()


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    opened = " (open)" if is_open(method.upper(), path) else ""
    about = " ".join(operation.get("description", "").split()).replace("|", "\\|")
    given = [f"`{each['name']}`" for each in operation.get("parameters", []) if each["in"] in ("query", "header")]
    answers = {status for status in operation["responses"] if not (status == "422" and _is_default(operation))}
    cells = f"`{method.upper()} {path}`{opened}", about, ", ".join(given), _body(operation), ", ".join(sorted(answers))
    return f"| {' | '.join(cells)} |"


def _body(operation: dict[str, Any]) -> str:
    """The model's name, or the media types of a body that is none."""
    content = operation.get("requestBody", {}).get("content", {})
    names = [each.get("schema", {}).get("$ref", "").rpartition("/")[2] or f"`{kind}`" for kind, each in content.items()]
    return ", ".join(dict.fromkeys(names))


def _is_default(operation: dict[str, Any]) -> bool:
    """Whether the 422 is FastAPI's own, which every route with a field has."""
    schema = operation["responses"]["422"].get("content", {}).get("application/json", {}).get("schema", {})
    return schema.get("$ref", "").endswith("/HTTPValidationError")


if __name__ == "__main__":
    print(page(), end="")

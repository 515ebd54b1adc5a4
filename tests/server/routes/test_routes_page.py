"""docs/routes.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from server.routes_page import METHODS, openapi, page

PAGE = Path(__file__).parents[3] / "docs" / "routes.md"


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_it_has_every_route_and_says_what_it_does() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    told = {row[0].split("`")[1]: row[1] for row in rows}
    paths = openapi()["paths"].items()
    routes = {f"{method.upper()} {path}" for path, methods in paths for method in methods if method in METHODS}
    assert set(told) == routes
    assert all(about.endswith(".") for about in told.values()), told


def test_only_what_has_to_be_is_open() -> None:
    opened = {line.split("`")[1] for line in page().splitlines() if "` (open) |" in line}
    assert opened == {"POST /v1/pair", "GET /healthz", "GET /readyz", "GET /v1/version"}

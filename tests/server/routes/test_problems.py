"""Every error has the one shape, and says what came and what was wanted."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from structlog.testing import capture_logs

from server.models import NewJob
from server.problem import Problem
from server.safety import problems

SHA = "0" * 64


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/v1/items/{number}")
    async def item(number: int, limit: int = 10) -> int:
        return number + limit

    @app.post("/v1/jobs")
    async def submit(job: NewJob) -> NewJob:
        return job

    @app.get("/v1/full")
    async def full() -> None:
        raise Problem(507, "disk_full", "There is no room.", "Delete something.", {"Retry-After": "60"})

    @app.get("/v1/broken")
    async def broken(request: Request) -> None:
        secret = request.headers["authorization"]
        raise RuntimeError(f"a fault of our own, {len(secret)}")

    @app.get("/v1/half")
    async def half() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"begun"
            raise RuntimeError("in the middle")

        return StreamingResponse(parts())

    @app.get("/v1/gone")
    async def gone() -> None:
        raise ClientDisconnect

    problems.install(app)
    return app


def ask(method: str, path: str, **options: Any) -> httpx2.Response:
    async def asking() -> httpx2.Response:
        transport = httpx2.ASGITransport(application())
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **options)

    return asyncio.run(asking())


def told(response: httpx2.Response, status: int, code: str) -> str:
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert set(body) == {"code", "message", "fix"} and all(isinstance(each, str) and each for each in body.values())
    assert response.headers["content-type"] == "application/json"
    return body["message"]


def test_a_problem_keeps_its_words_and_headers() -> None:
    response = ask("GET", "/v1/full")
    assert told(response, 507, "disk_full") == "There is no room."
    assert response.headers["retry-after"] == "60"


def test_no_such_address_and_no_such_method() -> None:
    told(ask("GET", "/v1/nothing"), 404, "not_found")
    response = ask("PUT", "/v1/jobs")
    told(response, 405, "wrong_method")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompt": 7}, ["prompt (body)", "valid string", "7 came"]),
        ({"prompt": None}, ["prompt (body)", "null came"]),
        ({"seed": "many"}, ["seed (body)", "integer", "text 'many' came"]),
        ({"priority": 101}, ["priority (body)", "less than or equal to 100", "101 came"]),
        ({"settings": [1]}, ["settings (body)", "dictionary", "a list came"]),
        ({"promt": "a typo"}, ["promt (body)", "not permitted"]),
        ({"prompt": "\ud800"}, ["prompt (body)", "unicode", "'\\ud800'"]),
        ({"sketch": "x" * 5000}, ["sketch (body)", "..."]),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], words: list[str]) -> None:
    body = {"sketch": SHA, "prompt": "a pear", **change}
    response = ask("POST", "/v1/jobs", content=json.dumps(body), headers={"Content-Type": "application/json"})
    message = told(response, 422, "invalid")
    for each in words:
        assert each in message
    assert len(message) < 500


def test_what_is_missing_what_is_no_json_and_what_stands_in_the_address() -> None:
    assert "prompt (body) is missing" in told(ask("POST", "/v1/jobs", json={"sketch": SHA}), 422, "invalid")
    headers = {"Content-Type": "application/json"}
    assert "not JSON" in told(ask("POST", "/v1/jobs", content=b"{,", headers=headers), 422, "invalid")
    assert "The body is missing" in told(ask("POST", "/v1/jobs"), 422, "invalid")
    assert "number (path)" in told(ask("GET", "/v1/items/two"), 422, "invalid")
    assert "limit (query)" in told(ask("GET", "/v1/items/2?limit=x"), 422, "invalid")
    told(ask("POST", "/v1/jobs", content=b"\xff\xfe{", headers=headers), 400, "bad_request")


def test_many_faults_are_counted() -> None:
    message = told(ask("POST", "/v1/jobs", json={f"field{n}": n for n in range(12)}), 422, "invalid")
    assert message.count("(body)") == 5 and "And 9 more." in message


def test_a_fault_of_our_own_is_logged_under_the_number_that_the_answer_gives() -> None:
    with capture_logs() as logs:
        response = ask("GET", "/v1/broken", headers={"Authorization": "Bearer very-secret"})
    message = told(response, 500, "internal")
    (log,) = logs
    assert f"fault {log['fault']}" in message and "our own" not in message
    assert "a fault of our own" in log["trace"] and "in broken" in log["trace"]
    assert "very-secret" not in str(log)


def test_a_half_answer_is_broken_off() -> None:
    with pytest.raises(RuntimeError, match="in the middle"):
        ask("GET", "/v1/half")


def test_a_client_that_goes_away_is_no_fault() -> None:
    with capture_logs() as logs, pytest.raises(AssertionError):  # httpx's transport: no answer was sent
        ask("GET", "/v1/gone")
    assert [log["log_level"] for log in logs] == ["info"]

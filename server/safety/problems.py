"""Every error as {code, message, fix}: ours, those of a request's form, those of the router, and our own faults."""

from __future__ import annotations

import json
import secrets
import traceback

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.problem import Problem, told_faults
from server.safety.body_limit import BodyTooLarge

_DOCS = "/docs shows what each route takes."
_FALLBACK = {
    400: Problem(400, "bad_request", "The request could not be read.", _DOCS),
    404: Problem(404, "not_found", "There is nothing at this address.", "/docs lists the addresses."),
    405: Problem(405, "wrong_method", "This address does not take this method.", "The Allow header lists its methods."),
}


def install(app: FastAPI) -> None:
    """Adds the handlers to an application. Before the gate is added, so that the answer to a fault of our own passes
    through the gate too."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_middleware(Faults)


def answer(problem: Problem) -> Response:
    """A problem as an HTTP answer. ASCII, so that no text out of a request can fail to be written."""
    body = json.dumps(problem.as_dict()).encode("ascii")
    return Response(body, problem.status, dict(problem.headers), "application/json")


class Faults:
    """Turns an exception that nobody expected into a 500, and logs it with an id that the answer names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            structlog.get_logger().info("the client went away", path=scope["path"])
        except Exception:
            if started or scope["type"] != "http":
                raise  # the connection is broken off: nobody may take the half answer for a whole one
            fault = secrets.token_hex(4)
            # As text: a logger that draws frames would draw the locals too, and with them the token.
            trace = traceback.format_exc()
            structlog.get_logger().error("a request failed", fault=fault, path=scope["path"], trace=trace)
            await answer(_internal(fault))(scope, receive, send)


def _internal(fault: str) -> Problem:
    return Problem(
        500, "internal", f"The server failed at this request (fault {fault}).", "Its log has the reason by that number."
    )


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, BodyTooLarge):
        return answer(error.problem)
    known = _FALLBACK.get(error.status_code)
    code, fix = (known.code, known.fix) if known else (f"http_{error.status_code}", _DOCS)
    message = known.message if known else f"{error.detail}."
    return answer(Problem(error.status_code, code, message, fix, dict(error.headers or {})))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer(Problem(422, "invalid", told_faults(error.errors()), _DOCS))

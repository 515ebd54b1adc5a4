"""How another device gets in: the code, the token for it, and a browser's cookie."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from server.models import PairCode, PairRequest, Token
from server.network.addresses import page_addresses
from server.routes.answers import answer
from server.safety.tls import fingerprint_of
from server.services import Services, TheServices

router = APIRouter(tags=["pairing"])


@router.post("/v1/pair", response_model=Token)
async def pair(wanted: PairRequest, request: Request, services: TheServices) -> Response:
    """The token for a code that the server's own screen shows, as a cookie too. The one thing to write to that asks
    for no token."""
    services.pairing.redeem(wanted.code, request.client.host if request.client else "")
    response = answer(Token(token=services.tokens.token))
    return _with_cookie(response, request, services)


@router.post("/v1/pair/code", response_model=PairCode)
async def make_code(request: Request, services: TheServices) -> Response:
    """A code for another device: it holds for five minutes and works once; the one before is void."""
    code, seconds = services.pairing.new_code()
    _, port = request.scope["server"]  # the port that was bound, whatever a proxy calls it
    addresses = page_addresses(services.config.host, port, request.url.scheme)
    fingerprint = fingerprint_of(services.folders.tls) if services.config.tls else None
    return answer(PairCode(code=code, seconds=seconds, addresses=addresses, fingerprint=fingerprint))


@router.post("/v1/session", status_code=204)
async def open_session(request: Request, services: TheServices) -> Response:
    """Turns a token into this browser's cookie."""
    return _with_cookie(Response(status_code=204), request, services)


@router.delete("/v1/session", status_code=204)
async def end_session(services: TheServices) -> Response:
    """Forgets this browser's cookie."""
    response = Response(status_code=204)
    response.delete_cookie(services.tokens.cookie_name, path="/", httponly=True, samesite="strict")
    return response


def _with_cookie(response: Response, request: Request, services: Services) -> Response:
    response.set_cookie(**services.tokens.cookie_options(secure=request.url.scheme == "https"))
    return response

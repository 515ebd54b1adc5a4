"""Which pages may speak to the server: its own alone. The guard against other sites' scripts, forms and images.

A browser tells where a request comes from: `Origin` with whatever a script sends and with every POST, `Sec-Fetch-Site`
with every request to https or localhost. Programs that are no browsers send neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from server.problem import Problem
from server.safety.hosts import Authority, parse_authority

_PORTS = {"http": 80, "https": 443}
_FIX = "Use the server's own page, or a program that sends its token as `Authorization: Bearer`."


@dataclass(frozen=True)
class RequestOrigin:
    """Where a request says it comes from. `scheme` is http or https, of the connection; `origin`, `fetch_site`,
    `fetch_mode` and `fetch_dest` are the headers, None where there are none."""

    method: str
    scheme: Literal["http", "https"]
    authority: Authority
    origin: str | None
    fetch_site: str | None
    fetch_mode: str | None
    fetch_dest: str | None


def check_origin(request: RequestOrigin, links: bool) -> None:
    """Raises Problem 403 unless the request comes from the server's own page or from no page.

    `links`: whether other sites may link there: opening the page itself is the one thing they may make a browser do.
    """
    if request.origin is not None and not _is_own(request.origin, request):
        raise Problem(403, "bad_origin", f"A page of {request.origin[:80]!a} asked, not the server's own.", _FIX)
    if request.fetch_site in (None, "same-origin", "none"):
        return
    opens_a_page = (request.fetch_mode, request.fetch_dest) == ("navigate", "document")
    if not (links and opens_a_page and request.method in ("GET", "HEAD")):
        raise Problem(403, "bad_origin", f"Another site's page asked ({request.fetch_site[:20]!a}).", _FIX)


def check_cookie_use(request: RequestOrigin, safe: bool) -> None:
    """Raises Problem 403 if a request that changes something relies on a cookie and does not say where it comes from:
    browsers send cookies by themselves, and always say so."""
    if not safe and request.origin is None and request.fetch_site != "same-origin":
        raise Problem(403, "bad_origin", "A cookie came without the Origin of the page that sends it.", _FIX)


def _is_own(origin: str, request: RequestOrigin) -> bool:
    """Whether an Origin header names the authority that was asked. https beside a plain connection is taken too: it
    is what a proxy that speaks TLS passes on."""
    scheme, separator, rest = origin.partition("://")
    if not separator or scheme not in (request.scheme, "https"):
        return False
    given, asked = parse_authority(rest), request.authority
    if given is None or given.host != asked.host:
        return False
    return (given.port or _PORTS[scheme]) == (asked.port or _PORTS[scheme])

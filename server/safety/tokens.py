"""The one secret of a data folder: who knows it may do everything. It lies in DATA/token, readable by its user alone.

Programs send it as `Authorization: Bearer`. A browser gets a cookie with a value derived from it, so that the token
itself is not kept by the browser; a new token makes both worthless.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
import sys
from pathlib import Path
from typing import Any, Literal

import structlog

from server.safety.private_file import write_private

_TOKEN = re.compile(r"[A-Za-z0-9_~.+/=-]{32,512}")
_YEAR = 365 * 24 * 3600
Verdict = Literal["right", "wrong", "none"]


class TokenError(Exception):
    """The token's file cannot be used."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message, self.fix = message, fix


class Tokens:
    """Checks tokens and cookies in a time that says nothing about them."""

    def __init__(self, token: str) -> None:
        self.token = token
        # Cookies ignore ports: two servers on one machine need names that differ.
        self.cookie_name = f"realify-{self._derive('cookie name')[:8]}"
        self.cookie_value = self._derive("cookie value")

    @classmethod
    def open(cls, path: Path) -> Tokens:
        """Reads the token, or makes it on the first start. Raises TokenError."""
        if not path.exists():
            write_private(path, f"{secrets.token_urlsafe(32)}\n".encode())
        _keep_private(path)
        try:
            token = path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TokenError(f"{path} cannot be read: {error}.", "Let this user read it, or delete it.") from error
        if not _TOKEN.fullmatch(token):
            raise TokenError(
                f"{path} does not hold a token of at least 32 letters and digits.",
                "Delete it: a new one is made at the next start.",
            )
        return cls(token)

    def bearer(self, headers: list[str]) -> Verdict:
        """What a request's Authorization headers are worth."""
        if not headers:
            return "none"
        scheme, _, given = headers[0].partition(" ")
        known = len(headers) == 1 and scheme.lower() == "bearer"
        return "right" if known and _equal(given.strip(), self.token) else "wrong"

    def cookie(self, headers: list[str]) -> Verdict:
        """What a request's Cookie headers are worth."""
        pairs = [pair.strip().partition("=") for header in headers for pair in header.split(";")]
        given = [value for name, _, value in pairs if name == self.cookie_name]
        if not given:
            return "none"
        return "right" if all(_equal(value, self.cookie_value) for value in given) else "wrong"

    def cookie_options(self, secure: bool) -> dict[str, Any]:
        """For starlette's `set_cookie`; `secure` with TLS."""
        return {
            "key": self.cookie_name,
            "value": self.cookie_value,
            "max_age": _YEAR,
            "path": "/",
            "httponly": True,
            "samesite": "strict",
            "secure": secure,
        }

    def _derive(self, what: str) -> str:
        return hmac.digest(self.token.encode(), f"realify {what} 1".encode(), "sha256").hex()


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def _keep_private(path: Path) -> None:
    """Takes other users' rights away. On Windows the user's own folder does that."""
    if sys.platform == "win32":
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        structlog.get_logger().warning(
            "the token could be read by other users of this machine; delete it for a new one if that matters",
            path=str(path),
            mode=oct(mode),
        )
        os.chmod(path, 0o600)

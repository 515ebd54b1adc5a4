"""A short code that lets another device in: shown on the server's own screen, typed in over there.

Six digits are few, so a code lives five minutes, works once, is void after ten wrong tries, and wrong tries are
slowed down: five a minute from one address, thirty a minute from all together. Guessing has then a chance of one in
100 000 for each code that is shown.
"""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections import deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from server.problem import Problem

DIGITS = 6
LIFETIME = 300.0  # seconds
WRONG_A_CODE = 10
WRONG_AN_ADDRESS = 5  # within WINDOW
WRONG_TOGETHER = 30  # within WINDOW
WINDOW = 60.0  # seconds


class Pairing:
    """The code that is shown now, and the wrong tries of the last minute. Lives in the process that answers HTTP and
    is used from its event loop alone. `clock` in seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._code: str | None = None
        self._expires = 0.0
        self._wrong_tries = 0
        self._wrong: deque[tuple[float, str]] = deque()  # when, who

    def new_code(self) -> tuple[str, float]:
        """A code and the seconds it lives. The one before is void."""
        self._code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        self._expires, self._wrong_tries = self._clock() + LIFETIME, 0
        return self._code, LIFETIME

    def redeem(self, code: str, address: str) -> None:
        """Uses the code up. Raises Problem: 403 for a wrong or expired one, 429 after too many."""
        who = _who(address)
        self._slow_down(who)
        if self._code is not None and self._clock() < self._expires:
            if hmac.compare_digest(code.encode(), self._code.encode()):
                self._code = None
                return
            self._wrong_tries += 1
            if self._wrong_tries >= WRONG_A_CODE:
                self._code = None
        self._wrong.append((self._clock(), who))
        raise Problem(
            403,
            "bad_code",
            "The code is wrong, was used already, or has expired.",
            "Show a new one with `realify pair` on the server's own screen; it holds for five minutes.",
        )

    def _slow_down(self, who: str) -> None:
        """Raises Problem 429 while there are too many wrong tries in the last minute."""
        now = self._clock()
        while self._wrong and self._wrong[0][0] <= now - WINDOW:
            self._wrong.popleft()
        own = [when for when, other in self._wrong if other == who]
        everyone = [when for when, _ in self._wrong]
        for times, most in ((own, WRONG_AN_ADDRESS), (everyone, WRONG_TOGETHER)):
            if len(times) >= most:
                wait = max(1, math.ceil(times[-most] + WINDOW - now))
                raise Problem(
                    429,
                    "too_many_tries",
                    "Too many wrong codes came in the last minute.",
                    f"Try again in {wait} seconds.",
                    {"Retry-After": str(wait)},
                )


def _who(address: str) -> str:
    """Whom an address belongs to: of IPv6 the first 64 bits, for one device has all the rest to choose from."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or ip_network((ip, 64), strict=False))
    return str(ip)

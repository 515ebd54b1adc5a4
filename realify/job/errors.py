"""Which errors are of our own kinds: the packages define an exception only for what a user can mend; every other one
is a fault and keeps its traceback."""

from __future__ import annotations

_PACKAGES = ("distill", "realify", "sdf_fit", "server")


def is_own(error: BaseException) -> bool:
    """Whether one of our packages defined the error's class."""
    return type(error).__module__.partition(".")[0] in _PACKAGES


def message_and_fix(error: BaseException) -> tuple[str, str]:
    """What came and what was wanted, and how to mend it (empty where the message says it too)."""
    return str(getattr(error, "message", error)), str(getattr(error, "fix", ""))

"""The one shape in which anything goes wrong: a status for HTTP, and {code, message, fix} for the person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

_MOST_FAULTS = 5  # of one body that are told


class ProblemDict(TypedDict):
    """What a client reads, as an answer's body and as a job's `error`."""

    code: str
    message: str
    fix: str


class Problem(Exception):
    """`status` for HTTP; `code`, a stable short word; `message`, what came and what was wanted; `fix`."""

    def __init__(
        self, status: int, code: str, message: str, fix: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{message} {fix}")
        self.status, self.code, self.message, self.fix = status, code, message, fix
        self.headers = headers or {}

    def as_dict(self) -> ProblemDict:
        """Ready for JSON."""
        return {"code": self.code, "message": self.message, "fix": self.fix}


def told_faults(faults: Iterable[Any]) -> str:
    """pydantic's list of what is wrong with a body as sentences that name field, rule, and what came."""
    told = [_told(fault) for fault in faults]
    more = f" And {len(told) - _MOST_FAULTS} more." if len(told) > _MOST_FAULTS else ""
    return " ".join(told[:_MOST_FAULTS]) + more


def _told(fault: dict[str, Any]) -> str:
    where, *path = fault["loc"]
    if fault["type"] == "json_invalid":
        return f"The body is not JSON: {fault['ctx']['error']} at letter {path[0] if path else 0}."
    name = f"{'.'.join(_short(part, 40) for part in path)} ({where})" if path else f"The {where}"
    if fault["type"] == "missing":
        return f"{name} is missing."
    return f"{name}: {fault['msg'].rstrip('.')}; {_kind(fault.get('input'))} came."


def _kind(value: Any) -> str:
    """A value's kind, and the value itself where it is short."""
    kinds = {"str": "text", "dict": "an object", "list": "a list", "bytes": "bytes"}
    kind = kinds.get(type(value).__name__, "")
    if value is None or isinstance(value, (bool, int, float)):
        return _short(value, 40).lower() if value is not None else "null"
    return f"{kind or type(value).__name__} {_short(ascii(value), 60)}" if kind == "text" else kind or "something else"


def _short(value: Any, most: int) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}..."

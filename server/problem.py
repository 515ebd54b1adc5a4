"""The one shape in which anything goes wrong: a status for HTTP, and {code, message, fix} for the person."""

from __future__ import annotations

from typing import TypedDict


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

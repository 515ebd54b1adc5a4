"""The one kind of error that users see: what came and what was wanted, and how to mend it, in the server's own form."""

from __future__ import annotations


class Trouble(Exception):
    """`code` is a word for programs: the server's own, or one of this extension's ("unreachable", "hidden", …)."""

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        super().__init__(f"{message} {fix}".strip())
        self.code, self.message, self.fix = code, message, fix

    def as_dict(self) -> dict[str, str]:
        """As it is kept beside a job."""
        return {"code": self.code, "message": self.message, "fix": self.fix}

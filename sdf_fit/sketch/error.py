"""The one error that reading a sketch raises."""

from __future__ import annotations


class SketchError(ValueError):
    """A sketch that cannot be used: `code` (a stable short word), `message` (what came, what was wanted),
    `fix`."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(code, message, fix)
        self.code, self.message, self.fix = code, message, fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}"

"""What is wrong with a choice of extractor."""


class ExtractorError(RuntimeError):
    """An extractor that does not exist or is not installed; `fix` says what can be done."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix

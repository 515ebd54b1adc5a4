"""Opening a tokenizer's folder: only a whole one, for transformers makes an empty vocabulary of what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distill.priors.loading import PriorError

COMPLETE = ({"tokenizer.json"}, {"vocab.json", "merges.txt"})  # either set holds the whole vocabulary


def load_tokenizer(tokenizer: Any, folder: Path) -> Any:
    """A tokenizer of the class `tokenizer`. Raises PriorError where files of its vocabulary are missing."""
    there = {path.name for path in folder.glob("*")}
    if not any(files <= there for files in COMPLETE):
        wanted = ", nor ".join(" and ".join(sorted(files)) for files in COMPLETE)
        raise PriorError(f"{folder}: no {wanted}: fetch the tokenizer again, every word would be unknown")
    return tokenizer.from_pretrained(str(folder), local_files_only=True)

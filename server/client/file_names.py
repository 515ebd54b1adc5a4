"""Names of jobs as names of files, on every system."""

from __future__ import annotations

import re

DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
MOST_LETTERS = 100


def file_name(name: str) -> str:
    """The name without what some system refuses in a file's name; never empty."""
    plain = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]+', "_", name).strip(" .")[:MOST_LETTERS].strip(" .")
    return f"_{plain}" if DEVICES.fullmatch(plain) else plain or "realify"


def unique_names(names: list[str]) -> list[str]:
    """A file's name for each, no two alike on systems that take A for a."""
    seen: set[str] = set()
    unique = []
    for name in map(file_name, names):
        candidate, number = name, 2
        while candidate.casefold() in seen:
            candidate, number = f"{name}-{number}", number + 1
        seen.add(candidate.casefold())
        unique.append(candidate)
    return unique

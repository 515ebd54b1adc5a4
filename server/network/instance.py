"""One server for a data folder, and where the running one can be found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from realify import __version__
from server.folders import Folders
from server.safety.private_file import write_private


class StartError(Exception):
    """A server that cannot start: `message` says why, `fix` what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message, self.fix = message, fix


@contextmanager
def owned(folders: Folders) -> Iterator[None]:
    """Holds the data folder for this process; a lock of the system's, so that a killed server leaves none behind.

    Raises StartError if another server has it.
    """
    lock = FileLock(folders.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        running = running_url(folders)
        raise StartError(
            f"Another server runs on {folders.data}" + (f": {running}." if running else "."),
            "Use that one, stop it, or give this one another --data.",
        ) from None
    try:
        yield
    finally:
        folders.address.unlink(missing_ok=True)
        lock.release()


def tell_address(folders: Folders, url: str) -> None:
    """Writes server.json, by which commands on this machine find the server."""
    about = {"url": url, "pid": os.getpid(), "version": __version__}
    write_private(folders.address, json.dumps(about).encode())


def running_url(folders: Folders) -> str | None:
    """The address in server.json; None if there is none. After a kill it may be that of a server that is gone."""
    try:
        about = json.loads(folders.address.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return about["url"] if isinstance(about, dict) and isinstance(about.get("url"), str) else None

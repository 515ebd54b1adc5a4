"""Room on the disk: what is free, what has to stay free, and a last reserve for writing down a deletion."""

from __future__ import annotations

import logging
import os
import shutil

from server.folders import Folders
from server.problem import Problem

BALLAST_BYTES = 8 * 2**20

log = logging.getLogger(__name__)


def free_bytes(folders: Folders) -> int:
    """What this user can still write below the data folder."""
    return shutil.disk_usage(folders.data).free


def require_space(folders: Folders, reserve: int, needed: int = 0) -> None:
    """Raises Problem 507 unless `reserve` bytes stay free after `needed` more are written."""
    free = free_bytes(folders)
    if free - needed < reserve:
        raise Problem(
            507,
            "disk_full",
            f"The server's disk has {_mib(free)} MiB free; {_mib(needed)} are needed and {_mib(reserve)} kept free.",
            "Delete jobs that are no longer needed, make room on the server's disk, or lower --reserve.",
        )


def make_ballast(folders: Folders, size: int = BALLAST_BYTES) -> bool:
    """Lays by a file that can be given up. Says whether it is there; without ample room it is not made."""
    if folders.ballast.exists():
        return True
    if free_bytes(folders) < 4 * size:
        return False
    try:
        with folders.ballast.open("wb") as file:
            for _ in range(size // 2**16):
                file.write(os.urandom(2**16))  # a file system that compresses would keep zeros in no room at all
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        log.warning("no ballast could be laid by: %s", err)
        folders.ballast.unlink(missing_ok=True)
        return False
    return True


def release_ballast(folders: Folders) -> bool:
    """Gives it up. Says whether there was one that could be."""
    try:
        folders.ballast.unlink()
    except OSError as err:
        log.warning("there is no ballast to give up: %s", err)
        return False
    return True


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f}"

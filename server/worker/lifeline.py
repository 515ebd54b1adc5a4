"""A worker never outlives its server, and nothing that it started outlives the worker."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

import psutil

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """On Linux the kernel ends this process with the one that started it, even while native code holds Python's
    lock; elsewhere the closed stdin does it (link.py)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_at_once() -> None:
    """Ends this process and all that it started, without a word."""
    kill_children(os.getpid())
    os._exit(1)


def kill_children(pid: int) -> None:
    """Kills all that the process started, directly or not; sessions and process groups of their own do not help."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for child in children:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue

"""What tests/sdf_fit/test_capped_child.py runs inside the capped child: some behave, most do not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def double(array: np.ndarray, factor: float, name: str, flag: bool) -> dict[str, Any]:
    return {"array": array * factor, "name": name, "flag": flag, "types": f"{type(factor).__name__} {type(name).__name__}"}


def raise_value_error(text: str) -> dict[str, Any]:
    raise ValueError(text, "second")


def crash() -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def leave() -> dict[str, Any]:
    print("last words", file=sys.stderr, flush=True)
    os._exit(3)


def sleep(nap: float) -> dict[str, Any]:
    time.sleep(nap)
    return {}


def hoard(mebibytes: int) -> dict[str, Any]:
    return {"sum": float(np.ones(mebibytes * 2**17).sum())}


def return_object() -> dict[str, Any]:
    return {"thing": np.array([object()])}


def try_forbidden(outside: str, inside: str) -> dict[str, Any]:
    """Which of the forbidden doors stood open, by name."""
    doors = {
        "socket": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
        "process": lambda: subprocess.run([sys.executable, "-V"], check=True),
        "system": lambda: os.system("true"),
        "read": lambda: Path(outside).read_bytes(),
        "low_read": lambda: os.open(outside, os.O_RDONLY),
        "write": lambda: Path(inside).with_name("new.txt").write_text("x"),
        "remove": lambda: Path(inside).unlink(),
    }
    opened = []
    for name, door in doors.items():
        try:
            door()
        except PermissionError as error:
            if "refused" not in str(error):
                raise
        else:
            opened.append(name)
    return {"opened": ",".join(opened), "inside": Path(inside).read_text()}

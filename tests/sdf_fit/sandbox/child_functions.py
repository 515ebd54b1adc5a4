"""What tests/sdf_fit/sandbox/test_capped_child.py runs inside the capped child: some behave, most do not."""

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
    return {
        "array": array * factor,
        "name": name,
        "flag": flag,
        "types": f"{type(factor).__name__} {type(name).__name__}",
    }


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


def parse_and_crash(path: str, max_vertices: int, max_faces: int) -> dict[str, Any]:
    return crash()


def parse_and_hang(path: str, max_vertices: int, max_faces: int) -> dict[str, Any]:
    return sleep(60.0)


def parse_and_lie(path: str, max_vertices: int, max_faces: int) -> dict[str, Any]:
    """Honest but for one index far out of range."""
    from sdf_fit.sketch.parse import parse

    arrays = parse(path, max_vertices, max_faces)
    arrays["faces"][0, 0] = 2**40
    return arrays


def parse_all(folder: str, max_vertices: int, max_faces: int) -> dict[str, Any]:
    """What the parser makes of every file in a folder: 'name|key' for its arrays, 'name|error' for what it
    raised."""
    from sdf_fit.sketch.parse import parse

    found: dict[str, Any] = {}
    for path in sorted(Path(folder).iterdir()):
        if path.suffix not in (".glb", ".gltf", ".obj", ".ply", ".stl") or not path.stat().st_size:
            continue
        try:
            arrays = parse(str(path), max_vertices, max_faces)
        except Exception as error:
            arrays = {"error": np.array([type(error).__name__, str(error), *map(str, error.args)])}
        found |= {f"{path.name}|{key}": value for key, value in arrays.items()}
    return found

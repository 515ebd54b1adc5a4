"""What the processes that parse sketches opened, as the kernel saw it: the server under `strace` (Linux).

strace writes one file a process. Those of sdf_fit.sandbox.capped_child are told by their first exec; of these every
path that was opened and every socket that was made is read. What also a sound sketch's child opens (Python, its
libraries, what they look up in /proc and /sys) is no reading outside; the rest is, unless it lies in the folder of
the call or in the folder of the sketch.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

_EXEC = re.compile(r'^execve\("[^"]*", \[(.*)\]')
_OPEN = re.compile(r'^(?:open|openat|openat2)\([^"]*"((?:[^"\\]|\\.)*)".* = (-?\d+)')
_SOCKET = re.compile(r"^(?:socket|connect)\(")
_PROCESS = re.compile(r"^/proc/(?:self|\d+)/")


@dataclass
class Opened:
    """Of all children together: how many there were, paths opened, calls that had to do with sockets."""

    children: int = 0
    paths: set[str] = field(default_factory=set)
    sockets: list[str] = field(default_factory=list)


def words(folder: Path) -> list[str]:
    """The words before a command that make strace write to `folder`; none where there is no strace."""
    if shutil.which("strace") is None:
        return []
    folder.mkdir(exist_ok=True)
    calls = "execve,open,openat,openat2,socket,connect"
    return ["strace", "-qq", "-ff", "--seccomp-bpf", "-e", f"trace={calls}", "-e", "signal=none", "-s", "4096",
            "-o", str(folder / "of")]  # fmt: skip


def read(folder: Path, seen: set[str]) -> Opened:
    """What the parsing children in the traces opened; those whose files are in `seen` are left out, and go into it."""
    found = Opened()
    for path in sorted(folder.glob("of.*")):
        if path.name in seen:
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        started = next((match for line in lines if (match := _EXEC.match(line))), None)
        if started is None or "sdf_fit.sandbox.capped_child" not in started[1]:
            continue
        seen.add(path.name)
        found.children += 1
        for line in lines:
            opened = _OPEN.match(line)
            if opened and int(opened[2]) >= 0:
                found.paths.add(opened[1])
            elif _SOCKET.match(line):
                found.sockets.append(line[:200])
    return found


def outside(found: Opened, usual: Opened, data: Path, temporary: Path) -> list[str]:
    """Paths that were opened and are none of the usual, nor in a folder that the child may read."""
    known = {_general(path) for path in usual.paths}
    folders = tuple(f"{each}/" for each in (data / "incoming", data / "uploads", temporary / "capped_child_"))
    own = (*folders[:2], str(temporary / "capped_child_"))
    return sorted(
        path
        for path in found.paths
        if _general(path) not in known
        and not (path.startswith(own) and "/../" not in path)
        and not _module(path)
    )


def _general(path: str) -> str:
    """A path without the process's number."""
    return _PROCESS.sub("/proc/self/", path)


def _module(path: str) -> bool:
    """A part of Python or of its packages that only some files need."""
    return "/site-packages/" in path or "/lib/python3" in path or path.endswith((".py", ".pyc", ".so"))

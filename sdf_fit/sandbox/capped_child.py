"""Run one function in a fresh Python process with a memory cap, a time limit, and no way out to network or
files.

Files of unknown origin are parsed here, and libraries that may crash (or whose licence keeps them apart) run
here: a segfault, a hang or a flood of memory costs the caller one ChildError instead of its own process.

The child is `python -m sdf_fit.sandbox.capped_child FOLDER`; arguments and results travel as .npz files in FOLDER, a
temporary folder of this call, and are never unpickled. Inside, an audit hook refuses sockets, sub-processes,
and files outside the interpreter's own libraries, FOLDER, and the `readable` and `writable` folders of the call. The
hook guards against honest libraries that follow a link out of a file (a texture's URL, a path with ..), not against
hostile native code.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from sdf_fit.sandbox.parent_death import die_with_parent

Value = np.ndarray | str | float | int | bool

POLL_SECONDS = 0.02
REFUSED_EVENTS = (
    "socket.",
    "urllib.",
    "http.",
    "ftplib.",
    "smtplib.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.spawn",
    "os.startfile",
    "os.remove",
    "os.rename",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "os.rmdir",
    "shutil.",
)


class ChildError(RuntimeError):
    """The child gave no result. `kind` is 'died', 'memory', 'slow' or 'raised'; for 'raised', `error_type`
    and `error_args` are the exception's class name and its arguments as text."""

    def __init__(
        self, kind: str, message: str, error_type: str = "", error_args: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.kind, self.error_type, self.error_args = kind, error_type, error_args


def run_capped(
    target: str,
    values: dict[str, Value],
    *,
    memory_bytes: int,
    seconds: float,
    readable: Path | None = None,
    writable: Path | None = None,
) -> dict[str, Any]:
    """Call `module:function(**values)` in a capped child and return the dict that it returns.

    Args:
        target: "package.module:function"; the function returns a dict of arrays, strings and numbers.
        values: its keyword arguments; scalars arrive as Python scalars.
        memory_bytes: cap on the child's memory (address space on Linux; resident memory everywhere, polled).
        seconds: wall-clock limit, start of the interpreter (about half a second) included.
        readable: a folder whose files the child may read besides Python's own.
        writable: a folder in which it may make files (and read them).

    Raises:
        ChildError: the child died, ran out of memory or time, or raised.
    """
    with tempfile.TemporaryDirectory(prefix="capped_child_") as folder_name:
        folder = Path(folder_name)
        _save(folder / "values.npz", values)
        order = {
            "target": target,
            "memory_bytes": int(memory_bytes),
            "cpu_seconds": int(seconds) + 5,
            "readable": str(readable.resolve()) if readable else "",
            "writable": str(writable.resolve()) if writable else "",
        }
        (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
        with open(folder / "log.txt", "wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-P", "-B", "-m", "sdf_fit.sandbox.capped_child", folder_name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,
            )
            try:
                _watch(child, target, memory_bytes, seconds)
            finally:
                _kill_group(child)
        return _result(folder, child.returncode, target, memory_bytes)


def _environment() -> dict[str, str]:
    """The parent's, with this package importable, and one thread for each numeric library (each costs address
    space)."""
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _watch(child: subprocess.Popen[bytes], target: str, memory_bytes: int, seconds: float) -> None:
    """Wait for the child to end; raise ChildError once it holds too much memory or takes too long."""
    end = time.monotonic() + seconds
    while child.poll() is None:
        if time.monotonic() > end:
            raise ChildError("slow", f"{target} took longer than {seconds:g} s")
        if _resident_bytes(child.pid) > memory_bytes:
            raise _out_of_memory(target, memory_bytes)
        time.sleep(POLL_SECONDS)


def _resident_bytes(pid: int) -> int:
    """Memory held by the process and its children now; 0 once it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    except psutil.Error:
        return 0


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started. On POSIX it leads a process group of its own."""
    if os.name == "posix":
        with contextlib.suppress(
            ProcessLookupError, PermissionError
        ):  # already gone (macOS says so by EPERM)
            os.killpg(child.pid, signal.SIGKILL)
    elif child.poll() is None:
        child.kill()
    child.wait()


def _result(folder: Path, returncode: int, target: str, memory_bytes: int) -> dict[str, Any]:
    """What the child left in its folder, or the ChildError that says why there is nothing."""
    error = folder / "error.json"
    if error.exists():
        said = json.loads(error.read_text(encoding="utf-8"))
        if said["type"] == "MemoryError":
            raise _out_of_memory(target, memory_bytes)
        raise ChildError("raised", f"{said['type']}: {said['text']}", said["type"], tuple(said["args"]))
    if returncode != 0 or not (folder / "result.npz").exists():
        ended = f"was ended by signal {-returncode}" if returncode < 0 else f"ended with code {returncode}"
        tail = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip()[-400:]
        raise ChildError("died", f"{target} {ended}" + (f": {tail}" if tail else ""))
    return _load(folder / "result.npz")


def _out_of_memory(target: str, memory_bytes: int) -> ChildError:
    return ChildError("memory", f"{target} wanted more than {memory_bytes / 2**20:.0f} MiB of memory")


def _save(path: Path, values: dict[str, Value]) -> None:
    arrays = {key: np.asarray(value) for key, value in values.items()}
    for key, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{key} is {type(values[key]).__name__}, wanted an array, a string or a number")
    np.savez(path, allow_pickle=False, **arrays)


def _load(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key].item() if file[key].ndim == 0 else file[key] for key in file.files}


# ---- inside the child ----


def _limit_resources(memory_bytes: int, cpu_seconds: int) -> None:
    """Hard limits where the system has them: Linux honours RLIMIT_AS; macOS refuses it, and Windows has
    none."""
    if os.name != "posix":
        return
    import resource

    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(
        resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds)
    )  # ends a child whose parent was killed where the kernel does not (parent_death.py)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _install_guard(folder: Path, readable: str, writable: str) -> None:
    """Refuse by audit hook (PEP 578): network, sub-processes, reading outside the roots, writing outside
    `folder` and `writable`."""
    own = [os.path.realpath(each) for each in (folder, *filter(None, [writable]))]
    libraries = (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))
    roots = {os.path.realpath(root) for root in (*libraries, *filter(None, [readable]))}
    code_roots = {
        os.path.realpath(root) for root in filter(None, sys.path)
    }  # e.g. a checkout: its modules alone
    code_suffixes = (".py", ".pyc", ".so", ".pyd", ".dylib")
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def inside(path: str, root: str) -> bool:
        return path == root or path.startswith(root.rstrip(os.sep) + os.sep)

    def readable_path(path: str) -> bool:
        if any(inside(path, root) for root in roots):
            return True
        return path.endswith(code_suffixes) and any(inside(path, root) for root in code_roots)

    def guard(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(REFUSED_EVENTS):
            raise PermissionError(f"{event} is refused while reading a file of unknown origin")
        if event != "open" or not isinstance(
            arguments[0], str | bytes
        ):  # a number is a file that is already open
            return
        path = os.path.realpath(os.fsdecode(arguments[0]))
        wants_write = bool((arguments[2] or 0) & writing) or any(c in (arguments[1] or "") for c in "wax+")
        if path == os.devnull or any(inside(path, each) for each in own):
            return
        if wants_write or not readable_path(path):
            verb = "writing" if wants_write else "reading"
            raise PermissionError(
                f"{verb} {path} is refused: it lies outside the folder of the file that is read"
            )

    sys.addaudithook(guard)


def _main(folder: Path) -> None:
    """Do the order in `folder`; leave result.npz or error.json there."""
    order = json.loads((folder / "order.json").read_text(encoding="utf-8"))
    die_with_parent()
    try:
        values = _load(folder / "values.npz")
        _limit_resources(order["memory_bytes"], order["cpu_seconds"])
        _install_guard(folder, order["readable"], order["writable"])
        module, function = order["target"].split(":")
        _save(folder / "result.npz", getattr(importlib.import_module(module), function)(**values))
    except Exception as error:  # whatever it is, the parent has to hear of it
        said = {"type": type(error).__name__, "text": str(error), "args": [str(part) for part in error.args]}
        (folder / "error.json").write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))

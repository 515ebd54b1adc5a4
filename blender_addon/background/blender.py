"""Runs one of this folder's scripts in a Blender of its own, so that the window never waits for it.

`this_program` is for the main thread, `run` for any other. Why a process and not a thread: Blender's exporters and
importers are operators, which work on the main thread only, and take seconds for a large mesh.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO, Any

from ..trouble import Trouble

CHILD = Path(__file__).parent / "child.py"
LOOK_EVERY = 0.05  # seconds between two looks at the process and at `stop`


@dataclass(frozen=True)
class Program:
    """`command` comes before the Python file that it is to run; `environment` is added to this process's own."""

    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def this_program() -> Program:
    """The Blender that runs now, or the Python whose module bpy is. Main thread only: it asks bpy."""
    import bpy  # not at the top: threads and plain Python import this file, too

    if not bpy.app.binary_path:  # bpy as a module
        return Program((sys.executable,))
    quiet = ("--background", "--factory-startup", "--python-exit-code", "1", "--python")
    return Program((bpy.app.binary_path, *quiet))


def run(
    program: Program, script: Path, request: dict[str, Any], folder: Path, timeout: float, stop: Event
) -> dict[str, Any]:
    """What `script`'s function answers to `request` (both of JSON's types). Blocks; any thread.

    `folder` is there already and gets SCRIPT.request.json, SCRIPT.answer.json and SCRIPT.log (all that was printed).
    Raises Trouble: the script's own; "cancelled" once `stop` is set; "too_slow" after `timeout` seconds;
    "disk_full"; "no_blender" when it cannot be started; "blender_failed" when it crashed, with its last words."""
    asked, answered, log = (folder / f"{script.stem}.{end}" for end in ("request.json", "answer.json", "log"))
    try:
        answered.unlink(missing_ok=True)
        asked.write_text(json.dumps({"request": request, "answer": str(answered)}), encoding="utf-8")
        with log.open("wb") as words, tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as empty:
            process = _started(program, script, asked, words, Path(empty))
            try:
                code = _waited(process, script, timeout, stop, log)
            finally:
                _kill(process)
    except OSError as error:
        raise _of_the_disk(error, folder) from error
    return _answer(answered, log, script, code)


def _started(program: Program, script: Path, asked: Path, log: IO[bytes], empty: Path) -> subprocess.Popen[bytes]:
    """The process. Its standard input is a pipe of which nothing comes: its end tells it that this Blender is gone."""
    command = [*program.command, str(CHILD), "--", str(script), str(asked)]
    # An empty folder for the user's settings: bpy as a module knows no --factory-startup
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(empty), **program.environment}
    own: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        own = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=empty, **own
        )
    except OSError as error:
        fix = "Restart Blender; if it was moved or updated while it ran, that mends it."
        raise Trouble("no_blender", f"{program.command[0]} could not be started: {error}.", fix) from error


def _waited(process: subprocess.Popen[bytes], script: Path, timeout: float, stop: Event, log: Path) -> int:
    """The exit code. Raises Trouble "cancelled" and "too_slow"."""
    end = time.monotonic() + timeout
    while process.poll() is None:
        if stop.wait(LOOK_EVERY):
            raise Trouble("cancelled", "It was cancelled.")
        if time.monotonic() > end:
            message = f"Blender's own process for {script.stem} took more than {timeout:g} s and was ended."
            raise Trouble("too_slow", message, f"Simplify the sketch, and try again. What it wrote is in {log}.")
    return process.returncode


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and its children, if it still runs."""
    if process.poll() is None:
        if sys.platform == "win32":
            tree = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            subprocess.run(tree, capture_output=True, creationflags=subprocess.CREATE_NO_WINDOW, check=False)
            process.kill()  # where taskkill could not; harmless after it
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _of_the_disk(error: OSError, folder: Path) -> Trouble:
    if error.errno == errno.ENOSPC:
        return Trouble("disk_full", f"The disk of {folder} is full.", "Make room on it, and try again.")
    return Trouble("blender_failed", f"{folder} could not be used: {error}.", "See that it can be written to.")


def _answer(answered: Path, log: Path, script: Path, code: int) -> dict[str, Any]:
    """What the process wrote. Raises its Trouble, and "blender_failed" when it wrote none."""
    if not answered.is_file():
        words = log.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(words) if line.strip()), "it printed nothing")
        message = f"Blender's own process for {script.stem} ended with code {code}: {last}"
        raise Trouble("blender_failed", message, f"What it wrote is in {log}; try a simpler sketch.")
    answer = json.loads(answered.read_text(encoding="utf-8"))
    if "trouble" in answer:
        raise Trouble(**answer["trouble"])
    return answer

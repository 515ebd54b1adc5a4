"""A server on this computer: found where it runs, or started so that it outlives Blender."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...trouble import Trouble
from ..address import PORT
from ..client import Address, Client
from ..stoppable_socket import raise_if_stopped
from .data import running

NOT_FOR_IT = ("PYTHONHOME", "PYTHONPATH")  # meant for Blender's Python
MOST_LOG = 2**20  # bytes of it that are read
KEPT_LOGS = 5
ANOTHER = "Another server runs on"  # in the server's own words: it has the data folder
ALONE = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows
PAUSE_SECONDS = 0.1
STOP_SECONDS = 20.0  # running jobs write a checkpoint; then it is killed
ASK_SECONDS = 3.0


@dataclass
class LocalServer:
    """A server of this computer. `process` and `log` are None when it ran already, and then `stop` leaves it."""

    address: Address
    process: subprocess.Popen[bytes] | None = None
    log: Path | None = None

    def stop(self) -> None:
        """Ends the server, as far as it was started here: its jobs wait in its queue for the next start."""
        if self.process is not None:
            _end(self.process)


def start(
    program: Path,
    folder_for_log: Path,
    timeout: float,
    stop: threading.Event,
    port: int = PORT,
    options: Sequence[str] = (),
) -> LocalServer:
    """Starts `realify serve`, or finds it running; returns once it answers. `options` are more of its own.

    Raises Trouble no_program, port_in_use, start_failed (with the last lines of its log), stopped.
    """
    data = _data_in(options)
    if here := _answering(data):
        return LocalServer(here)
    process, log = _launch([str(program), "serve", "--json", "--port", str(port), *options], folder_for_log)
    end = time.monotonic() + timeout
    try:
        while not (told := _told(log)):
            raise_if_stopped(stop)
            if process.poll() is not None:
                if ANOTHER in _last_lines(log) and (other := _wait_for_other(data, end, stop)):
                    return LocalServer(other)
                raise _ended(process.returncode, port, log)
            if time.monotonic() > end:
                message = f"The server did not answer within {timeout:g} s. {_last_lines(log)}"
                raise Trouble("start_failed", message, f"Give it more time in the preferences. Its log is {log}.")
            time.sleep(PAUSE_SECONDS)
        here = running(told)
        if here is None:
            raise Trouble("start_failed", f"The server ended as soon as it ran. {_last_lines(log)}", f"See {log}.")
    except BaseException:
        _end(process)
        raise
    return LocalServer(here, process, log)


def _answering(data: Path | None) -> Address | None:
    """The server that runs on the data folder, if it does answer."""
    here = running(data)
    if here is None:
        return None
    try:
        Client(here, ASK_SECONDS).version()
    except Trouble as trouble:
        if trouble.code in ("unreachable", "not_realify"):  # it was killed, and its port may be another program's
            return None
        raise
    return here


def _launch(command: list[str], folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """The process and its log."""
    try:
        log = _new_log(folder)
        with open(log, "ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={name: value for name, value in os.environ.items() if name not in NOT_FOR_IT},
                # Neither Ctrl-C nor the end of Blender ends it, and no console window opens.
                start_new_session=True,
                creationflags=ALONE,
            )
    except OSError as error:
        message = f"{command[0]} could not be started: {error.strerror or error}."
        raise Trouble("no_program", message, "Give Realify's own program in the preferences.") from error
    return process, log


def _new_log(folder: Path) -> Path:
    """A file of this start's own; of the ones before the newest are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("server-*.log"))[: -KEPT_LOGS + 1]:
        with suppress(PermissionError):  # Windows: a server writes into it
            old.unlink(missing_ok=True)
    return folder / f"server-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}.log"


def _told(log: Path) -> Path | None:
    """The data folder out of the one line that a server prints once it answers."""
    for line in _lines(log):
        if '"token_file"' not in line:
            continue
        try:
            about = json.loads(line)
        except ValueError:  # not written to its end yet, or a line of the log
            continue
        if isinstance(about, dict) and isinstance(about.get("data"), str):
            return Path(about["data"])
    return None


def _wait_for_other(data: Path | None, end: float, stop: threading.Event) -> Address | None:
    """Where two were started at once and this one came second: the first, once it answers."""
    while time.monotonic() < end:
        if here := _answering(data):
            return here
        raise_if_stopped(stop)
        time.sleep(PAUSE_SECONDS)
    return None


def _ended(code: int, port: int, log: Path) -> Trouble:
    """Why a server ended at its start."""
    said = _last_lines(log)
    if port and _is_taken(port):
        fix = "Stop that program, or give another port in the server's address in the preferences."
        return Trouble("port_in_use", f"Another program has the port {port}. {said}", fix)
    return Trouble("start_failed", f"The server ended at once (exit code {code}). {said}", f"Its log is {log}.")


def _is_taken(port: int) -> bool:
    """Whether somebody answers there."""
    try:
        socket.create_connection(("127.0.0.1", port), ASK_SECONDS).close()
    except OSError:
        return False
    return True


def _last_lines(log: Path) -> str:
    lines = [line.strip() for line in _lines(log) if line.strip()]
    return f"It said: {' '.join(lines[-5:])[-600:]}" if lines else "It said nothing."


def _lines(log: Path) -> list[str]:
    with open(log, "rb") as file:
        return file.read(MOST_LOG).decode("utf-8", "replace").splitlines()


def _data_in(options: Sequence[str]) -> Path | None:
    """The data folder that the options name, if any."""
    for at, option in enumerate(options):
        if option == "--data" and at + 1 < len(options):
            return Path(options[at + 1])
        if option.startswith("--data="):
            return Path(option.removeprefix("--data="))
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

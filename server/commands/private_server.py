"""A server of one command's own, which ends when the command does: `python -m server.commands.private_server`, with the
options of `realify serve`, lives until its standard input is closed.

No signal could promise that on every system, nor for a command that is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.client.client import Address, ClientError

# What is meant for the server that everybody uses.
NOT_FOR_IT = {f"REALIFY_{name}" for name in ("NAME", "TLS", "WATCH", "KEEP_DAYS", "KEEP_GIB")}
STOP_SECONDS = 30.0  # in which running jobs write their checkpoints


@contextmanager
def private_server(data: Path) -> Iterator[Address]:
    """Starts one on `data`; yields its address once it answers, and stops it at the end. Raises ClientError."""
    data.mkdir(parents=True, exist_ok=True)
    log = data / "server.log"
    command = [sys.executable, "-m", "server.commands.private_server", "--data", str(data)]
    command += ["--host", "127.0.0.1", "--port", "0", "--no-announce", "--json"]
    with open(log, "ab") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={name: value for name, value in os.environ.items() if name not in NOT_FOR_IT},
            start_new_session=True,  # Ctrl-C is for the command, which then closes this in good order
        )
    try:
        yield _address(process, log)
    finally:
        _stop(process)


def _address(process: subprocess.Popen[str], log: Path) -> Address:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait()
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        raise ClientError("no_server", "The server of this command did not start:\n" + "\n".join(said), f"See {log}.")
    told = json.loads(line)
    return Address(told["url"], Path(told["token_file"]).read_text(encoding="ascii").strip())


def _stop(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _end_with_input() -> None:
    """Ends this process in good order once nobody holds the other end of its standard input."""
    descriptor = os.dup(sys.stdin.fileno())
    while os.read(descriptor, 4096):
        pass
    signal.raise_signal(signal.SIGTERM)


def main() -> None:
    """Serves until standard input is closed."""
    import typer

    from server.commands.serve import serve

    threading.Thread(target=_end_with_input, daemon=True).start()
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(serve)
    app(prog_name="python -m server.commands.private_server")


if __name__ == "__main__":
    main()

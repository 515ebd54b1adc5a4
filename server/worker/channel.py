"""JSON lines between the server and its worker: orders come on stdin, what happens goes out on stdout.

The real stdout is taken away first, so that whatever a library prints (and a child process that inherits it)
lands on stderr, in the server's log. The server's end of stdin closes when it dies, however it dies: `on_lost`
is called then, and the process is to end.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable

from server.worker.protocol import Message


class Channel:
    """Both directions; `send` may be called from any thread."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self._on_lost = on_lost
        self._lock = threading.Lock()
        sys.stdout.flush()
        self._out = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        # a descriptor of its own, and nobody else's: a child process that read from stdin would eat orders
        self._in = os.fdopen(os.dup(0), "rb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)

    def send(self, message: Message) -> None:
        """Tells the server. A server that is gone ends the process."""
        line = memoryview((json.dumps(message) + "\n").encode())
        try:
            with self._lock:
                while line:
                    line = line[self._out.write(line) :]
        except OSError:
            self._on_lost()

    def listen(self, on_message: Callable[[Message], None]) -> None:
        """Hands on what comes, in a thread of its own that lasts as long as the process."""

        def read() -> None:
            for line in self._in:
                on_message(json.loads(line))
            self._on_lost()

        threading.Thread(target=read, name="orders", daemon=True).start()

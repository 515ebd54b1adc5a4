"""A connection that can be told to stop, and that knows how long the other end has been silent.

http.client reads and writes with calls that wait for as long as the socket's timeout says, and a stream whose read
timed out once cannot be read on. This waits in short slices instead, over a plain socket or TLS alike.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial

from ..trouble import Trouble

SLICE = 0.25  # seconds until `stop` is looked at
PIECE = 2**16  # bytes sent at a time
NEVER = threading.Event()  # for calls that nobody stops


def raise_if_stopped(stop: threading.Event) -> None:
    """Raises Trouble stopped."""
    if stop.is_set():
        raise Trouble("stopped", "It was stopped.")


class StoppableSocket:
    """What http.client takes for a socket. Its calls raise TimeoutError after `silence` seconds without a byte, and
    Trouble stopped soon after `stop` is set."""

    def __init__(self, channel: socket.socket, silence: float, stop: threading.Event) -> None:
        channel.settimeout(SLICE)
        self._channel, self.silence, self._stop = channel, silence, stop
        self._early: bytes | None = None  # what came while there was still to be sent; b"": the end

    def sendall(self, content: bytes) -> None:
        """All of it."""
        left = memoryview(content)
        while left:
            left = left[self._patiently(partial(self._channel.send, left[:PIECE])) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """What comes."""
        return io.BufferedReader(_Incoming(self), PIECE)

    def close(self) -> None:
        """http.client calls it while the answer is still to be read; `hang_up` is the end."""

    def hang_up(self) -> None:
        """Closes the socket."""
        self._channel.close()

    def has_answer(self) -> bool:
        """Whether the other end has said something, or is gone, though not all was sent; does not wait."""
        if self._early is not None:
            return True
        self._channel.settimeout(0)
        try:
            self._early = self._channel.recv(PIECE)
        except (BlockingIOError, ssl.SSLWantReadError):  # nothing, or words of TLS itself
            return False
        finally:
            self._channel.settimeout(SLICE)
        return True

    def receive(self, buffer: memoryview) -> int:
        """Bytes that were put into the buffer; 0 at the end."""
        if self._early:
            size = min(len(buffer), len(self._early))
            buffer[:size], self._early = self._early[:size], self._early[size:]
            return size
        return self._patiently(partial(self._channel.recv_into, buffer))

    def _patiently(self, act: Callable[[], int]) -> int:
        end = time.monotonic() + self.silence
        while True:
            raise_if_stopped(self._stop)
            try:
                return act()
            except TimeoutError as error:
                # With a number it is the system that gave the connection up.
                if error.errno is not None or time.monotonic() >= end:
                    raise


class _Incoming(io.RawIOBase):
    """The reading side, for a buffer around it."""

    def __init__(self, channel: StoppableSocket) -> None:
        self._channel = channel

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        return self._channel.receive(buffer)

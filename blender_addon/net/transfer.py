"""Files to a server and from it, piece by piece."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..trouble import Trouble
from .failure import not_realify
from .stoppable_socket import PIECE, raise_if_stopped

Progress = Callable[[int, int], object]  # bytes done, bytes in all
FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


def digest_of(path: Path, stop: threading.Event) -> tuple[int, str]:
    """Size and SHA-256 of a file. Raises Trouble cannot_read, stopped."""
    size, digest = 0, hashlib.sha256()
    for piece in _read(path):
        raise_if_stopped(stop)
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


def pieces_of(path: Path, size: int, on_progress: Progress) -> Iterator[bytes]:
    """A file's `size` bytes, as they are sent. Raises Trouble cannot_read, also when it is another file by now."""
    sent = 0
    on_progress(0, size)
    for piece in _read(path):
        if sent + len(piece) > size:
            break
        yield piece
        sent += len(piece)
        on_progress(sent, size)
    if sent != size:
        raise Trouble("cannot_read", f"{path} was changed while it was sent.", "Send it again.")


def save(answer: http.client.HTTPResponse, file: Path, url: str, on_progress: Progress) -> None:
    """The answer's body as a file, which is whole or not there. Raises Trouble disk_full, cannot_write, not_realify,
    http.client.IncompleteRead."""
    total = _announced(answer, url)
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    with _on_disk(file, total):
        handle = _create(part, total)
    try:
        with os.fdopen(handle, "wb", buffering=0) as opened:
            got = 0
            on_progress(0, total)
            while piece := answer.read(PIECE):
                with _on_disk(file, total):
                    _write(opened.write, piece)
                got += len(piece)
                on_progress(got, max(got, total))
            if answer.length:  # read(amount) says nothing when less came than was announced
                raise http.client.IncompleteRead(b"", answer.length)
            with _on_disk(file, total):
                os.fsync(opened.fileno())
        with _on_disk(file, total):
            os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def _create(part: Path, total: int) -> int:
    """An empty file where there is room for so many bytes. Raises OSError."""
    part.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(part.parent).free < total:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0))


def _announced(answer: http.client.HTTPResponse, url: str) -> int:
    """Bytes that will come; 0: the answer itself tells its end, chunk by chunk."""
    if answer.length is None and not answer.chunked:
        raise not_realify(url, "it does not say how long its files are")
    return answer.length or 0


def _write(write: Callable[[memoryview], int | None], piece: bytes) -> None:
    """All of it: a file without a buffer may take less at a time."""
    left = memoryview(piece)
    while left:
        left = left[write(left) or 0 :]


def _read(path: Path) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}."
        raise Trouble("cannot_read", message, "Run Realify on the sketch again.") from error


@contextmanager
def _on_disk(file: Path, total: int) -> Iterator[None]:
    """Keeps the disk's errors apart from the network's."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            wanted = f" {total / 2**20:.1f} MiB were wanted." if total else ""
            message = f"The disk is full: {file.name} could not be saved in {file.parent}.{wanted}"
            raise Trouble("disk_full", message, "Make room, then import it again: the server keeps it.") from error
        message = f"{file} could not be saved: {error.strerror or error}."
        raise Trouble("cannot_write", message, "Let this user write there, then import it again.") from error

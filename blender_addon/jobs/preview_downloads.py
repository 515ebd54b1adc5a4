"""Pictures of jobs that are at work, for their cards."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ..net.transfer import silent
from .connection import Connection
from .job import Job
from .state import SessionState
from .tasks import TaskQueue


class PreviewDownloads:
    """One at a time of each job; none of them twice."""

    def __init__(self, state: SessionState, tasks: TaskQueue, connection: Connection) -> None:
        self._state, self._tasks, self._connection = state, tasks, connection
        self._under_way: set[str] = set()  # keys of jobs
        self._asked: dict[str, str] = {}  # the newest address that was asked for, by the job's key

    def fetch(self, job: Job, file: Path) -> None:
        """The job's newest preview into `file`, in a thread."""
        client, address = self._connection.client, job.preview or ""
        if client is None or job.key in self._under_way or self._asked.get(job.key) == address:
            return
        self._under_way.add(job.key)
        self._asked[job.key] = address

        def work(stop: threading.Event) -> None:
            client.download(address, file, silent, stop)

        def then(_: Any) -> None:
            self._under_way.discard(job.key)
            self._state.touch()

        # A preview that does not come is not worth a message: the next one may.
        self._tasks.start(work, then, failed=then)

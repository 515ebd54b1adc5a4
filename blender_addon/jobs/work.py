"""What is under way for each job in a thread: it can be stopped, and what fails breaks the job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..net.client import Client
from ..trouble import Trouble
from .connection import Connection
from .job import OVER, Job, Phase
from .state import SessionState
from .tasks import Task, TaskQueue

Answer = dict[str, Any]


class JobWork:
    """`on_change` is told when what is kept of the jobs is out of date. All of it is called on the window's thread."""

    def __init__(
        self, state: SessionState, tasks: TaskQueue, connection: Connection, on_change: Callable[[], None]
    ) -> None:
        self.state, self.tasks, self.connection, self.on_change = state, tasks, connection, on_change
        self._at_work: dict[str, Task] = {}  # by the job's key

    def start(
        self,
        job: Job,
        work: Callable[[threading.Event], Answer],
        then: Callable[[Answer], None],
        failed: Callable[[Trouble], None] | None = None,
    ) -> None:
        """`work` in a thread, then `then` with its answer; without `failed` what fails breaks the job."""

        def done(answer: Answer) -> None:
            self._at_work.pop(job.key, None)
            then(answer)

        self._at_work[job.key] = self.tasks.start(work, done, failed or self.breaks(job))

    def ask(
        self,
        job: Job,
        question: Callable[[Client], Answer],
        then: Callable[[Answer], None],
        failed: Callable[[Trouble], None] | None = None,
    ) -> None:
        """A question to the server, once it is connected."""
        self.start(job, lambda stop: question(self.connection.wait_for_client(stop)), then, failed)
        self.changed()

    def stop(self, job: Job) -> None:
        """Nothing more is heard of what is under way."""
        if task := self._at_work.pop(job.key, None):
            task.stop()

    def breaks(self, job: Job, phase: Phase = "failed") -> Callable[[Trouble], None]:
        """What is called with the Trouble that ends the job."""

        def failed(trouble: Trouble) -> None:
            self._at_work.pop(job.key, None)
            job.phase, job.trouble = phase, trouble.as_dict()
            self.changed()

        return failed

    def changed(self) -> None:
        """A job's phase is another, or one is gone: what is kept of them is out of date."""
        ids = {each.id for each in self.state.jobs.values() if each.id and each.phase not in OVER}
        self.connection.follow = frozenset(ids)
        self.state.touch()
        self.on_change()

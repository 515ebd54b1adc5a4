"""Where threads and Blender meet: threads put what is to be done next into one queue, and the window's own thread
takes it out, a little at a time. Nothing else crosses.

    tasks.start(lambda stop: client.options(), then=show, failed=tell)
    tasks.poll()          # every tenth of a second by a timer; in a background Blender by whoever waits
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Generator
from typing import TypeVar

from ..trouble import Trouble

T = TypeVar("T")
POLL_SECONDS = 0.01  # of the window's thread at a time
PAUSE_SECONDS = 0.02


def unforeseen(error: Exception) -> Trouble:
    """For what nobody foresaw, so that no job waits for ever; its traceback goes to the console. Within `except`."""
    traceback.print_exc()
    return Trouble("internal", f"{type(error).__name__}: {error}", "The system console tells more.")


class Task:
    """Work in a thread of its own; `stop()` asks it to end, and nothing of it is heard any more."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def stop(self) -> None:
        self.stopped.set()


class TaskQueue:
    """The queue between threads and the window's thread, and the threads that are at work."""

    def __init__(self) -> None:
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._running: set[Task] = set()

    @property
    def is_busy(self) -> bool:
        """Whether something waits to be done on the window's thread."""
        return not self._inbox.empty()

    def post(self, what: Callable[[], None]) -> None:
        """From any thread: `what` is called by `poll`."""
        self._inbox.put(what)

    def start(
        self, work: Callable[[threading.Event], T], then: Callable[[T], None], failed: Callable[[Trouble], None]
    ) -> Task:
        """`work` runs in a thread; one of the others follows on the window's. An error that nobody foresaw is a
        Trouble too, "internal"."""
        task = Task()
        self._running.add(task)

        def finish(what: Callable[[], None]) -> None:
            self._running.discard(task)
            if not task.stopped.is_set():
                what()

        def run() -> None:
            try:
                result = work(task.stopped)
            except Trouble as trouble:
                self.post(lambda trouble=trouble: finish(lambda: failed(trouble)))
            except Exception as error:
                trouble = unforeseen(error)
                self.post(lambda: finish(lambda: failed(trouble)))
            else:
                self.post(lambda: finish(lambda: then(result)))

        threading.Thread(target=run, name="realify", daemon=True).start()
        return task

    def in_steps(
        self, steps: Generator[None, None, T], then: Callable[[T], None], failed: Callable[[Trouble], None]
    ) -> None:
        """Walks through what has to run on the window's thread, one step at a time, others between them."""

        def step() -> None:
            try:
                next(steps)
            except StopIteration as end:
                then(end.value)
            except Trouble as trouble:
                failed(trouble)
            except Exception as error:
                failed(unforeseen(error))
            else:
                self.post(step)

        self.post(step)

    def poll(self, seconds: float = POLL_SECONDS) -> None:
        """Does what is in the queue, until it is empty or the time is over."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            try:
                what = self._inbox.get_nowait()
            except queue.Empty:
                return
            what()

    def wait(self, over: Callable[[], bool], meanwhile: Callable[[], None]) -> None:
        """For scripts: calls `meanwhile`, which polls, until it is over."""
        while not over():
            meanwhile()
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        """Asks all threads to end; none of them is heard any more."""
        for task in self._running:
            task.stop()
        self._running.clear()

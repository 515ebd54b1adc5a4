"""One worker as the server sees it: a child process that is started again whenever it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from server.config import ServerConfig
from server.jobs.devices import WorkerSlot
from server.jobs.executor import WorkerState
from server.problem import ProblemDict
from server.worker.lifeline import kill_children
from server.worker.protocol import Message, Order, Outcome, order_to_dict

log = logging.getLogger("server.worker")
LINE_BYTES = 16 * 2**20  # of one message
TEAR_SECONDS = 1.0  # after which a cancelled job is torn out of a long call
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 60.0  # seconds before a worker that did not get ready is started again
CLOSE_SECONDS = 3.0  # for an idle worker to go by itself
END_SECONDS = 1.0  # from the end of its messages to its own end
_NEW_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # on Windows alone


class WorkerProcess:
    """All methods from one event loop. `on_change` is called whenever it may have become idle, or stopped being so."""

    def __init__(self, slot: WorkerSlot, config: ServerConfig, on_change: Callable[[], None]) -> None:
        self._slot, self._config, self._on_change = slot, config, on_change
        self.state = WorkerState(slot.name, "starting")
        self._process: asyncio.subprocess.Process | None = None
        self._order: Order | None = None
        self._on_message: Callable[[Message], None] = lambda message: None
        self._ended: asyncio.Future[Outcome] | None = None
        self._stopping = self._closing = self._got_ready = False
        self._kill_timer: asyncio.TimerHandle | None = None
        self._said: deque[str] = deque(maxlen=5)  # the newest lines on its stderr
        self._life: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the process, and keeps one running until `close`."""
        self._life = asyncio.create_task(self._live(), name=f"worker {self._slot.name}")

    def idle(self) -> bool:
        """Whether it would take an order now."""
        return self.state.state == "warm" and not self._closing

    def runs(self, job_id: str) -> bool:
        return self._order is not None and self._order.job_id == job_id

    async def run(self, order: Order, on_message: Callable[[Message], None]) -> Outcome:
        """Runs an order; only while idle()."""
        self._order, self._on_message, self._stopping = order, on_message, False
        self._ended = asyncio.get_running_loop().create_future()
        self._set(state="busy", job_id=order.job_id)
        self._send({"type": "run", "order": order_to_dict(order)})
        return await self._ended

    def stop(self, tear: bool = True) -> None:
        """Asks the job in hand to stop; kills the process if it has not after the configured seconds. `tear`: no
        checkpoint is waited for."""
        if self._order is None:
            return
        self._stopping = True
        names = {"job_id": self._order.job_id, "attempt": self._order.attempt}
        self._send({"type": "stop", **names, "tear_after": TEAR_SECONDS if tear else None})
        if self._kill_timer is None:
            loop = asyncio.get_running_loop()
            self._kill_timer = loop.call_later(self._config.cancel_seconds, self._kill)

    async def close(self) -> None:
        """Ends the process: at its next checkpoint if it is busy, at once if it never got ready."""
        self._closing = True
        if self._life is None:
            return
        if self._ended is not None and self._order is not None:
            self.stop(tear=False)
            await asyncio.wait([self._ended])
        if self.state.state == "warm":
            self._send({"type": "close"})
            await asyncio.wait([self._life], timeout=CLOSE_SECONDS)
        self._kill()
        if self.state.state == "dead":
            self._life.cancel()  # it sleeps until the next start
        await asyncio.wait([self._life])

    async def _live(self) -> None:
        """One process after the other. The pause between two grows while they do not even get ready."""
        pause = FIRST_PAUSE
        while not self._closing:
            problem = await self._one_life()
            if self._closing:
                return
            pause = FIRST_PAUSE if self._got_ready else min(2 * pause, LONGEST_PAUSE)
            log.warning("%s Another one is started in %.1f s.", problem["message"], pause, extra=self._names())
            self._set(state="dead", pid=None, problem=problem, restarts=self.state.restarts + 1)
            await asyncio.sleep(pause)

    async def _one_life(self) -> ProblemDict:
        """Starts a process and hears it out; returns why it ended."""
        self._got_ready = False
        self._said.clear()
        try:
            process = self._process = await self._spawn()
        except OSError as error:
            return _problem("worker_not_started", f"The worker could not be started: {error}.", "See the server's log.")
        if self._closing:  # asked for while it was being started
            self._kill()
        self._set(state="starting", pid=process.pid, problem=None)
        listening = asyncio.create_task(self._hear_errors(process))
        try:
            await self._hear(process)
        finally:
            # One that ends by itself is left to asyncio: a kill that came between would take away its exit code.
            await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=END_SECONDS)
            self._kill()
            await process.wait()
            await asyncio.wait([listening], timeout=1.0)  # what it said last; a grandchild might keep the pipe open
            listening.cancel()
            problem = _UNANSWERED if self._stopping else self._obituary(process.returncode or 0)
            self._set(state="dead", pid=None, job_id=None)
            self._end(Outcome("stopped") if self._stopping else Outcome("lost", problem))
            self._process = None
        return problem

    async def _spawn(self) -> asyncio.subprocess.Process:
        config, root = self._config, Path(__file__).resolve().parents[2]
        paths = [str(root), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        own = {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONFAULTHANDLER": "1"}
        words = ["--pipeline", config.pipeline, "--device", self._slot.device, "--warm", config.warm_prior]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "server.worker",
            *words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            limit=LINE_BYTES,
            env=os.environ | own | self._slot.environment,
            # a group of its own: Ctrl-C in the server's terminal is the server's to answer
            start_new_session=os.name == "posix",
            creationflags=_NEW_GROUP,
        )

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        """Its messages, until it ends or talks nonsense."""
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                self._take(json.loads(line))
        except ValueError as error:  # no JSON, or no end of a line
            log.error("the worker sent what is no message: %s", error, extra=self._names())

    async def _hear_errors(self, process: asyncio.subprocess.Process) -> None:
        """What it and its libraries print, into the server's log."""
        assert process.stderr is not None
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:  # longer than anyone reads
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            self._said.append(text)
            log.info("%s", text, extra=self._names())

    def _take(self, message: Message) -> None:
        if message["type"] == "ready":
            self._got_ready = True
            self._set(state="warm", device=message["device"], problem=message["problem"])
        elif message["type"] == "ended":
            lost = message["ending"] == "lost"
            self._set(state="starting" if lost else "warm", job_id=None)
            self._end(Outcome(message["ending"], message["problem"]))
            if lost:  # it means to go by itself, but a broken GPU can keep it
                self._kill()
        elif self._order is not None:
            self._on_message(message)

    def _end(self, outcome: Outcome) -> None:
        """The order in hand, if there is one, has come to its end."""
        if self._kill_timer is not None:
            self._kill_timer.cancel()
            self._kill_timer = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(outcome)
        self._order = None
        self._stopping = False

    def _send(self, message: Message) -> None:
        """A process that is gone does not hear it; `_hear` finds that out."""
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write((json.dumps(message) + "\n").encode())

    def _kill(self) -> None:
        """Ends it and all that it started, if it still runs."""
        if self._process is not None and self._process.returncode is None:
            kill_children(self._process.pid)
            try:
                self._process.kill()
            except ProcessLookupError:  # it went in this moment
                return

    def _obituary(self, code: int) -> ProblemDict:
        said = " ".join(self._said).strip()[-400:]
        last = f" It said last: {said}" if said else ""
        if code < 0:
            name = signal.Signals(-code).name
            hint = " (short of memory, the system kills so)" if name == "SIGKILL" else ""
            message = f"The worker was ended by {name}{hint}.{last}"
        else:
            message = f"The worker ended by itself, with code {code}.{last}"
        return _problem("worker_died", message, "The server's log tells more; a smaller preset needs less memory.")

    def _set(self, **changes: object) -> None:
        self.state = WorkerState(**(vars(self.state) | changes))  # pyright: ignore[reportArgumentType]
        self._on_change()

    def _names(self) -> dict[str, object]:
        """For the log."""
        return {"worker": self._slot.name, "job_id": self._order.job_id if self._order else None}


_UNANSWERED: ProblemDict = {
    "code": "worker_killed",
    "message": "The worker did not stop when it was asked to, and was ended.",
    "fix": "Nothing is to be done.",
}


def _problem(code: str, message: str, fix: str) -> ProblemDict:
    return {"code": code, "message": message, "fix": fix}

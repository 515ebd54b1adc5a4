"""The connection to the server: one thread that shakes hands, asks how the jobs stand, and then listens to what
happens; when it breaks it starts again from the top, so that nothing that happened meanwhile is missed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ..net.address import DEFAULT, is_loopback, normalised
from ..net.client import Address, Client
from ..net.events import stream
from ..net.local.data import running, token_for
from ..trouble import Trouble
from .state import ServerStatus, SessionState
from .tasks import Task, TaskQueue, unforeseen

WAIT_SECONDS = 10.0  # for a connection that is broken or was never there
PAUSES = (0.5, 1.0, 2.0, 5.0)  # seconds before the next try


class Connection:
    """`on_job` gets a job as the server has it, `on_event` an event, `on_lost` the id of one that it does not know;
    all of them on the window's thread."""

    def __init__(
        self,
        state: SessionState,
        tasks: TaskQueue,
        on_job: Callable[[dict[str, Any]], None],
        on_event: Callable[[dict[str, Any]], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._state, self._tasks = state, tasks
        self._on_job, self._on_event, self._on_lost = on_job, on_event, on_lost
        self._task: Task | None = None
        self._again = threading.Event()
        self._tries = 0  # in a row that failed
        self.client: Client | None = None  # set while the server is known to answer
        self.follow: frozenset[str] = frozenset()  # ids that are asked for when it stands

    @property
    def is_open(self) -> bool:
        """Whether there is a thread that tries."""
        return self._task is not None

    def open(self, url: str, token: str, fingerprint: str, timeout: float, online: bool) -> None:
        """Connects, and stays connected until `close`; one that was open is closed before."""
        self.close()
        self._state.status = ServerStatus("connecting", url=url)
        self._state.touch()
        self._again = threading.Event()
        again = self._again

        def work(stop: threading.Event) -> None:
            self._keep_connected(lambda: _client(url, token, fingerprint, timeout, online), stop, again)

        self._task = self._tasks.start(work, then=lambda _: None, failed=self._broken)

    def wait_for_client(self, stop: threading.Event) -> Client:
        """For threads: the client, once it stands. Raises Trouble "unreachable" after a while."""
        end = time.monotonic() + WAIT_SECONDS
        while (client := self.client) is None:
            if stop.wait(0.05) or time.monotonic() > end:
                fix = self._state.status.fix or "Start or connect a server."
                raise Trouble("unreachable", "No server answers.", f"{fix} Then Retry: nothing is lost.")
        return client

    def try_now(self) -> None:
        """Does not wait for the next try."""
        self._again.set()

    def close(self) -> None:
        """Ends it; what it still has to say is not heard."""
        if self._task is not None:
            self._task.stop()
            self._again.set()
        self._task, self.client = None, None

    def _keep_connected(self, connect: Callable[[], Client], stop: threading.Event, again: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._listen(connect(), stop)
                trouble = Trouble("unreachable", "The server closed the connection.", "It is tried again.")
            except Trouble as error:
                trouble = error
            except Exception as error:  # jobs on the server must not be given up for it
                trouble = unforeseen(error)
            self._tell(stop, lambda trouble=trouble: self._broken(trouble))
            again.wait(PAUSES[min(self._tries, len(PAUSES) - 1)])
            again.clear()
            self._tries += 1

    def _listen(self, client: Client, stop: threading.Event) -> None:
        about, options, stands = client.version(), client.options(), False
        for message in stream(client, None, stop):
            if message is not None:
                self._tell(stop, lambda event=message.data: self._on_event(event))
                continue
            is_ready, reason = client.ready()
            status = ServerStatus("ready", "" if is_ready else reason, "", client.address.url, about["version"])
            if not stands:  # what is asked from here on leaves no gap before the stream's first event
                known = {server_id: self._ask(client, server_id) for server_id in self.follow}
                self._tell(stop, lambda status=status, known=known: self._stands(client, status, options, known))
            elif not stop.is_set():
                self._tell(stop, lambda status=status: self._say(status))
            stands, self._tries = True, 0

    @staticmethod
    def _ask(client: Client, server_id: str) -> dict[str, Any] | None:
        try:
            return client.job(server_id)
        except Trouble as trouble:
            if trouble.code == "unknown_job":
                return None
            raise

    def _tell(self, stop: threading.Event, what: Callable[[], None]) -> None:
        self._tasks.post(lambda: None if stop.is_set() else what())

    # On the window's thread

    def _stands(
        self, client: Client, status: ServerStatus, options: dict[str, Any], known: dict[str, dict[str, Any] | None]
    ) -> None:
        self.client, self._state.status, self._state.options = client, status, options
        for server_id, job in known.items():
            if job is None:
                self._on_lost(server_id)
            else:
                self._on_job(job)
        self._state.touch()

    def _say(self, status: ServerStatus) -> None:
        if self._state.status != status:
            self._state.status = status
            self._state.touch()

    def _broken(self, trouble: Trouble) -> None:
        self.client = None
        self._say(ServerStatus(trouble.code, trouble.message, trouble.fix, self._state.status.url))


def _client(url: str, token: str, fingerprint: str, timeout: float, online: bool) -> Client:
    """In the thread: the token of a server of this computer lies in its data folder. An address that was left as it
    is means the server that runs here, whatever its port."""
    plain, in_address = normalised(url)
    here = running() if plain == DEFAULT else None
    if here is not None:
        return Client(Address(here.url, token or here.token, fingerprint or here.fingerprint), timeout, online)
    token = token or in_address or (token_for(plain) if is_loopback(plain) else "")
    return Client(Address(plain, token, fingerprint), timeout, online)

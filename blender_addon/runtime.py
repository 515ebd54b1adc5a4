"""The session: what is known, one connection to the server, the way that jobs take; and the timer that keeps it going.

Blender's own thread alone comes here. `state` is there from the start, so that drawing needs no care.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from .actions import JobActions
from .flow import JobFlow
from .jobs.connection import Connection
from .jobs.job import OVER, Job
from .jobs.state import ServerStatus, SessionState
from .jobs.tasks import TaskQueue, unforeseen
from .net.local.server import LocalServer
from .scene import result
from .trouble import Trouble

TICK_SECONDS = 0.1
REST_SECONDS = 0.5  # where there is nothing to wait for
PACKAGE = __package__

state = SessionState()
tasks = TaskQueue()
connection: Connection
flow: JobFlow
actions: JobActions
local_server: LocalServer | None = None  # the server that was started here
wanted = False  # whether anybody looks at the panel, or has asked for the server
held = False  # whether a server is being started, or could not be: its message stands until somebody connects
_opened: tuple[Any, ...] | None = None  # what the connection was opened with
_drawn = (0, 0)  # the state's changes and the second that were drawn last


def start(on_change: Callable[[], None]) -> None:
    """Makes the session's parts and sets the timer going; `on_change` hears of every change of a job."""
    global state, tasks, connection, flow, actions, wanted, held, _opened
    state, tasks = SessionState(), TaskQueue()
    connection = Connection(
        state,
        tasks,
        on_job=lambda told: flow.take(state.job_of(told["id"]), told),
        on_event=lambda event: flow.heard(event),
        on_lost=lambda server_id: flow.lost(server_id),
    )
    flow = JobFlow(state, tasks, connection, user_folder("jobs"), on_change=on_change)
    actions = JobActions(flow)
    wanted, held, _opened = False, False, None
    bpy.app.timers.register(_timer, first_interval=TICK_SECONDS, persistent=True)


def stop() -> None:
    """Ends threads and timer; jobs go on on the server."""
    if bpy.app.timers.is_registered(_timer):
        bpy.app.timers.unregister(_timer)
    connection.close()
    tasks.close()
    if local_server is not None and preferences().stop_server:
        local_server.stop()


def user_folder(name: str) -> Path:
    """A folder that the extension may write to."""
    return Path(bpy.utils.extension_path_user(PACKAGE, path=name, create=True))


def preferences() -> Any:
    """What the user set for this Blender (ui/preferences.py). Raises KeyError while the extension is not enabled."""
    return bpy.context.preferences.addons[PACKAGE].preferences


def _timer() -> float:
    try:
        tick()
    except Exception as error:  # a timer that raises is never called again, and every job would stand still
        trouble = unforeseen(error)
        state.status = ServerStatus(trouble.code, trouble.message, trouble.fix)
    busy = any(job.phase not in OVER for job in state.jobs.values()) or tasks.is_busy
    return TICK_SECONDS if busy else REST_SECONDS


def tick(place_all: bool = False) -> None:
    """One turn: what threads brought, results that can be placed now, the connection, the drawing. With `place_all`
    results are placed whatever goes on, for scripts."""
    tasks.poll()
    _keep_connected()
    _place_one(place_all)
    _redraw()


def connect() -> None:
    """Connects with what the preferences say now, unless the connection stands already."""
    global wanted, held
    wanted, held = True, False
    if state.status.state != "ready":
        connection.close()
    _keep_connected()


def hold() -> None:
    """No connection while a server is started; `connect`, or another address in the preferences, opens it again."""
    global held
    held = True
    connection.close()


def _keep_connected() -> None:
    """A connection is open where one is wanted, to where the preferences say."""
    global _opened, held
    if not (wanted or any(job.phase not in OVER for job in state.jobs.values())):
        return
    chosen = preferences()
    to = (chosen.url, chosen.token, chosen.fingerprint, chosen.timeout, bpy.app.online_access)
    if to != _opened or not (held or connection.is_open):
        _opened, held = to, False
        connection.open(*to)


def _place_one(whatever: bool) -> None:
    chosen = preferences()
    flow.keep_files, flow.hide_sketch = chosen.keep_files, chosen.hide_sketch
    waiting: Job | None = next((job for job in state.jobs.values() if job.phase == "ready"), None)
    if waiting is None or not (whatever or (chosen.auto_import and not waiting.was_imported)):
        return
    if not whatever and result.can_import_now(bpy.context) is not None:
        return
    try:
        flow.place(waiting, bpy.context)
    except Exception as error:  # what fails would be tried again in each turn
        trouble = error if isinstance(error, Trouble) else unforeseen(error)
        waiting.phase, waiting.trouble = "failed", trouble.as_dict()
        flow.work.changed()


def _redraw() -> None:
    """Draws the sidebars anew where something changed, and each second where a time left is counted down."""
    global _drawn
    counting = any(job.seconds_left is not None for job in state.jobs.values() if job.phase == "running")
    now = (state.changes, int(time.time()) if counting else 0)
    if now == _drawn or bpy.app.background:
        return
    _drawn = now
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                for region in area.regions:
                    if region.type in ("UI", "WINDOW") and (region.type == "UI" or area.type == "PREFERENCES"):
                        region.tag_redraw()

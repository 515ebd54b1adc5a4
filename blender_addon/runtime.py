"""The session: one desk, one line to the server, one course that jobs take; and the timer that keeps them going.

Blender's own thread alone comes here. `desk` is there from the start, so that drawing needs no care.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .course import Course
from .jobs.desk import Desk, Status, unforeseen
from .jobs.job import OVER, Job
from .jobs.link import Link
from .scene import result
from .trouble import Trouble

if TYPE_CHECKING:
    from .net.local_server import Started

TICK_SECONDS = 0.1
REST_SECONDS = 0.5  # where there is nothing to wait for
PACKAGE = __package__

desk = Desk()
link: Link
course: Course
started: Started | None = None  # the server that was started here
wanted = False  # whether anybody looks at the panel, or has asked for the server
held = False  # whether a server is being started, or could not be: its message stands until somebody connects
_line: tuple[Any, ...] | None = None  # what the open line was opened with
_drawn = (0, 0)  # the desk's changes and the second that were drawn last


def start(on_change: Callable[[], None]) -> None:
    """Makes the session's parts and sets the timer going; `on_change` hears of every change of a job."""
    global desk, link, course, wanted, held, _line
    desk = Desk()
    link = Link(
        desk,
        on_job=lambda told: course.take(desk.job_of(told["id"]), told),
        on_event=lambda event: course.heard(event),
        on_lost=lambda server_id: course.lost(server_id),
    )
    course = Course(desk, link, user_folder("jobs"), on_change=on_change)
    wanted, held, _line = False, False, None
    bpy.app.timers.register(_timer, first_interval=TICK_SECONDS, persistent=True)


def stop() -> None:
    """Ends threads and timer; jobs go on on the server."""
    if bpy.app.timers.is_registered(_timer):
        bpy.app.timers.unregister(_timer)
    link.close()
    desk.close()
    if started is not None and preferences().stop_server:
        started.stop()


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
        desk.status = Status(trouble.code, trouble.message, trouble.fix)
    busy = any(job.phase not in OVER for job in desk.jobs.values()) or desk.is_busy
    return TICK_SECONDS if busy else REST_SECONDS


def tick(place_all: bool = False) -> None:
    """One turn: what threads brought, results that can be placed now, the line, the drawing. With `place_all` results
    are placed whatever goes on, for scripts."""
    desk.poll()
    _keep_line()
    _place_one(place_all)
    _redraw()


def connect() -> None:
    """Opens the line with what the preferences say now, unless it stands already."""
    global wanted, held
    wanted, held = True, False
    if desk.status.state != "ready":
        link.close()
    _keep_line()


def hold() -> None:
    """No line while a server is started; `connect`, or another address in the preferences, opens it again."""
    global held
    held = True
    link.close()


def _keep_line() -> None:
    """A line is open where one is wanted, to where the preferences say."""
    global _line, held
    if not (wanted or any(job.phase not in OVER for job in desk.jobs.values())):
        return
    chosen = preferences()
    line = (chosen.url, chosen.token, chosen.fingerprint, chosen.timeout, bpy.app.online_access)
    if line != _line or not (held or link.is_open):
        _line, held = line, False
        link.open(*line)


def _place_one(whatever: bool) -> None:
    chosen = preferences()
    course.keep_files, course.hide_sketch = chosen.keep_files, chosen.hide_sketch
    waiting: Job | None = next((job for job in desk.jobs.values() if job.phase == "ready"), None)
    if waiting is None or not (whatever or (chosen.auto_import and not waiting.was_imported)):
        return
    if not whatever and result.can_import_now(bpy.context) is not None:
        return
    try:
        course.place(waiting, bpy.context)
    except Exception as error:  # what fails would be tried again in each turn
        trouble = error if isinstance(error, Trouble) else unforeseen(error)
        waiting.phase, waiting.trouble = "failed", trouble.as_dict()
        course.changed(waiting)


def _redraw() -> None:
    """Draws the sidebars anew where something changed, and each second where a time left is counted down."""
    global _drawn
    counting = any(job.seconds_left is not None for job in desk.jobs.values() if job.phase == "running")
    now = (desk.changes, int(time.time()) if counting else 0)
    if now == _drawn or bpy.app.background:
        return
    _drawn = now
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                for region in area.regions:
                    if region.type in ("UI", "WINDOW") and (region.type == "UI" or area.type == "PREFERENCES"):
                        region.tag_redraw()

"""Jobs and the .blend file: written into its scenes whenever they change, read out of them when it is opened, and
written again after an undo, which takes back what the file held but not what happened on the server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import runtime
from .jobs import journal
from .jobs.job import Job
from .jobs.state import ServerStatus
from .scene import subject
from .trouble import Trouble

_unread: dict[str, list[Any]] = {}  # scene -> what stands among its jobs and is none that this version can read
_objects: dict[str, int] = {}  # identity -> Blender's number of the object in this session, which undo does not touch


def write_down() -> None:
    """The jobs into their scenes; those whose scene is gone into the first."""
    names = {scene.name for scene in bpy.data.scenes}
    first = bpy.data.scenes[0].name
    for scene in bpy.data.scenes:
        own = [
            job.as_dict()
            for job in runtime.state.jobs.values()
            if (job.scene if job.scene in names else first) == scene.name
        ]
        own += [kept for name in _unread if (name if name in names else first) == scene.name for kept in _unread[name]]
        text = json.dumps(own, ensure_ascii=False) if own else ""
        if scene.realify.jobs != text:
            scene.realify.jobs = text
    known = {uid for job in runtime.state.jobs.values() for uid in job.members}
    _objects.update({obj.realify.uid: obj.session_uid for obj in bpy.data.objects if obj.realify.uid in known})


def read_back() -> None:
    """The jobs of the file that was opened, with those that the journal alone knows because it was not saved."""
    _unread.clear()
    jobs = {job.key: job for scene in bpy.data.scenes for job in _jobs_in(scene)}
    path = bpy.data.filepath
    for job in journal.kept(runtime.flow.folder) if path else ():
        known = jobs.get(job.key)
        if known is None and job.file == path:
            jobs[job.key] = job
            _name_again(job)
        elif known is not None and known.id is None:
            jobs[job.key] = replace(known, id=job.id, phase=job.phase)
    _objects.clear()
    runtime.state.unread = sum(map(len, _unread.values()))
    runtime.state.jobs = dict(sorted(jobs.items(), key=lambda item: item[1].created))
    for job in list(runtime.state.jobs.values()):
        runtime.flow.resume(job)
    write_down()
    runtime.connection.follow = frozenset(job.id for job in jobs.values() if job.id)
    runtime.connection.close()  # opened anew by the next tick, it asks how these jobs stand
    runtime.state.touch()


def _name_again(job: Job) -> None:
    """The objects of a job that the file does not know of have lost their identities with it, but not their names."""
    for uid, name in zip(job.members, job.names, strict=True):
        obj = bpy.data.objects.get((name, None))
        if obj is not None and not obj.realify.uid and subject.find(uid) is None:
            obj.realify.uid = uid


def _jobs_in(scene: bpy.types.Scene) -> list[Job]:
    """Those that are written in it. What is none that can be read (a later version's, another program's) is kept as it
    stands, and written down again."""
    found = []
    for each in _entries(scene.realify.jobs):
        try:
            found.append(Job.from_dict(each))
        except (ValueError, TypeError) as error:
            print(f"Realify: a job of the scene {scene.name} cannot be read and is kept: {error}")
            _unread.setdefault(scene.name, []).append(each)
    return found


def _entries(text: str) -> list[Any]:
    """A text that is no list is one entry."""
    try:
        entries = json.loads(text or "[]")
    except ValueError:
        return [text]
    return entries if isinstance(entries, list) else [entries]


@persistent
def _opened(*_: Any) -> None:
    read_back()


@persistent
def _undone(*_: Any) -> None:
    """Identities that the undo took away come back, by Blender's own number of the object."""
    numbers = {number: uid for uid, number in _objects.items()}
    for obj in bpy.data.objects:
        uid = numbers.get(obj.session_uid)
        if uid is not None and obj.realify.uid != uid:
            obj.realify.uid = uid
    write_down()
    runtime.state.touch()


@persistent
def _saved(*_: Any) -> None:
    """A file that got its name, or another one: the journal knows the jobs by it."""
    for job in runtime.state.jobs.values():
        if job.file != bpy.data.filepath:
            job.file = bpy.data.filepath
            try:
                journal.keep(runtime.flow.folder, job)
            except Trouble as trouble:
                runtime.state.status = ServerStatus(trouble.code, trouble.message, trouble.fix)


HANDLERS = {"load_post": _opened, "undo_post": _undone, "redo_post": _undone, "save_post": _saved}


def register() -> None:
    """Listens to Blender."""
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Listens no more."""
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)

"""A sketch file on its way into the scene: read by a Blender of its own, in a thread, then added here."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import bpy

from ..background import blender
from ..trouble import Trouble
from . import result, undo
from .blend_file import append

Start = Callable[[Callable[[threading.Event], None], Callable[[None], None], Callable[[Trouble], None]], object]

READ = Path(blender.__file__).with_name("read_sketch.py")
SECONDS = 1800.0  # a sketch of millions of faces takes minutes
LATER = 0.5  # seconds until it is looked again whether objects can be added


def begin(
    file: Path, folder: Path, program: blender.Program, start: Start, waits: bool,
    told: Callable[[Trouble | None], None],
) -> None:  # fmt: skip
    """Returns at once; `start` runs work in a thread (TaskQueue.start), `program` is the Blender that reads. `told`
    gets None, or what went wrong, when it is over. With `waits` objects are added when nothing else goes on in the
    window; scripts want them whatever goes on."""
    own = folder / uuid.uuid4().hex
    request = {"file": str(file.absolute()), "blend": str(own / "sketch.blend")}

    def work(stop: threading.Event) -> None:
        if not file.is_file():
            raise Trouble("no_file", f"There is no file {file}.", "Name another one.")
        own.mkdir(parents=True)
        blender.run(program, READ, request, own, SECONDS, stop)

    def then(_: None = None) -> None:
        if waits and result.can_import_now(bpy.context) is not None:
            bpy.app.timers.register(then, first_interval=LATER)
            return
        try:
            add(own / "sketch.blend", file.stem)
        except Trouble as trouble:
            over(trouble)
        else:
            over(None)

    def over(trouble: Trouble | None) -> None:
        shutil.rmtree(own, ignore_errors=True)  # an extension's folder may be emptied at any time
        told(trouble)

    start(work, then, over)


def add(blend: Path, name: str) -> bpy.types.Collection:
    """The collection of that .blend file into the scene, called `name`, its objects selected. One Ctrl-Z takes it
    back. Raises Trouble "no_result"."""
    window = bpy.context.window_manager.windows[0]
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    collection = append(blend, "collections")
    collection.name = name
    window.scene.collection.children.link(collection)
    for each in window.view_layer.objects.selected[:]:
        each.select_set(False, view_layer=window.view_layer)
    for each in collection.objects:
        each.select_set(True, view_layer=window.view_layer)
    shapes = [each for each in collection.objects if each.type != "EMPTY"]
    window.view_layer.objects.active = shapes[0]
    window.scene.realify.joined = len(shapes) > 1  # a file is one sketch, of however many meshes
    undo.push(f"Open {name}")
    return collection

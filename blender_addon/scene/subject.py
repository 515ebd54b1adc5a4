"""Which objects are meant: the sketch itself, whether it or its result is selected; and how a job finds it again."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable

import bpy


def result_of(sketch: bpy.types.Object) -> bpy.types.Object | None:
    """What a sketch became, if both know of each other (a copy of either has one end of the link alone) and it is
    still in a scene (a deleted object lives on while something points at it)."""
    result = sketch.realify.result
    if result is None or result.realify.sketch != sketch or not result.users_scene:
        return None
    return result


def sketch_of(obj: bpy.types.Object) -> bpy.types.Object:
    """The sketch that this is the result of, else the object itself."""
    sketch = obj.realify.sketch
    if sketch is not None and sketch.realify.result == obj and sketch.users_scene:
        return sketch
    return obj


def subject(context: bpy.types.Context) -> bpy.types.Object | None:
    """The sketch that the panel is about: the active object, or what it was made of."""
    active = context.view_layer.objects.active if context.view_layer else None
    return None if active is None else sketch_of(active)


def selected(context: bpy.types.Context) -> list[list[bpy.types.Object]]:
    """The sketches that are selected, the active one first, each once, with all objects that it is made of: a result
    stands for what was sent for it. An active sketch that its result hides counts, since what is hidden cannot be
    selected."""
    active = context.view_layer.objects.active
    chosen = context.view_layer.objects.selected[:]
    if active in chosen or (active is not None and not active.visible_get() and result_of(active) is not None):
        chosen = [active, *(obj for obj in chosen if obj != active)]
    sketches: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for obj in chosen:
        sketch = sketch_of(obj)
        through_result = sketch != obj or not obj.visible_get()
        sketches.setdefault(sketch, whole(sketch) if through_result else [sketch])
    return list(sketches.values())


def whole(sketch: bpy.types.Object) -> list[bpy.types.Object]:
    """All objects that were sent together with it, itself first."""
    return [sketch, *(obj for obj in find_all(sketch.realify.others.split()) if obj != sketch)]


def identify(objects: Iterable[bpy.types.Object]) -> list[str]:
    """Their identities; one that has none, or is a copy that carries another's, gets one of its own."""
    carried = Counter(obj.realify.uid for obj in bpy.data.objects)
    found = []
    for obj in objects:
        if not obj.realify.uid or carried[obj.realify.uid] > 1:
            carried[obj.realify.uid] -= 1
            obj.realify.uid = uuid.uuid4().hex
        found.append(obj.realify.uid)
    return found


def find(uid: str) -> bpy.types.Object | None:
    """The object with this identity that is in a scene."""
    return next((obj for obj in bpy.data.objects if uid and obj.realify.uid == uid and obj.users_scene), None)


def find_all(uids: Iterable[str]) -> list[bpy.types.Object]:
    """Those that are still there."""
    return [obj for obj in map(find, uids) if obj is not None]

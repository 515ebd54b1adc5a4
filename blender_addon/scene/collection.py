"""The collection "Realify" of a scene, and results that are to be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy

from . import subject

MARK = "realify"  # on the collection, which users may rename
NAME = "Realify"


def show(obj: bpy.types.Object, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
    """Makes sure that `obj` is in the scene and visible in the view layer. Where its users put it, it stays."""
    if scene not in obj.users_scene:
        _of(scene).objects.link(obj)
    obj.hide_viewport = obj.hide_render = False
    if view_layer.objects.get(obj.name) != obj:  # all its collections are switched off
        _reveal(_of(scene), obj, view_layer)
    obj.hide_set(False, view_layer=view_layer)
    if not obj.visible_get(view_layer=view_layer):
        _reveal(_of(scene), obj, view_layer)
    _into_local_views(obj)


def select(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> None:
    """This one alone, and active."""
    for each in view_layer.objects.selected[:]:
        each.select_set(False, view_layer=view_layer)
    obj.select_set(True, view_layer=view_layer)
    view_layer.objects.active = obj


def hide(obj: bpy.types.Object, scene: bpy.types.Scene, is_hidden: bool = True) -> None:
    """By its eye and its camera, which users find in the Outliner; in all view layers of the scene."""
    obj.hide_render = is_hidden
    for layer in scene.view_layers:
        if layer.objects.get(obj.name) == obj:
            obj.hide_set(is_hidden, view_layer=layer)


@contextmanager
def shown(sketches: Sequence[bpy.types.Object], context: bpy.types.Context) -> Iterator[None]:
    """Shows those that the result of the first one has hidden: what is hidden is not evaluated."""
    has_result = subject.result_of(sketches[0]) is not None
    hidden = [each for each in sketches if not each.visible_get() and (has_result or subject.result_of(each))]
    for each in hidden:
        hide(each, context.scene, is_hidden=False)
    context.view_layer.update()
    try:
        yield
    finally:
        for each in hidden:
            hide(each, context.scene)


def _of(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The scene's own "Realify"; made if there is none."""
    for each in scene.collection.children_recursive:
        if each.get(MARK):
            return each
    made = bpy.data.collections.new(NAME)
    made[MARK] = True
    scene.collection.children.link(made)
    return made


def _reveal(collection: bpy.types.Collection, obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> None:
    """Puts `obj` there too, and opens that collection and those around it."""
    if obj.name not in collection.objects:
        collection.objects.link(obj)
    for layer in _way_to(collection, view_layer.layer_collection):
        layer.exclude = layer.hide_viewport = layer.collection.hide_viewport = False
    obj.hide_set(False, view_layer=view_layer)


def _way_to(
    collection: bpy.types.Collection, above: bpy.types.LayerCollection
) -> list[bpy.types.LayerCollection]:
    """From the outermost to the collection's own; the scene's collection is left out, nothing hides it."""
    for child in above.children:
        if child.collection == collection:
            return [child]
        if way := _way_to(collection, child):
            return [child, *way]
    return []


def _into_local_views(obj: bpy.types.Object) -> None:
    """A viewport that shows a few objects alone shows this one, too."""
    for window in bpy.context.window_manager.windows:
        if window.view_layer.objects.get(obj.name) != obj:
            continue
        for area in window.screen.areas:
            space = area.spaces.active
            if area.type == "VIEW_3D" and space.local_view is not None:
                obj.local_view_set(space, True)

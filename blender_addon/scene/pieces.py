"""What is seen of some objects, piece by piece: each geometry once, with all the places where it stands.

All of it is done in one go, for evaluated data do not outlive the next change of the scene. Meshes are not read here
but copied, which is quick since Blender shares their arrays until one of both is changed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

import bpy
import numpy as np

from ..trouble import Trouble
from . import colours, grease_pencil, strokes
from .refusals import MESHES, STROKES, is_read_while_sculpted
from .snapshot import Part

CURVE_LIKE = ("CURVE", "SURFACE", "FONT", "META")  # their meshes are instances to Blender
MOST_INSTANCES = 10_000  # they are counted in one go: a tenth of a second
TEMPORARY = ".realify "  # a name that Blender's lists do not show


@dataclass
class Piece:
    """`owner` is the full name of the object to which it belongs, `kind` that object's type, `mesh` the name of a
    temporary mesh. `part` holds the arrays that are there already."""

    owner: str
    kind: str
    part: Part
    mesh: str = ""
    matrices: list[np.ndarray] = field(default_factory=list)  # [4, 4] to the world


@dataclass
class Pieces:
    """`instances` are geometries that are nobody's own, made by Geometry Nodes or dupli-verts."""

    depsgraph: bpy.types.Depsgraph
    own: dict[str, list[Piece]] = field(default_factory=dict)  # by the object's name
    instances: dict[int, Piece] = field(default_factory=dict)  # by the evaluated mesh's address
    notes: list[str] = field(default_factory=list)

    def all(self) -> list[Piece]:
        """Own ones and instances."""
        return [*(piece for pieces in self.own.values() for piece in pieces), *self.instances.values()]

    def remove_meshes(self) -> None:
        """Leaves nothing behind in the file."""
        meshes = [bpy.data.meshes.get((piece.mesh, None)) for piece in self.all() if piece.mesh]
        bpy.data.batch_remove([mesh for mesh in meshes if mesh is not None])  # one by one it looks at the whole file


def collect(objects: Iterable[bpy.types.Object], found: Pieces) -> None:
    """Fills `found`, also with what to remove when it raises Trouble ("too_many_instances")."""
    parents = set()
    for obj in objects:
        if _shows_more(obj):
            parents.add(obj)
        else:
            _add(found, obj, np.array(obj.evaluated_get(found.depsgraph).matrix_world, np.float64))
    if parents:
        _collect_instances(parents, found)
        _drop_twins(found)


def _shows_more(obj: bpy.types.Object) -> bool:
    """Whether it may show more than its own geometry. Only then is it looked for among all that the scene shows."""
    by_nodes = any(modifier.type == "NODES" for modifier in obj.modifiers)
    return obj.instance_type != "NONE" or by_nodes or len(obj.particle_systems) > 0


def _collect_instances(parents: set[bpy.types.Object], found: Pieces) -> None:
    count, name = 0, ""
    for shown in found.depsgraph.object_instances:  # to its end: Blender leaks what is left of it otherwise
        if count > MOST_INSTANCES or not _belongs(shown, parents):
            continue
        count, name = count + 1, (shown.parent or shown.object).name
        matrix = np.array(shown.matrix_world, np.float64)
        own = shown.object.original.evaluated_get(found.depsgraph)
        if not shown.is_instance or own.data == shown.object.data:
            _add(found, own.original, matrix)
        elif isinstance(shown.object.data, bpy.types.Mesh):
            _add_made(found, shown.object.data, own, matrix)
        elif not _is_own_curves(shown, own):
            _note(found, own.name)
    if count > MOST_INSTANCES:
        fix = "End its nodes with Realize Instances, or show fewer of them in the viewport."
        raise Trouble("too_many_instances", f"“{name}” shows more than {MOST_INSTANCES:,} instances.", fix)


def _belongs(shown: bpy.types.DepsgraphObjectInstance, parents: set[bpy.types.Object]) -> bool:
    if shown.is_instance:
        return shown.parent.original in parents
    return shown.object.original in parents and shown.show_self


def _add(found: Pieces, obj: bpy.types.Object, matrix: np.ndarray) -> None:
    """An object's own geometry, in its place or as an instance of a collection."""
    if obj.type not in MESHES + STROKES:
        return
    if obj.name_full not in found.own:
        found.own[obj.name_full] = _pieces_of(obj.evaluated_get(found.depsgraph))
    for piece in found.own[obj.name_full]:
        piece.matrices.append(matrix @ piece.part.get("local", np.eye(4)))


def _pieces_of(obj: bpy.types.Object) -> list[Piece]:
    """Of an evaluated object."""
    materials = [slot.material for slot in obj.material_slots]
    if obj.type == "CURVES":
        parts = [strokes.of_curves(obj.data, materials)]
    elif obj.type == "GREASEPENCIL":
        parts = grease_pencil.of_layers(obj)
    elif obj.type == "GPENCIL":
        parts = grease_pencil.of_legacy_layers(obj)
    else:
        return [_piece_of_mesh(obj, materials), *_curves_by_nodes(obj, materials)]
    return [Piece(obj.name_full, obj.type, part) for part in parts if part is not None]


def _piece_of_mesh(obj: bpy.types.Object, materials: list[bpy.types.Material | None]) -> Piece:
    # Without its options: with them it evaluates all modifiers once more, and knows nothing of what is being edited.
    # A mesh that is being sculpted is newer than its evaluated one.
    mesh = bpy.data.meshes.new_from_object(obj.original if is_read_while_sculpted(obj.original) else obj)
    mesh.name = TEMPORARY + uuid.uuid4().hex
    part: Part = {}
    if obj.type == "CURVE" and not len(mesh.polygons):
        part |= strokes.of_curve(obj.original.data)
    if materials:
        part["material_colours"] = colours.of_materials(materials)
    return Piece(obj.name_full, obj.type, part, mesh.name)


def _curves_by_nodes(obj: bpy.types.Object, materials: list[bpy.types.Material | None]) -> list[Piece]:
    """Curves beside an evaluated object's mesh, which Geometry Nodes made. Blender 4.2 has no way to them."""
    if obj.type != "MESH" or not hasattr(obj, "evaluated_geometry") or not _shows_more(obj.original):
        return []
    geometry = obj.evaluated_geometry()
    part = None if geometry.curves is None else strokes.of_curves(geometry.curves, materials)
    if part is None:
        return []
    if "radius" in part:  # to Geometry Nodes it is a factor of the profile, mostly 1
        part["factor"] = part.pop("radius")
    return [Piece(obj.name_full, obj.type, part)]


def _add_made(found: Pieces, mesh: bpy.types.Mesh, owner: bpy.types.Object, matrix: np.ndarray) -> None:
    key = mesh.as_pointer()
    if key not in found.instances:
        # Not new_from_object, which gives the instancing object's own mesh here, or crashes (Blender 4.2).
        part = {"material_colours": colours.of_materials(mesh.materials)} if len(mesh.materials) else {}
        copy = mesh.copy()
        copy.materials.clear()  # they are evaluated ones, which the copy outlives
        copy.name = TEMPORARY + uuid.uuid4().hex
        found.instances[key] = Piece(owner.name_full, owner.type, part, copy.name)
    found.instances[key].matrices.append(matrix)


def _is_own_curves(shown: bpy.types.DepsgraphObjectInstance, own: bpy.types.Object) -> bool:
    """Whether these are the curves that `_curves_by_nodes` has taken."""
    in_place = shown.parent == own and shown.matrix_world == own.matrix_world
    return in_place and own.type == "MESH" and hasattr(own, "evaluated_geometry")


def _note(found: Pieces, name: str) -> None:
    note = f"“{name}”: what Geometry Nodes made that is no mesh was left out; end its nodes with Curve to Mesh."
    if note not in found.notes:
        found.notes.append(note)


def _drop_twins(found: Pieces) -> None:
    """The mesh of a text, a curve or a metaball is shown as an instance beside the object itself: once is enough."""
    for each in found.instances.values():
        for own in found.own.get(each.owner, []) if each.kind in CURVE_LIKE else []:
            if own.mesh and _size(own.mesh) == _size(each.mesh):
                places = {matrix.tobytes() for matrix in own.matrices}
                each.matrices = [matrix for matrix in each.matrices if matrix.tobytes() not in places]
    for key in [key for key, each in found.instances.items() if not each.matrices]:
        bpy.data.meshes.remove(bpy.data.meshes[found.instances.pop(key).mesh])


def _size(name: str) -> tuple[int, int, int]:
    mesh = bpy.data.meshes[name]
    return len(mesh.vertices), len(mesh.edges), len(mesh.polygons)

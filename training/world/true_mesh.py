"""The true surface of an object as a GLB with coarse vertex colours: what a fitted body is measured against."""

from __future__ import annotations

import numpy as np
import trimesh
from trimesh.exchange.gltf import export_glb

from training.world.colors import to_linear
from training.world.model import Mesh

CORNERS_OF_QUAD = np.array([[0, 1, 2], [0, 2, 3]])


def to_y_up(points: np.ndarray) -> np.ndarray:
    """Z-up with the front towards -Y → Y-up with the front towards +Z, as Blender's glTF export turns; [..., 3]."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def mesh_glb(mesh: Mesh) -> bytes:
    """A normalised object as one triangulated mesh, Y-up metres, each vertex in its material's mean colour."""
    faces, _ = triangles(mesh)
    palette = linear_bytes(np.array([material.mean_color for material in mesh.materials]))
    colors = np.zeros((len(mesh.vertices), 4), np.uint8)
    colors[:] = palette[vertex_slots(mesh)]
    surface = trimesh.Trimesh(to_y_up(mesh.vertices), faces, vertex_colors=colors, process=False)
    return export_glb(trimesh.Scene({"mesh": surface}))


def vertex_slots(mesh: Mesh) -> np.ndarray:
    """The material of every vertex [V] of `mesh_glb`'s surface: a vertex belongs to one part, a part has one."""
    faces, materials = triangles(mesh)
    slots = np.zeros(len(mesh.vertices), int)
    slots[faces] = materials[:, None]
    return slots


def linear_bytes(srgb: np.ndarray) -> np.ndarray:
    """sRGB [N, 3] in 0..1 → opaque linear RGBA [N, 4] uint8, as glTF's COLOR_0 wants it."""
    linear = np.column_stack([np.asarray(to_linear(srgb)), np.ones(len(srgb))])
    return np.rint(255 * np.clip(linear, 0, 1)).astype(np.uint8)


def triangles(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Corners [T, 3] and material [T] of every triangle; polygons may be concave, as the ends of an extrusion are."""
    materials = np.asarray(mesh.material_index)
    sizes = np.array([len(face) for face in mesh.faces])
    corners, owners = [], []
    for size in np.unique(sizes[sizes >= 3]):
        which = np.flatnonzero(sizes == size)
        polygons = np.array([mesh.faces[index] for index in which], dtype=np.int64)
        for polygon, owner in zip(*_cut(mesh.vertices, polygons, which), strict=True):
            corners.append(polygon)
            owners.append(owner)
    return np.concatenate(corners), materials[np.concatenate(owners)]


def _cut(vertices: np.ndarray, polygons: np.ndarray, which: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Triangles of polygons [P, N] with their numbers `which` [P]: fans where convex, ears cut off elsewhere."""
    size = polygons.shape[1]
    fan = np.stack([np.zeros(size - 2, int), np.arange(1, size - 1), np.arange(2, size)], axis=1)
    bent = _concave(vertices[polygons]) if size > 3 else np.zeros(len(polygons), bool)
    corners = [polygons[~bent][:, fan].reshape(-1, 3)]
    owners = [np.repeat(which[~bent], size - 2)]
    for polygon, owner in zip(polygons[bent], which[bent], strict=True):
        corners.append(polygon[_ears(vertices[polygon])])
        owners.append(np.full(size - 2, owner))
    return corners, owners


def _concave(points: np.ndarray) -> np.ndarray:
    """Whether polygons [P, N, 3] have a corner that turns the wrong way, [P]."""
    before, after = np.roll(points, 1, axis=1), np.roll(points, -1, axis=1)
    turns = np.cross(points - before, after - points)
    normal = turns.sum(axis=1, keepdims=True)
    along = (turns * normal).sum(axis=2)
    return (along < -1e-6 * (normal**2).sum(axis=2)).any(axis=1)


def _ears(points: np.ndarray) -> np.ndarray:
    """Triangles [N - 2, 3] of one simple polygon [N, 3]: a convex corner that holds no other corner is cut off."""
    after = np.roll(points, -1, axis=0)
    normal = np.cross(points, after).sum(axis=0)  # Newell's
    drop = int(np.argmax(np.abs(normal)))
    flat = np.delete(points, drop, axis=1) * (np.sign(normal[drop]) * (-1 if drop == 1 else 1), 1)
    ring, cut = list(range(len(points))), []
    while len(ring) > 3:
        ears = [k for k in range(len(ring)) if _is_ear(flat, ring, k)]
        k = ears[0] if ears else 0  # a polygon that crosses itself still comes to an end
        cut.append((ring[k - 1], ring[k], ring[(k + 1) % len(ring)]))
        ring.pop(k)
    return np.array([*cut, tuple(ring)])


def _is_ear(flat: np.ndarray, ring: list[int], k: int) -> bool:
    tip = flat[[ring[k - 1], ring[k], ring[(k + 1) % len(ring)]]]
    sides = np.roll(tip, -1, axis=0) - tip
    if _cross(sides[0], sides[1]) <= 0:
        return False
    others = flat[[index for index in ring if index not in (ring[k - 1], ring[k], ring[(k + 1) % len(ring)])]]
    within = np.stack([_cross(side, others - corner) > 0 for side, corner in zip(sides, tip, strict=True)])
    return not within.all(axis=0).any()


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]

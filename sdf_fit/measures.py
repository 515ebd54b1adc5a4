"""How close a body is to a sketch or to a known shape: the project's two measures of geometry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial import KDTree

from sdf_fit.body.targets import sketch_targets
from sdf_fit.cameras import clip_from_work, sphere_of_views, to_clip
from sdf_fit.mesh import Mesh
from sdf_fit.render import Rasterizer
from sdf_fit.sketch.read import Sketch

IOU_VIEWS, IOU_SIZE = 16, 256


@torch.no_grad()
def silhouette_iou(mesh: Mesh, sketch: Sketch, renderer: Rasterizer) -> float:
    """Mean over 16 fixed views at 256 px of intersection over union of the two outlines, 0..1.

    The mesh stands in the working frame; the sketch's outline is its two-sided mask with gaps under a stroke
    closed (docs/conventions.md). `renderer` draws on the CPU.
    """
    views = sphere_of_views(IOU_VIEWS)
    wanted = sketch_targets(sketch.mesh, sketch.stroke_width, views, IOU_SIZE, renderer).mask
    vertices, faces = torch.from_numpy(mesh.vertices), torch.from_numpy(mesh.faces)
    shares = []
    for view, want in zip(views, wanted, strict=True):
        rast = renderer.rasterize(to_clip(vertices, clip_from_work([view])), faces, (IOU_SIZE, IOU_SIZE))
        have = rast[0, ..., 3] > 0
        shares.append(float((have & want).sum() / (have | want).sum()))
    return float(np.mean(shares))


def precision_recall(
    mesh: Mesh, truth: Mesh | Sequence[Mesh], distance: float = 0.03, samples: int = 20_000, seed: int = 0
) -> tuple[float, float]:
    """Share of the mesh's surface within `distance` of the truth's, and of the truth's near the mesh's.

    Both stand in the same frame, whose unit `distance` has (as a rule the working frame). Where the truth is
    the union of several closed meshes, only surface that lies inside none of the others counts.
    """
    parts = [truth] if isinstance(truth, Mesh) else list(truth)
    have = mesh.surface_points(samples, seed)
    want = _union_points(parts, samples, seed + 1)
    precision = np.mean(KDTree(want).query(have)[0] < distance)
    recall = np.mean(KDTree(have).query(want)[0] < distance)
    return float(precision), float(recall)


def _union_points(parts: list[Mesh], count: int, seed: int) -> np.ndarray:
    """Points [N, 3] on the outside of the union of closed parts, by area."""
    areas = [_area(part) for part in parts]
    points = []
    for i, part in enumerate(parts):
        mine = part.surface_points(max(round(count * areas[i] / sum(areas)), 1), seed + i)
        for j, other in enumerate(parts):
            if j != i:
                mine = mine[~_inside(other, mine)]
        points.append(mine)
    return np.concatenate(points)


def _area(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def _inside(mesh: Mesh, points: np.ndarray) -> np.ndarray:
    """Whether points [N, 3] lie inside a closed mesh, by winding number (van Oosterom and Strackee 1983)."""
    inside = np.zeros(len(points), bool)
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    near = ((points > low) & (points < high)).all(1).nonzero()[0]
    for chunk in np.array_split(near, max(len(near) * len(mesh.faces) // 2_000_000, 1)):
        a, b, c = (mesh.vertices[mesh.faces[:, k]][None] - points[chunk, None] for k in range(3))
        la, lb, lc = (np.linalg.norm(v, axis=2) for v in (a, b, c))
        triple = (a * np.cross(b, c)).sum(2)
        flat = la * lb * lc + (a * b).sum(2) * lc + (b * c).sum(2) * la + (c * a).sum(2) * lb
        inside[chunk] = np.arctan2(triple, flat).sum(1) > np.pi  # half of 2π: winding above ½
    return inside

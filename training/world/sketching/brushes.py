"""Two brushes of a VR painting program, ribbon and tube, and the GLB they are saved in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import trimesh
from trimesh.exchange.gltf import export_glb

from training.world.true_mesh import linear_bytes, to_y_up

BRUSHES = ("ribbon", "tube")
SIDES = 7  # of a tube
TAPER = 0.35  # width of a ribbon's ends


@dataclass
class Drawing:
    """Strokes as they are drawn, in the object's own frame (Z up). A hand trembles by `jitter` radii."""

    generator: np.random.Generator
    jitter: float
    strokes: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = field(
        default_factory=lambda: {brush: [] for brush in BRUSHES}
    )

    def ribbon(self, points: np.ndarray, normals: np.ndarray, widths: np.ndarray | float, color: np.ndarray) -> None:
        """A flat band along points [N, 3], facing normals [N, 3], of widths [N] or one; slimmer at its ends."""
        points = self._by_hand(points)
        across = np.cross(_tangents(points), normals)
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        t = np.linspace(0, 1, len(points))
        half = 0.5 * np.asarray(widths) * np.minimum(1, TAPER + 8 * np.minimum(t, 1 - t))
        vertices = np.stack([points - half[:, None] * across, points + half[:, None] * across], axis=1)
        left = 2 * np.arange(len(points) - 1)[:, None]
        faces = np.stack([left + np.array([0, 1, 2]), left + np.array([2, 1, 3])], axis=1)
        self._add("ribbon", vertices, faces, color)

    def tube(self, points: np.ndarray, radii: np.ndarray | float, color: np.ndarray) -> None:
        """A closed round rope along points [N, 3] with radii [N] or one."""
        points = self._by_hand(points)
        tangents = _tangents(points)
        side = _without_twist(tangents)
        angle = 2 * np.pi * np.arange(SIDES) / SIDES
        ring = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * np.cross(tangents, side)[:, None]
        radii = np.broadcast_to(np.asarray(radii, dtype=float), len(points))
        vertices = points[:, None] + ring * radii[:, None, None]
        here, rows = np.arange(SIDES), SIDES * np.arange(len(points) - 1)[:, None]
        after = (here + 1) % SIDES
        walls = np.stack([rows + here, rows + after, rows + SIDES + after], axis=-1).reshape(-1, 3)
        more = np.stack([rows + here, rows + SIDES + after, rows + SIDES + here], axis=-1).reshape(-1, 3)
        fan = np.column_stack([np.zeros(SIDES - 2, int), here[2:], here[1:-1]])
        end = fan[:, ::-1] + SIDES * (len(points) - 1)
        self._add("tube", vertices, np.concatenate([walls, more, fan, end]), color)

    def glb(self) -> bytes:
        """One mesh for each brush that was used, Y-up metres, COLOR_0 linear in 8 bits."""
        scene = trimesh.Scene()
        for brush, strokes in self.strokes.items():
            if not strokes:
                continue
            starts = np.cumsum([0] + [len(vertices) for vertices, _, _ in strokes])
            vertices = np.concatenate([stroke[0] for stroke in strokes])
            faces = np.concatenate([stroke[1] + start for stroke, start in zip(strokes, starts, strict=False)])
            colors = np.concatenate([stroke[2] for stroke in strokes])
            mesh = trimesh.Trimesh(to_y_up(vertices), faces, vertex_colors=colors, process=False)
            scene.add_geometry(mesh, node_name=brush, geom_name=brush)
        return export_glb(scene)

    def _by_hand(self, points: np.ndarray) -> np.ndarray:
        """A slow tremble: noise that is smooth along the stroke."""
        noise = self.generator.normal(0, self.jitter, (len(points) + 4, 3))
        return points + sum(noise[k : k + len(points)] for k in range(5)) / 5**0.5

    def _add(self, brush: str, vertices: np.ndarray, faces: np.ndarray, color: np.ndarray) -> None:
        vertices = vertices.reshape(-1, 3)
        rgba = np.tile(linear_bytes(np.asarray(color)[None]), (len(vertices), 1))
        self.strokes[brush].append((vertices, faces.reshape(-1, 3), rgba))


def _tangents(points: np.ndarray) -> np.ndarray:
    """Unit directions along a stroke [N, 3]."""
    tangents = np.gradient(points, axis=0)
    return tangents / np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)


def _without_twist(tangents: np.ndarray) -> np.ndarray:
    """Unit vectors across the tangents [N, 3], each the one before laid into the next plane."""
    side = np.cross(tangents[0], np.eye(3)[np.argmin(np.abs(tangents[0]))])
    sides = []
    for tangent in tangents:
        laid = side - tangent * (side @ tangent)
        if laid @ laid < 1e-8:  # a turn straight into the old side: any direction across will do
            laid = np.cross(tangent, np.eye(3)[np.argmin(np.abs(tangent))])
        side = laid / np.linalg.norm(laid)
        sides.append(side)
    return np.array(sides)

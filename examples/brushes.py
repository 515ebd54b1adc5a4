"""Two brushes of a VR painting program, ribbon and tube, and the GLB they are saved in. For
make_sketches.py."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

Points = np.ndarray
BRUSHES = ("ribbon", "tube")


@dataclass
class Drawing:
    """Strokes as they are drawn, one mesh for each brush. Colours are sRGB 0..1; a hand trembles by `jitter`
    metres."""

    place: tuple[float, float, float]
    seed: int
    jitter: float = 0.002
    strokes: dict[str, list[tuple[Points, np.ndarray, np.ndarray]]] = field(
        default_factory=lambda: {brush: [] for brush in BRUSHES}
    )

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def ribbon(self, points: Points, normals: Points, width: float, color: tuple[float, ...]) -> None:
        """A flat band of `width` along points [N, 3], facing normals [N, 3], slimmer at its ends."""
        points = self._by_hand(points)
        across = np.cross(np.gradient(points, axis=0), normals)
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        t = np.linspace(0, 1, len(points))
        half = 0.5 * width * np.minimum(1, 0.35 + 6 * np.minimum(t, 1 - t))[:, None]
        vertices = np.stack([points - half * across, points + half * across], axis=1).reshape(-1, 3)
        left = 2 * np.arange(len(points) - 1)[:, None]
        faces = np.stack([left + np.array([0, 1, 2]), left + np.array([2, 1, 3])], axis=1).reshape(-1, 3)
        self._add("ribbon", vertices, faces, color)

    def tube(self, points: Points, radius: float, color: tuple[float, ...], sides: int = 6) -> None:
        """A round rope along points [N, 3], pointed at its ends."""
        points = self._by_hand(points)
        tangents = np.gradient(points, axis=0)
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        helper = np.eye(3)[np.argmin(np.abs(tangents).max(axis=0))]
        side = np.cross(tangents, helper)
        side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
        other = np.cross(tangents, side)
        angle = 2 * np.pi * np.arange(sides) / sides
        ring = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * other[:, None]
        radii = np.full(len(points), radius)
        radii[[0, -1]] *= 0.5
        vertices = (points[:, None] + ring * radii[:, None, None]).reshape(-1, 3)
        here, rows = np.arange(sides), sides * np.arange(len(points) - 1)[:, None]
        after = (here + 1) % sides
        walls = np.stack([rows + here, rows + after, rows + sides + after], axis=-1).reshape(-1, 3)
        more = np.stack([rows + here, rows + sides + after, rows + sides + here], axis=-1).reshape(-1, 3)
        fan = np.column_stack([np.zeros(sides - 2, int), here[2:], here[1:-1]])
        end = fan[:, ::-1] + sides * (len(points) - 1)
        self._add("tube", vertices, np.concatenate([walls, more, fan, end]), color)

    def _by_hand(self, points: Points) -> Points:
        """A slow tremble: smoothed noise along the stroke."""
        noise = self.rng.normal(0, self.jitter, (len(points) + 4, 3))
        return points + sum(noise[k : k + len(points)] for k in range(5)) / 5**0.5

    def _add(self, brush: str, vertices: Points, faces: np.ndarray, color: tuple[float, ...]) -> None:
        """Every stroke is a little darker or lighter than the last."""
        shade = np.clip(np.array(color[:3]) * self.rng.normal(1, 0.05), 0, 1)
        linear = np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
        rgba = np.tile(np.append(linear, 1.0), (len(vertices), 1))
        self.strokes[brush].append((vertices, faces, np.rint(255 * rgba).astype(np.uint8)))

    def write(self, path: Path) -> None:
        """A GLB with one mesh a brush, unlit and double-sided, standing at `place`; colours linear, 8
        bits."""
        nodes, meshes, views, accessors, binary = [], [], [], [], bytearray()

        def accessor(array: np.ndarray, component: int, kind: str, **words: object) -> int:
            views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes})
            binary.extend(array.tobytes() + bytes(-array.nbytes % 4))
            accessors.append({"bufferView": len(views) - 1, "componentType": component, "count": len(array),
                              "type": kind, **words})  # fmt: skip
            return len(accessors) - 1

        for brush, strokes in self.strokes.items():
            if not strokes:
                continue
            starts = np.cumsum([0] + [len(vertices) for vertices, _, _ in strokes])
            vertices = np.concatenate([stroke[0] for stroke in strokes]).astype("<f4")
            faces = np.concatenate(
                [stroke[1] + start for stroke, start in zip(strokes, starts, strict=False)]
            )
            colors = np.concatenate([stroke[2] for stroke in strokes])
            box = {"min": vertices.min(axis=0).tolist(), "max": vertices.max(axis=0).tolist()}
            attributes = {"POSITION": accessor(vertices, 5126, "VEC3", **box),
                          "COLOR_0": accessor(colors, 5121, "VEC4", normalized=True)}  # fmt: skip
            indices = accessor(faces.reshape(-1).astype("<u2"), 5123, "SCALAR")
            meshes.append(
                {"name": brush, "primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}
            )
            nodes.append({"name": brush, "mesh": len(meshes) - 1, "translation": list(self.place)})
        header = {
            "asset": {"version": "2.0", "generator": "Realify's example brushes"}, "scene": 0,
            "scenes": [{"nodes": list(range(len(nodes)))}], "nodes": nodes, "meshes": meshes,
            "materials": [{"name": "unlit", "doubleSided": True, "extensions": {"KHR_materials_unlit": {}},
                           "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.9}}],
            "extensionsUsed": ["KHR_materials_unlit"], "accessors": accessors, "bufferViews": views,
            "buffers": [{"byteLength": len(binary)}],
        }  # fmt: skip
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = (
            struct.pack("<II", len(text), 0x4E4F534A)
            + text
            + struct.pack("<II", len(binary), 0x004E4942)
            + binary
        )
        path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)


def circle(center: tuple[float, float, float], radius: float, count: int = 24, start: float = 0.0) -> Points:
    """A closed horizontal ring of points."""
    angle = start + np.linspace(0, 2 * np.pi, count)
    return np.array(center) + np.stack([radius * np.cos(angle), 0 * angle, radius * np.sin(angle)], axis=-1)


def lathe(
    drawing: Drawing,
    profile: Points,
    width: float,
    color: tuple[float, ...],
    center: tuple[float, float, float] = (0, 0, 0),
) -> None:
    """One long ribbon that winds around the surface of revolution of profile [P, 2] (radius, height), turns
    `width` apart with a little gap, as a hand fills a form."""
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))])
    turns = max(lengths[-1] / (1.04 * width), 1.0)
    count = int(turns * 22) + 2
    t = np.linspace(0, 1, count) * lengths[-1]
    angle = np.linspace(0, 2 * np.pi * turns, count)
    radius, height = (np.interp(t, lengths, profile[:, axis]) for axis in range(2))
    slope = np.stack([np.gradient(height, t), -np.gradient(radius, t)], axis=-1)
    points = np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=-1) + np.array(center)
    normals = np.stack([slope[:, 0] * np.cos(angle), slope[:, 1], slope[:, 0] * np.sin(angle)], axis=-1)
    pieces = max(1, count // 90)  # a hand sets the brush down now and then
    for part in np.array_split(np.arange(count), pieces):
        part = np.append(part, min(part[-1] + 1, count - 1)) if part[-1] + 1 < count else part
        drawing.ribbon(points[part], normals[part], width, color)


def hatch(
    drawing: Drawing, corner: tuple[float, float, float], along: tuple[float, float, float],
    across: tuple[float, float, float], width: float, color: tuple[float, ...],
) -> None:  # fmt: skip
    """A rectangle filled with parallel ribbons `width` wide, laid side by side in the direction `across`."""
    start, a, b = (np.array(vector, dtype=float) for vector in (corner, along, across))
    rows = max(1, round(float(np.linalg.norm(b)) / (1.03 * width)))
    normal = np.cross(a, b)
    for row in range(rows):
        line = start + (row + 0.5) / rows * b + np.linspace(0, 1, 8)[:, None] * a
        drawing.ribbon(line if row % 2 == 0 else line[::-1], np.tile(normal, (8, 1)), width * 1.05, color)


def box(
    drawing: Drawing, low: tuple[float, float, float], size: tuple[float, float, float], width: float,
    color: tuple[float, ...],
) -> None:  # fmt: skip
    """All six sides of a box, hatched."""
    (x, y, z), (w, h, d) = low, size
    hatch(drawing, (x, y, z), (w, 0, 0), (0, h, 0), width, color)
    hatch(drawing, (x, y, z + d), (w, 0, 0), (0, h, 0), width, color)
    hatch(drawing, (x, y, z), (0, 0, d), (0, h, 0), width, color)
    hatch(drawing, (x + w, y, z), (0, 0, d), (0, h, 0), width, color)
    hatch(drawing, (x, y, z), (w, 0, 0), (0, 0, d), width, color)
    hatch(drawing, (x, y + h, z), (w, 0, 0), (0, 0, d), width, color)


def leaf(
    drawing: Drawing, spine: Points, sideways: Points, width: float, color: tuple[float, ...], rows: int = 7
) -> None:
    """A leaf, petal or fin: ribbons side by side along a spine [N, 3], spread towards `sideways` [3] in its
    middle."""
    t = np.linspace(0, 1, len(spine))
    belly = np.sin(np.pi * t**0.8)[:, None]
    normal = np.cross(np.gradient(spine, axis=0), sideways)
    for offset in np.linspace(-0.5, 0.5, rows):
        line = spine + offset * width * belly * sideways
        drawing.ribbon(line, normal, 1.25 * width / rows, color)

"""The ten hard sketches: what real exports of painting programs get wrong, as files built in code.

Each builder writes its file into a folder and returns the path; `*_truth` give the closed body that was
drawn, in the file's frame (Y-up metres) for measuring precision and recall. All are deterministic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from sdf_fit.mesh import Mesh
from sdf_fit.sketch.tubes import sweep
from tests.sdf_fit.sketch.gltf_writer import GltfWriter

VASE_PLACE = np.array([0.5, 1.0, -0.3])
VASE_HEIGHT = 0.4
TERRACOTTA, TEAL = (196, 92, 54, 255), (40, 130, 140, 255)


def u8(color: tuple[int, ...], count: int) -> np.ndarray:
    return np.tile(np.array(color, dtype=np.uint8), (count, 1))


def strip_faces(count: int) -> np.ndarray:
    """Faces of a ribbon whose vertices are left, right, left, right, ... [2 * count]."""
    left = 2 * np.arange(count - 1)[:, None]
    return np.concatenate([left + np.array([0, 1, 2]), left + np.array([2, 1, 3])])


def vase_radius(t: np.ndarray) -> np.ndarray:
    """Radius in metres at height t in 0..1: foot, belly, neck, lip."""
    return 0.085 + 0.045 * np.sin(np.pi * (1.45 * t + 0.02)) + 0.03 * t**6


def vase_point(t: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """[N, 3] on the wall."""
    radius = vase_radius(t)
    return VASE_PLACE + np.stack([radius * np.cos(angle), VASE_HEIGHT * t, radius * np.sin(angle)], axis=-1)


def vase_strips(seed: int = 1, gap: float = 0.005) -> list[np.ndarray]:
    """Left-right vertex lists: 24 upright ribbons `gap` metres apart, frames jittered, and two closing
    spirals."""
    rng = np.random.default_rng(seed)
    strips = []
    t = np.linspace(0.0, 1.0, 48)
    for k in range(24):
        angle, half = 2 * np.pi * k / 24, np.pi / 24 - 0.5 * gap / vase_radius(t)
        jitter = rng.normal(0, 0.0006, (2, len(t), 3))
        strips.append(
            _weave(vase_point(t, angle - half) + jitter[0], vase_point(t, angle + half) + jitter[1])
        )
    for height, turns in ((0.0, 3.0), (1.0, 4.0)):
        rim = float(vase_radius(np.array(height)))
        angle = np.linspace(0, 2 * np.pi * turns, 120)
        centre = rim * (1 - angle / angle[-1])
        half = 0.5 * (rim / turns - gap)
        sides = []
        for offset in (-half, half):
            radius = np.maximum(centre + offset, 0.0)
            y = np.full_like(angle, VASE_HEIGHT * height) + rng.normal(0, 0.0006, len(angle))
            sides.append(VASE_PLACE + np.stack([radius * np.cos(angle), y, radius * np.sin(angle)], axis=-1))
        strips.append(_weave(*sides))
    return strips


def _weave(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.stack([left, right], axis=1).reshape(-1, 3)


def _strips_part(strips: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0] + [len(strip) for strip in strips])
    faces = [strip_faces(len(strip) // 2) + start for strip, start in zip(strips, starts, strict=False)]
    return np.concatenate(strips), np.concatenate(faces)


def vase_truth() -> Mesh:
    """The solid that the vase's strokes cover, lid and foot included."""
    rings, sides = 64, 96
    t, angle = np.linspace(0, 1, rings), 2 * np.pi * np.arange(sides) / sides
    wall = vase_point(np.repeat(t, sides), np.tile(angle, rings))
    ends = VASE_PLACE + np.array([[0, 0, 0], [0, VASE_HEIGHT, 0]])
    here, after = np.arange(sides), (np.arange(sides) + 1) % sides
    rows = sides * np.arange(rings - 1)[:, None]
    walls = np.stack([rows + here, rows + sides + after, rows + after, rows + here, rows + sides + here,
                      rows + sides + after], axis=-1).reshape(-1, 3)  # fmt: skip
    last, foot, lid = sides * (rings - 1), sides * rings, sides * rings + 1
    caps = np.concatenate([np.column_stack([np.full(sides, foot), here, after]),
                           np.column_stack([np.full(sides, lid), last + after, last + here])])  # fmt: skip
    return Mesh(
        np.concatenate([wall, ends]).astype(np.float32), np.concatenate([walls, caps]).astype(np.int32)
    )


def ribbon_vase(folder: Path, *, gap: float = 0.005) -> Path:
    """1: open strips around a surface of revolution, with gaps and jitter."""
    vertices, faces = _strips_part(vase_strips(gap=gap))
    writer = GltfWriter()
    material = writer.material(doubleSided=True)
    writer.node(writer.primitive(vertices, faces, u8(TERRACOTTA, len(vertices)), material=material))
    return writer.write(folder / "ribbon_vase.glb")


CHAIR_PLACE = np.array([-0.4, 0.0, 0.7])


def chair_paths() -> list[tuple[np.ndarray, float]]:
    """Centre lines and radii of the chair's tubes: legs, seat slats, back. It faces +Z, and its left arm is
    longer."""
    corners = [(-0.2, -0.2), (0.2, -0.2), (-0.2, 0.2), (0.2, 0.2)]
    paths = [(np.array([[x, 0, z], [x, 0.23, z], [x, 0.47, z]]), 0.03) for x, z in corners]
    paths += [
        (np.array([[-0.22, 0.45, z], [0, 0.45, z], [0.22, 0.45, z]]), 0.03) for z in np.linspace(-0.2, 0.2, 9)
    ]
    paths += [
        (np.array([[x, 0.42, -0.2], [x, 0.7, -0.21], [x, 0.95, -0.24]]), 0.03)
        for x in np.linspace(-0.2, 0.2, 5)
    ]
    paths += [(np.array([[-0.23, 0.93, -0.24], [0.23, 0.93, -0.24]]), 0.035)]
    paths += [(np.array([[0.2, 0.68, -0.2], [0.2, 0.68, 0.05]]), 0.025)]
    return [(path + CHAIR_PLACE, radius) for path, radius in paths]


def _chair_soup() -> np.ndarray:
    """[3F, 3] corners: nothing is shared, as some programs export."""
    corners = []
    for path, radius in chair_paths():
        vertices, faces = sweep(path, radius, sides=15)
        corners.append(vertices[faces].reshape(-1, 3))
    return np.concatenate(corners)


def chair_truth() -> list[Mesh]:
    """The chair's closed tubes: it is their union."""
    tubes = [sweep(path, radius, sides=32) for path, radius in chair_paths()]
    return [Mesh(vertices.astype(np.float32), faces.astype(np.int32)) for vertices, faces in tubes]


def tube_chair(folder: Path) -> Path:
    """2: 15-sided tubes without indices that overlap at their joints."""
    soup = _chair_soup()
    writer = GltfWriter()
    writer.node(
        writer.primitive(
            soup, None, u8((140, 90, 50, 255), len(soup)), material=writer.material(doubleSided=True)
        )
    )
    return writer.write(folder / "tube_chair.glb")


def _hulls() -> list[trimesh.Trimesh]:
    rng = np.random.default_rng(3)
    hulls = []
    for k in range(12):
        angle = 2 * np.pi * k / 12
        centre = np.array([0.16 * np.cos(angle), 0.9 + 0.05 * np.sin(3 * angle), 0.16 * np.sin(angle)])
        hulls.append(trimesh.convex.convex_hull(centre + rng.normal(0, 0.05, (40, 3)).clip(-0.09, 0.09)))
    return hulls


def hull_truth() -> list[Mesh]:
    """The twelve closed hulls: the body is their union."""
    return [Mesh(hull.vertices.astype(np.float32), hull.faces.astype(np.int32)) for hull in _hulls()]


def hull_soup(folder: Path) -> Path:
    """3: twelve intersecting convex hulls, unwelded (V = 3F)."""
    soup = np.concatenate([hull.vertices[hull.faces].reshape(-1, 3) for hull in _hulls()])
    writer = GltfWriter()
    writer.node(writer.primitive(soup, None, u8(TEAL, len(soup))))
    return writer.write(folder / "hull_soup.glb")


def quads(centres: np.ndarray, size: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Loose quads at centres [N, 3], turned at random."""
    rng = np.random.default_rng(seed)
    across = rng.normal(size=(2, len(centres), 3))
    across *= 0.5 * size / np.linalg.norm(across, axis=2, keepdims=True)
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    vertices = centres[:, None] + signs[:, :1] * across[0][:, None] + signs[:, 1:] * across[1][:, None]
    start = 4 * np.arange(len(centres))[:, None]
    return vertices.reshape(-1, 3), np.concatenate([start + np.array([0, 1, 2]), start + np.array([0, 2, 3])])


def splatter(folder: Path) -> Path:
    """4: the vase, and 200 loose quads along a curve beside it."""
    t = np.linspace(0, 1, 200)
    curve = VASE_PLACE + np.stack([0.2 + 0.1 * np.sin(9 * t), 0.5 * t, 0.25 * np.cos(5 * t)], axis=-1)
    body, body_faces = _strips_part(vase_strips())
    sparkles, sparkle_faces = quads(curve, 0.012, seed=4)
    writer = GltfWriter()
    writer.node(writer.primitive(body, body_faces, u8(TERRACOTTA, len(body))), name="oil")
    writer.node(
        writer.primitive(sparkles, sparkle_faces, u8((255, 250, 200, 255), len(sparkles))), name="splatter"
    )
    return writer.write(folder / "splatter.glb")


def double_sided(folder: Path) -> Path:
    """5: the vase with its faces again the other way round, at distance 0 and 1e-5."""
    vertices, faces = _strips_part(vase_strips())
    count = len(vertices)
    all_vertices = np.concatenate([vertices, vertices, vertices + 1e-5])
    all_faces = np.concatenate([faces, faces[:, ::-1] + count, faces[:, ::-1] + 2 * count])
    writer = GltfWriter()
    writer.node(writer.primitive(all_vertices, all_faces, u8(TERRACOTTA, len(all_vertices))))
    return writer.write(folder / "double_sided.glb")


def zero_tail_truth() -> Mesh:
    """The stroke alone: a short curved tube at y = 1.2."""
    t = np.linspace(0, 1, 40)
    path = np.stack([0.3 + 0.3 * t, 1.2 + 0.03 * np.sin(6 * t), 0.05 * np.cos(4 * t)], axis=-1)
    vertices, faces = sweep(path, 0.02)
    return Mesh(vertices.astype(np.float32), faces.astype(np.int32))


def zero_tail(folder: Path, *, zeros: int = 1_000_000) -> Path:
    """6: the rest of a painter's buffer: a million zero vertices, drawn as faces without area at the
    origin."""
    stroke = zero_tail_truth()
    vertices = np.concatenate(
        [stroke.vertices[stroke.faces].reshape(-1, 3), np.zeros((zeros, 3), np.float32)]
    )
    indices = np.arange(len(stroke.faces) * 3 + zeros // 2 // 3 * 3)  # half of the tail is drawn, half is not
    writer = GltfWriter()
    writer.node(writer.primitive(vertices, indices, u8(TEAL, len(vertices))))
    return writer.write(folder / "zero_tail.glb")


def units_axes(folder: Path) -> list[tuple[Path, dict[str, object], np.ndarray]]:
    """7: one chair in five files, each with its options for read_sketch and the [4, 4] matrix that takes the
    plain chair's place to the place where this one stands (Y-up metres): plain, x10, x100 Z-up, turned,
    mirrored node."""
    soup, color = _chair_soup(), (140, 90, 50, 255)

    def write(name: str, vertices: np.ndarray, flip: bool = False, **node: Any) -> Path:
        faces = np.arange(len(vertices)).reshape(-1, 3)
        writer = GltfWriter()
        primitive = writer.primitive(vertices, faces[:, ::-1] if flip else faces, u8(color, len(vertices)))
        writer.node(primitive, **node)
        return writer.write(folder / f"{name}.glb")

    half_turn = np.diag([-1.0, 1.0, -1.0, 1.0])
    z_up = (soup[:, [0, 2, 1]] * [1, -1, 1] * 100).astype(np.float32)
    trimesh.Trimesh(z_up, np.arange(len(z_up)).reshape(-1, 3), process=False).export(
        folder / "chair_z_up.stl"
    )
    mirrored = soup * [-1, 1, 1] - [0.25, 0, 0]
    matrix = np.array([[-1, 0, 0, -0.25], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    return [
        (write("chair_plain", soup), {}, np.eye(4)),
        (write("chair_ten", soup * 10), {"scale": 0.1}, np.eye(4)),
        (folder / "chair_z_up.stl", {"scale": 0.01}, np.eye(4)),
        (write("chair_turned", soup @ half_turn[:3, :3]), {"front": 180.0}, half_turn),
        (write("chair_mirrored", mirrored, flip=True, matrix=matrix.T.reshape(-1).tolist()), {}, np.eye(4)),
    ]


def taper_degenerate(folder: Path) -> Path:
    """8: ribbons that taper to nothing, frames repeated so that 18 % of the faces have no area, a stroke of
    one point, and a NaN vertex."""
    t = np.concatenate(
        [np.linspace(0, 1, 41), [0.2, 0.4, 0.5, 0.6, 0.8] * 2]
    )  # ten frames come twice or thrice
    t = np.sort(t)
    vertices, faces, start = [], [], 0
    for k in range(24):
        angle = 2 * np.pi * k / 24
        half = (np.pi / 24 + 0.004) * np.sqrt(np.clip(4 * t * (1 - t), 0, 1))
        strip = _weave(vase_point(t, angle - half), vase_point(t, angle + half))
        vertices.append(strip)
        faces.append(strip_faces(len(t)) + start)
        start += len(strip)
    vertices.append(np.repeat(VASE_PLACE[None], 6, axis=0))  # the stroke of one point
    faces.append(strip_faces(3) + start)
    vertices.append(np.array([[np.nan, 0, 0], [0.5, 1.2, -0.3], [0.5, 1.2, -0.31]]))
    faces.append(np.array([[0, 1, 2]]) + start + 6)
    all_vertices = np.concatenate(vertices)
    writer = GltfWriter()
    writer.node(writer.primitive(all_vertices, np.concatenate(faces), u8(TERRACOTTA, len(all_vertices))))
    return writer.write(folder / "taper_degenerate.glb")


def alpha_scene(folder: Path) -> Path:
    """9: the vase among strokes of alpha 0, blended particles, a camera, a light of zero scale, and a ground
    grid."""
    body, faces = _strips_part(vase_strips())
    writer = GltfWriter()
    blend = writer.material(alphaMode="BLEND", doubleSided=True)
    mask = writer.material(alphaMode="MASK", alphaCutoff=0.5, doubleSided=True)
    writer.node(writer.primitive(body, faces, u8(TERRACOTTA, len(body)), material=mask), name="strokes")
    ghost = (body - VASE_PLACE) * 2 + VASE_PLACE
    writer.node(
        writer.primitive(ghost, faces, u8((255, 0, 255, 0), len(ghost)), material=blend), name="erased"
    )
    rng = np.random.default_rng(9)
    snow, snow_faces = quads(VASE_PLACE + rng.uniform(-0.4, 0.4, (60, 3)), 0.015, seed=9)
    writer.node(
        writer.primitive(snow, snow_faces, u8((255, 255, 255, 90), len(snow)), material=blend), name="snow"
    )
    lines = np.linspace(-5, 5, 21)
    ends = [[(x, 0, -5), (x, 0, 5)] for x in lines] + [[(-5, 0, z), (5, 0, z)] for z in lines]
    writer.node(writer.primitive(np.array(ends, dtype=float).reshape(-1, 3), None, mode=1), name="GroundGrid")
    writer.header["cameras"] = [{"type": "perspective", "perspective": {"yfov": 0.8, "znear": 0.1}}]
    writer.node(camera=0, name="camera", translation=[0, 1, 5])
    writer.header["extensionsUsed"] = ["KHR_lights_punctual"]
    writer.header["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "point"}]}}
    writer.node(name="light", scale=[0, 0, 0], extensions={"KHR_lights_punctual": {"light": 0}})
    bulb, bulb_faces = sweep(np.array([[2.0, 2, 2], [2, 2.1, 2]]), 0.05)
    writer.node(writer.primitive(bulb, bulb_faces), name="bulb", scale=[0, 0, 0])
    return writer.write(folder / "alpha_scene.glb")


def huge(folder: Path, *, batches: int = 20, strokes: int = 3000) -> Path:
    """10: strokes in batches of 65,534 vertices, drawn over a sphere of 0.5 m at y = 1."""
    per_batch, size = strokes // batches, 65534
    frames = size // 2 // per_batch
    writer = GltfWriter()
    rng = np.random.default_rng(10)
    t = np.linspace(0, 1, frames)
    for _ in range(batches):
        pole = rng.normal(size=(2, per_batch, 1, 3))
        pole /= np.linalg.norm(pole, axis=3, keepdims=True)
        side = np.cross(pole[0], pole[1])
        side /= np.linalg.norm(side, axis=2, keepdims=True)
        angle = 1.2 * t[None, :, None]
        along = np.cos(angle) * pole[0] + np.sin(angle) * np.cross(side, pole[0])
        along *= 0.5
        pair = np.stack([along - 0.008 * side, along + 0.008 * side], axis=2).reshape(-1, 3)
        pair[:, 1] += 1.0
        tail = np.zeros((size - len(pair), 3))  # to the full batch
        starts = 2 * frames * np.arange(per_batch)[:, None, None]
        faces = (strip_faces(frames)[None] + starts).reshape(-1, 3)
        vertices = np.concatenate([pair, tail])
        colors = u8((0, 0, 0, 255), size)
        colors[:, :3] = rng.integers(60, 255, 3)
        writer.node(writer.primitive(vertices, faces, colors))
    return writer.write(folder / "huge.glb")

"""The shapes that objects are put together from.

A Part is `(vertices [V, 3], faces)`, each face a tuple of vertex indices in counter-clockwise order seen from outside.
Z points up, the front looks towards -Y, angles are in radians, lengths in whatever unit the object uses.
Faces are convex or nearly so: concave outlines are cut into triangles here.
"""

import math
from collections.abc import Sequence

import numpy as np

from training.world.dice import Dice

Face = tuple[int, ...]
Part = tuple[np.ndarray, list[Face]]
Ribs = tuple[int, float]  # how many ribs around, and their depth as a share of the radius


def rotation(axis: str, radians: float) -> np.ndarray:
    """[3, 3]: turns counter-clockwise about 'x', 'y' or 'z' (column vectors: rotation @ point)."""
    c, s = math.cos(radians), math.sin(radians)
    rows = {
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    return np.array(rows[axis], dtype=float)


def ring_angles(around: int) -> np.ndarray:
    """[around]: equal steps of a full turn, without its end."""
    return np.arange(around) * 2 * np.pi / around


def _ribbed(ribs: Ribs | None, angles: np.ndarray) -> np.ndarray:
    return np.ones_like(angles) if ribs is None else 1 + ribs[1] * np.cos(ribs[0] * angles)


def _ring_faces(rings: int, around: int) -> list[Face]:
    """Quads between neighbouring rings of `around` vertices each, the rings closed."""
    return [
        (i * around + j, i * around + (j + 1) % around, (i + 1) * around + (j + 1) % around, (i + 1) * around + j)
        for i in range(rings - 1)
        for j in range(around)
    ]


def _grid_faces(rows: int, columns: int) -> list[Face]:
    """Quads of an open sheet of rows × columns vertices."""
    return [
        (i * columns + j, (i + 1) * columns + j, (i + 1) * columns + j + 1, i * columns + j + 1)
        for i in range(rows - 1)
        for j in range(columns - 1)
    ]


def volume(part: Part) -> float:
    """Signed volume of a closed part: positive when its faces look outwards."""
    vertices, faces = part
    return sum(
        float(np.dot(vertices[face[0]], np.cross(vertices[face[k]], vertices[face[k + 1]]))) / 6
        for face in faces
        for k in range(1, len(face) - 1)
    )


def lathe(profile: Sequence[Sequence[float]] | np.ndarray, around: int = 28, ribs: Ribs | None = None) -> Part:
    """Turns `profile` [(radius, z), …] about the z axis. Written upwards on the outside it faces outwards."""
    points = np.asarray(profile, dtype=float)
    angles = ring_angles(around)
    radius = np.maximum(points[:, :1], 1e-4) * _ribbed(ribs, angles)  # [P, around]
    height = np.broadcast_to(points[:, 1:2], radius.shape)
    vertices = np.stack([radius * np.cos(angles), radius * np.sin(angles), height], -1).reshape(-1, 3)
    return vertices, _ring_faces(len(points), around)


def sphere(around: int = 16, along: int = 10) -> Part:
    """Radius 1."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, along)
    return lathe(np.stack([np.cos(angles), np.sin(angles)], 1), around)


def box() -> Part:
    """The cube of side 1 around the origin, with sharp edges (add it with smooth=False)."""
    vertices = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    return vertices, [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def rounded_box(bevel: float = 0.06, size: Sequence[float] = (1, 1, 1)) -> Part:
    """A box around the origin with edges cut at 45° by `bevel`; with `size` given here the bevel is even."""
    half = np.asarray(size, dtype=float) / 2
    inner = np.maximum(half - bevel, half * 0.05)
    signs = [np.array((x, y, z)) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    vertices = np.array([np.where(np.arange(3) == axis, half, inner) * sign for sign in signs for axis in range(3)])

    def index(sign: Sequence[int] | np.ndarray, axis: int) -> int:
        return 3 * (4 * (sign[0] > 0) + 2 * (sign[1] > 0) + (sign[2] > 0)) + axis

    faces: list[Face] = [tuple(index(sign, axis) for axis in range(3)) for sign in signs]
    for axis in range(3):
        first, second = (other for other in range(3) if other != axis)
        for side in (-1, 1):
            corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
            faces.append(tuple(index(_signs(axis, side, first, a, second, b), axis) for a, b in corners))
        for a in (-1, 1):
            for b in (-1, 1):
                low, high = _signs(axis, -1, first, a, second, b), _signs(axis, 1, first, a, second, b)
                faces.append((index(low, first), index(high, first), index(high, second), index(low, second)))
    return vertices, _facing_out(vertices, faces)


def _signs(axis: int, side: int, first: int, a: int, second: int, b: int) -> list[int]:
    sign = [0, 0, 0]
    sign[axis], sign[first], sign[second] = side, a, b
    return sign


def _facing_out(vertices: np.ndarray, faces: list[Face]) -> list[Face]:
    """Turns round those faces of a convex part around the origin that look inwards."""
    turned = []
    for face in faces:
        corners = vertices[list(face)]
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        turned.append(face if normal @ corners.mean(0) > 0 else face[::-1])
    return turned


def tube(
    path: Sequence[Sequence[float]] | np.ndarray,
    radius: float | Sequence[float] | np.ndarray,
    around: int = 10,
    ribs: Ribs | None = None,
    caps: bool = True,
) -> Part:
    """A round bar along `path` [N, 3]; `radius` is one number or one for each point."""
    points = np.asarray(path, dtype=float)
    radii = np.broadcast_to(np.asarray(radius, dtype=float), (len(points),))
    angles = ring_angles(around)
    ribbed = _ribbed(ribs, angles)
    rings = [
        point + (ribbed * r)[:, None] * (np.cos(angles)[:, None] * right + np.sin(angles)[:, None] * up)
        for point, r, (right, up) in zip(points, radii, _frames(points), strict=True)
    ]
    faces = _ring_faces(len(points), around)
    if caps:
        last = (len(points) - 1) * around
        faces += [tuple(range(around))[::-1], tuple(range(last, last + around))]
    return np.concatenate(rings), faces


def _frames(points: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two directions across the path at each of its points, carried along so that the tube does not twist."""
    directions = np.gradient(points, axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True) + 1e-9
    right = np.eye(3)[np.argmin(np.abs(directions[0]))]
    frames = []
    for direction in directions:
        right = right - direction * (right @ direction)
        right = right / (np.linalg.norm(right) + 1e-9)
        frames.append((right, np.cross(direction, right)))
    return frames


def torus(major: float, minor: float, around: int = 36, along: int = 14, arc: float = 2 * math.pi) -> Part:
    """A ring in the xy plane; `arc` below a full turn leaves it open, from the x axis on counter-clockwise."""
    full = arc > 2 * math.pi - 1e-6
    turn = np.linspace(0, arc, around, endpoint=not full)[:, None]
    section = ring_angles(along)[None]
    reach = major + minor * np.cos(section)
    height = np.broadcast_to(minor * np.sin(section), (around, along))
    vertices = np.stack([reach * np.cos(turn), reach * np.sin(turn), height], -1).reshape(-1, 3)
    # Rings follow each other counter-clockwise and their own vertices upwards: the quads of _ring_faces turned round.
    closed = np.concatenate([vertices, vertices[:along]]) if full else vertices
    faces = [face[::-1] for face in _ring_faces(len(closed) // along, along)]
    return vertices, [tuple(index % len(vertices) for index in face) for face in faces]


def petal(
    dice: Dice,
    length: float,
    width: float,
    bend: float,
    cup: float = 0.2,
    power: float = 0.75,
    tip: float = 0,
    ruffle: float = 0,
    along: int = 7,
    across: int = 5,
) -> Part:
    """A leaf or petal: a sheet from the origin along +X, `width` its half width, curving up by `bend` radians in all.

    `cup` lifts its edges, a smaller `power` brings the widest place nearer to the root's side, `tip` 0 ends in a point
    and 1 ends wide, `ruffle` waves the edges.
    """
    u, w = np.linspace(0, 1, along), np.linspace(-1, 1, across)
    x = np.cumsum(np.cos(bend * u)) * length / along
    z = np.cumsum(np.sin(bend * u)) * length / along
    half = width * np.maximum(np.sin(np.pi * np.minimum(u * (1 - tip) + 0.04, 1) ** power), 0.04)[:, None]
    waves = ruffle * half * np.sin(w * 5 + dice.uniform(0, 6) + u[:, None] * 7)
    lift = z[:, None] + cup * half * w**2 + waves
    vertices = np.stack([np.broadcast_to(x[:, None], lift.shape), half * w, lift], -1).reshape(-1, 3)
    return vertices, _grid_faces(along, across)


def spline(control: Sequence[Sequence[float]] | np.ndarray, count: int = 24) -> np.ndarray:
    """[count, D]: a smooth curve through the `control` points [N, D] (Catmull-Rom)."""
    points = np.asarray(control, dtype=float)
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    place = np.linspace(0, len(points) - 1, count)
    segment = np.minimum(place.astype(int), len(points) - 2)
    t = (place - segment)[:, None]
    before, start, end, after = (padded[segment + k] for k in range(4))
    return 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )


def extrude(outline: Sequence[Sequence[float]] | np.ndarray, depth: float, bevel: float = 0) -> Part:
    """A plate with the shape of `outline` [N, 2] in x and z, `depth` thick along y around y = 0; may be concave."""
    points = np.asarray(outline, dtype=float)
    if _area(points) < 0:
        points = points[::-1]
    count = len(points)
    layers = [(points, depth / 2), (points, -depth / 2)]
    if bevel:
        inner = _inset(points, bevel)
        layers = [(inner, depth / 2), (points, depth / 2 - bevel), (points, bevel - depth / 2), (inner, -depth / 2)]
    vertices = np.concatenate([np.insert(ring, 1, y, axis=1) for ring, y in layers])
    triangles = triangulate(layers[0][0])
    last = (len(layers) - 1) * count
    faces = _ring_faces(len(layers), count)
    faces += [(c, b, a) for a, b, c in triangles] + [(a + last, b + last, c + last) for a, b, c in triangles]
    return vertices, faces


def _area(points: np.ndarray) -> float:
    """Signed area of a polygon [N, 2], positive when counter-clockwise."""
    x, y = points.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


def _inset(points: np.ndarray, distance: float) -> np.ndarray:
    """[N, 2]: a counter-clockwise polygon's corners moved inwards."""
    edge = np.roll(points, -1, axis=0) - points
    normal = np.stack([-edge[:, 1], edge[:, 0]], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    inwards = normal + np.roll(normal, 1, axis=0)
    inwards /= np.linalg.norm(inwards, axis=1, keepdims=True) + 1e-9
    return points + inwards * distance


def triangulate(points: np.ndarray) -> list[tuple[int, int, int]]:
    """Triangles (indices) that fill a counter-clockwise polygon [N, 2], concave or not, by cutting off ears."""
    left = list(range(len(points)))
    triangles = []
    while len(left) > 3:
        ear = next((k for k in range(len(left)) if _is_ear(points, left, k)), 0)
        triangles.append((left[ear - 1], left[ear], left[(ear + 1) % len(left)]))
        del left[ear]
    return [*triangles, (left[0], left[1], left[2])]


def _is_ear(points: np.ndarray, left: list[int], k: int) -> bool:
    corner = [left[k - 1], left[k], left[(k + 1) % len(left)]]
    a, b, c = points[corner]
    if _area(np.array([a, b, c])) <= 0:
        return False
    others = points[[index for index in left if index not in corner]]

    def on_left(start: np.ndarray, end: np.ndarray) -> np.ndarray:
        along, to = end - start, others - start
        return along[0] * to[:, 1] - along[1] * to[:, 0] > 0

    return not np.any(on_left(a, b) & on_left(b, c) & on_left(c, a))


def loft(sections: Sequence[np.ndarray] | np.ndarray, caps: bool = True) -> Part:
    """A skin over rings of vertices [S, N, 3]; caps close the first and the last around their middles."""
    rings = np.asarray(sections, dtype=float)
    count, around = rings.shape[:2]
    vertices = rings.reshape(-1, 3)
    faces = _ring_faces(count, around)
    if not caps:
        return vertices, faces
    first, last, edge = count * around, count * around + 1, (count - 1) * around
    vertices = np.concatenate([vertices, rings[:1].mean(1), rings[-1:].mean(1)])
    for j in range(around):
        after = (j + 1) % around
        faces += [(after, j, first), (edge + j, edge + after, last)]
    if volume((vertices, faces)) < 0:
        faces = [face[::-1] for face in faces]
    return vertices, faces


def bitten(part: Part, centers: Sequence[np.ndarray], radius: float) -> tuple[Part, Part]:
    """Takes balls out of a rounded part around the origin: (what is left of its skin, the surface of the hollow).

    Both keep all vertices, whether their own faces have them or not.
    Vertices well inside are pushed towards the origin until they are out of all balls; those between skin and hollow
    move along the skin to the balls' edge, so that the edge runs smooth over a coarse part.
    """
    vertices, faces = part
    offsets = vertices - np.asarray(centers)[:, None]  # [C, V, 3]
    distances = np.linalg.norm(offsets, axis=2)
    nearest = distances.argmin(0), np.arange(len(vertices))
    beyond = distances[nearest] - radius  # [V], negative inside
    hollow = [face for face in faces if beyond[list(face)].mean() < 0]
    skin = [face for face in faces if beyond[list(face)].mean() >= 0]
    shared = _used(hollow, len(vertices)) & _used(skin, len(vertices))

    outwards = vertices / (np.linalg.norm(vertices, axis=1, keepdims=True) + 1e-9)
    depth = np.max([_way_out(offset, -outwards, radius) for offset in offsets], axis=0)
    to_edge = offsets[nearest] / (distances[nearest] + 1e-9)[:, None] * -beyond[:, None]
    moved = vertices + np.where(shared[:, None], to_edge, -depth[:, None] * outwards)
    return (moved, skin), (moved, hollow)


def _used(faces: list[Face], count: int) -> np.ndarray:
    """[count] bool: the vertices that some face has."""
    used = np.zeros(count, dtype=bool)
    used[[index for face in faces for index in face]] = True
    return used


def _way_out(offset: np.ndarray, direction: np.ndarray, radius: float) -> np.ndarray:
    """[V]: how far from the points at `offset` from a ball's centre it is out of the ball; 0 for those outside."""
    along, square = (offset * direction).sum(1), (offset**2).sum(1)
    return np.where(square < radius**2, np.sqrt(np.maximum(along**2 - square + radius**2, 0)) - along, 0)

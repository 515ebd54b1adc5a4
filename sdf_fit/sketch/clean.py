"""What of a parsed sketch is strokes: everything else is dropped, counted, and named in one warning."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from sdf_fit.sketch.error import SketchError
from sdf_fit.sketch.shape import component_sizes, enclosing_sphere, face_areas, face_components, weld
from sdf_fit.sketch.tubes import chains, sweep

FARTHEST = 1e9  # metres; farther than that is a broken number
LINE_RADIUS = 0.01  # of the bounding sphere's, for lines whose file gives no width
PARTICLE_SIZE = 0.1  # of the body's diagonal
FEWEST_PARTICLES = 8  # fewer loose quads are more likely an eye or a button
GROUND_NAME = re.compile(r"grid|ground|floor|gizmo|axes", re.IGNORECASE)


@dataclass
class Strokes:
    """Triangles and lines while they are cleaned: vertices [V, 3] Y-up metres, colors [V, 4] linear rgba,
    faces [F, 3] and segments [S, 2] with the number of their part, names [P] and alpha cutoffs [P] of the
    parts; dropped counts."""

    vertices: np.ndarray
    colors: np.ndarray
    faces: np.ndarray
    face_part: np.ndarray
    segments: np.ndarray
    segment_part: np.ndarray
    names: np.ndarray
    cutoffs: np.ndarray
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, what: str, count: int) -> None:
        if count:
            self.dropped[what] = self.dropped.get(what, 0) + int(count)

    def forget_unused(self) -> int:
        """Take out the vertices that nothing uses; how many."""
        used = np.zeros(len(self.vertices), dtype=bool)
        used[self.faces] = used[self.segments] = True
        number = np.cumsum(used) - 1
        self.vertices, self.colors = self.vertices[used], self.colors[used]
        self.faces, self.segments = number[self.faces], number[self.segments]
        return int(np.count_nonzero(~used))

    def keep_faces(self, keep: ArrayLike, what: str) -> None:
        keep = np.asarray(keep)
        self.drop(what, int(np.count_nonzero(~keep)))
        self.faces, self.face_part = self.faces[keep], self.face_part[keep]

    def keep_segments(self, keep: ArrayLike, what: str) -> None:
        keep = np.asarray(keep)
        self.drop(what, int(np.count_nonzero(~keep)))
        self.segments, self.segment_part = self.segments[keep], self.segment_part[keep]


def clean(strokes: Strokes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """vertices [V, 3] float64, faces [F, 3] int64, colors [V, 3] float32 of the strokes alone;
    `strokes.dropped` says how much of what was left out. Raises SketchError where nothing is left."""
    steps = (
        _drop_broken,
        _drop_invisible,
        _drop_ground,
        _lines_to_tubes,
        _drop_degenerate,
        _drop_doubled,
        _drop_particles,
    )
    strokes.drop("unused points", strokes.forget_unused())
    for step in steps:
        step(strokes)
        strokes.forget_unused()
        if not len(strokes.faces) and not len(strokes.segments):
            raise _nothing_left(strokes)
    return strokes.vertices, strokes.faces, strokes.colors[:, :3]


def describe(dropped: dict[str, int]) -> str:
    """'3 cameras, 12 invisible faces' in the order in which they were dropped."""
    return ", ".join(
        f"{count:,} {_singular(what) if count == 1 else what}" for what, count in dropped.items()
    )


def _singular(what: str) -> str:
    return re.sub(r"s\b", "", what, count=1) if "ss" not in what else what


def _nothing_left(strokes: Strokes) -> SketchError:
    found = (
        f"all of it was dropped: {describe(strokes.dropped)}"
        if strokes.dropped
        else "it has no faces and no lines"
    )
    return SketchError(
        "nothing_left", f"The sketch holds no stroke; {found}.", "Draw at least one visible stroke."
    )


def _drop_broken(strokes: Strokes) -> None:
    """Faces and lines at a vertex that is not a finite number of metres."""
    good = np.all(np.abs(strokes.vertices) < FARTHEST, axis=1)  # false for NaN as well
    strokes.keep_faces(good[strokes.faces].all(axis=1), "faces at a point that is no number")
    strokes.keep_segments(good[strokes.segments].all(axis=1), "lines at a point that is no number")


def _drop_invisible(strokes: Strokes) -> None:
    """Faces and lines all of whose corners lie below their part's alpha cutoff."""
    alpha = strokes.colors[:, 3]
    for_faces, for_lines = strokes.cutoffs[strokes.face_part], strokes.cutoffs[strokes.segment_part]
    strokes.keep_faces((alpha[strokes.faces] >= for_faces[:, None]).any(axis=1), "invisible faces (alpha 0)")
    strokes.keep_segments(
        (alpha[strokes.segments] >= for_lines[:, None]).any(axis=1), "invisible lines (alpha 0)"
    )


def _drop_ground(strokes: Strokes) -> None:
    """Parts that are the ground below the drawing: flat, low, and named so or far wider than all the rest."""
    boxes = _part_boxes(strokes)
    ground = [part for part in boxes if _is_ground(part, boxes, str(strokes.names[part]))]
    if not ground or len(ground) == len(boxes):
        return
    before = len(strokes.faces), len(strokes.segments)
    strokes.faces, strokes.face_part = _without(strokes.faces, strokes.face_part, ground)
    strokes.segments, strokes.segment_part = _without(strokes.segments, strokes.segment_part, ground)
    gone = before[0] - len(strokes.faces) + before[1] - len(strokes.segments)
    strokes.drop("faces and lines of a ground grid", gone)


def _without(items: np.ndarray, part: np.ndarray, gone: list[int]) -> tuple[np.ndarray, np.ndarray]:
    keep = ~np.isin(part, gone)
    return items[keep], part[keep]


def _part_boxes(strokes: Strokes) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Lowest and highest corner of each part that still draws something."""
    boxes = {}
    for items, parts in ((strokes.faces, strokes.face_part), (strokes.segments, strokes.segment_part)):
        order = np.argsort(parts, kind="stable")
        numbers, starts = np.unique(parts[order], return_index=True)
        for number, group in zip(numbers.tolist(), np.split(order, starts[1:]), strict=False):
            points = strokes.vertices[items[group].reshape(-1)]
            boxes[number] = (points.min(axis=0), points.max(axis=0))
    return boxes


def _is_ground(part: int, boxes: dict[int, tuple[np.ndarray, np.ndarray]], name: str) -> bool:
    others = [box for number, box in boxes.items() if number != part]
    if not others:
        return False
    low, high = boxes[part]
    size = high - low
    rest_low = np.min([box[0] for box in others], axis=0)
    rest_size = np.max([box[1] for box in others], axis=0) - rest_low
    flat = size[1] <= 0.02 * max(size[0], size[2])
    at_bottom = high[1] <= rest_low[1] + 0.1 * max(rest_size[1], size[1])
    wide = min(size[0], size[2]) >= 1.5 * max(rest_size[0], rest_size[2])
    return bool(flat and at_bottom and (wide or GROUND_NAME.search(name)))


def _lines_to_tubes(strokes: Strokes) -> None:
    """Every line becomes a tube of a hundredth of the bounding sphere's radius, in its vertices' colours."""
    if not len(strokes.segments):
        return
    drawn = np.concatenate([strokes.faces.reshape(-1), strokes.segments.reshape(-1)])
    radius = LINE_RADIUS * enclosing_sphere(strokes.vertices[drawn])[1]
    part_of = dict(zip(strokes.segments[:, 0].tolist(), strokes.segment_part.tolist(), strict=True))
    part_of.update(zip(strokes.segments[:, 1].tolist(), strokes.segment_part.tolist(), strict=True))
    vertices, colors = [strokes.vertices], [strokes.colors]
    faces, parts, start = [strokes.faces], [strokes.face_part], len(strokes.vertices)
    points_dropped = 0
    for run in chains(_meeting(strokes)):
        moved = np.linalg.norm(np.diff(strokes.vertices[run], axis=0), axis=1) > 1e-3 * radius
        kept = np.array(run)[np.concatenate([[True], moved])]
        if len(kept) < 2:
            points_dropped += 1
            continue
        new, new_faces = sweep(strokes.vertices[kept], radius)
        sides = (len(new) - 2) // len(kept)
        vertices.append(new)
        colors.append(strokes.colors[np.concatenate([kept.repeat(sides), kept[[0, -1]]])])
        faces.append(new_faces + start)
        parts.append(np.full(len(new_faces), part_of[int(kept[0])], dtype=np.int32))
        start += len(new)
    strokes.drop("lines of no length", points_dropped)
    strokes.vertices, strokes.colors = np.concatenate(vertices), np.concatenate(colors)
    strokes.faces, strokes.face_part = np.concatenate(faces), np.concatenate(parts)
    strokes.segments, strokes.segment_part = strokes.segments[:0], strokes.segment_part[:0]


def _meeting(strokes: Strokes) -> np.ndarray:
    """Segments with one vertex number for each place, so that strokes saved as loose segments hang
    together."""
    used = np.unique(strokes.segments)
    places = weld(strokes.vertices[used])
    first = np.unique(places, return_index=True)[1]
    return used[first][places[np.searchsorted(used, strokes.segments)]]


def _drop_degenerate(strokes: Strokes) -> None:
    """Faces without area: a repeated corner, or thinner than a ten-millionth of the extent."""
    corners = strokes.vertices[strokes.faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    height = 2 * face_areas(strokes.vertices, strokes.faces) / np.maximum(longest, 1e-300)
    extent = float(np.ptp(corners.reshape(-1, 3), axis=0).max()) if len(corners) else 0.0
    strokes.keep_faces((height > 1e-7 * extent) & (longest > 0), "faces without area")


def _drop_doubled(strokes: Strokes) -> None:
    """The second of two faces on the same three places, whichever way round: painters' back sides."""
    places = np.sort(weld(strokes.vertices)[strokes.faces], axis=1)
    order = np.lexsort(places.T)
    same = (np.diff(places[order], axis=0) == 0).all(axis=1)
    keep = np.ones(len(places), dtype=bool)
    keep[order[1:][same]] = False
    strokes.keep_faces(keep, "doubled faces")


def _drop_particles(strokes: Strokes) -> None:
    """Loose triangles and quads, small against the body: sparkles and snow.

    Ribbons that a painter cut into quads look the same one by one; so nothing is dropped where the loose ones
    are half or more of all the area, where they are few, or where one lies on larger strokes (its neighbours
    drawn in the same part) and so may be a piece of them.
    """
    component = face_components(weld(strokes.vertices)[strokes.faces])
    sizes = component_sizes(strokes.vertices, strokes.faces, component)
    loose = np.bincount(component) <= 2
    drawn = strokes.vertices[strokes.faces[~loose[component]].reshape(-1)]
    if not len(drawn):
        return
    body = float(np.linalg.norm(np.ptp(drawn, axis=0)))
    loose &= sizes <= PARTICLE_SIZE * body
    areas = face_areas(strokes.vertices, strokes.faces)
    in_loose = loose[component]
    few = np.count_nonzero(loose) < FEWEST_PARTICLES
    if few or areas[in_loose].sum() >= 0.5 * areas.sum():
        return
    pieces = _pieces_of_strokes(strokes, component, in_loose, sizes)
    particles = in_loose & ~pieces[component]
    strokes.keep_faces(~particles, "faces of loose particles")


def _pieces_of_strokes(
    strokes: Strokes, component: np.ndarray, in_loose: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """[C] true for loose components that touch (within a tenth of their size) a larger stroke of the same
    part."""
    from scipy.spatial import KDTree

    touching = np.zeros(len(sizes), dtype=bool)
    for part in np.unique(strokes.face_part[in_loose]).tolist():
        of_part = strokes.face_part == part
        body = strokes.vertices[np.unique(strokes.faces[of_part & ~in_loose])]
        if not len(body):
            continue
        mine = np.flatnonzero(of_part & in_loose)
        corners = strokes.vertices[strokes.faces[mine]].reshape(-1, 3)
        near = KDTree(body).query(corners)[0].reshape(-1, 3).min(axis=1) < 0.1 * sizes[component[mine]]
        touching[component[mine[near]]] = True
    return touching

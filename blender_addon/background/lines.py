"""The lines of a part of a sketch (see ../scene/strokes.py and ../scene/mesh_arrays.py), in its own coordinates."""

from __future__ import annotations

import numpy as np

from .chains import chains
from .splines import POLY, interpolated, sampled
from .tubes import Lines

Part = dict[str, np.ndarray]


def of_strokes(part: Part) -> Lines:
    """Hair or Grease Pencil. `radius` is what the part has: its radius, its factor, or 1."""
    is_shown = part.get("shown", np.ones(len(part["cyclic"]), bool))
    radius = part.get("radius", part.get("factor", np.ones(len(part["points"]))))
    pieces = []
    for stroke in np.flatnonzero(is_shown & (np.diff(part["offsets"]) > 0)).tolist():
        within = slice(part["offsets"][stroke], part["offsets"][stroke + 1])
        is_cyclic, kind = bool(part["cyclic"][stroke]), int(part["curve_type"][stroke])
        handles = (part[name][within] if name in part else None for name in ("handle_left", "handle_right"))
        points = part["points"][within].astype(np.float64)
        line, along = sampled(points, kind, is_cyclic, int(part["resolution"][stroke]), *handles)
        values = [radius[within], part["colour"][within]] if "colour" in part else [radius[within]]
        if kind != POLY:
            values = [interpolated(each, along, is_cyclic) for each in values]
        pieces.append((line, is_cyclic, *values))
    return _lines(pieces, "colour" in part)


def of_edges(part: Part, colour: np.ndarray | None) -> Lines:
    """A mesh's edges that no face uses; `colour` [V, 4]. `radius` is a factor: that of the curve's splines, or 1."""
    edges, vertices = part["edge_verts"], len(part["position"])
    if "corner_edge" in part:
        is_loose = np.ones(len(edges), bool)
        is_loose[part["corner_edge"]] = False
        edges = edges[is_loose]
    found = chains(edges, vertices)
    offsets = part.get("spline_offsets", np.zeros(1, np.int32))
    has_radius = len(offsets) - 1 == len(found)  # a modifier may have made something else of the splines
    pieces = []
    for number, (line, is_cyclic) in enumerate(found):
        radius = np.ones(len(line))
        if has_radius:
            given = part["spline_radius"][offsets[number] : offsets[number + 1]]
            radius = _stretched(given, len(line), is_cyclic)
        points = part["position"][line].astype(np.float64)
        pieces.append((points, is_cyclic, radius, *([] if colour is None else [colour[line]])))
    return _lines(pieces, colour is not None)


def _stretched(given: np.ndarray, count: int, is_cyclic: bool) -> np.ndarray:
    """Blender evaluates a spline at equal steps between its points, so theirs is the same share of the way."""
    spans = len(given) if is_cyclic else len(given) - 1
    return interpolated(given, np.arange(count) * (spans / max(count - (not is_cyclic), 1)), is_cyclic)


def _lines(pieces: list[tuple], has_colour: bool) -> Lines:
    """From (points, is_cyclic, radius[, colour]) of each."""
    offsets = np.cumsum([0, *(len(piece[0]) for piece in pieces)])
    points = np.concatenate([np.empty((0, 3)), *(piece[0] for piece in pieces)])
    radius = np.concatenate([np.empty(0), *(piece[2] for piece in pieces)])
    colour = np.concatenate([np.empty((0, 4)), *(piece[3] for piece in pieces)]) if has_colour else None
    return Lines(points, offsets, radius, np.array([piece[1] for piece in pieces], bool), colour)

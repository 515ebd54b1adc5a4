"""The colours of a part of a sketch: its colour attribute's if that says anything, else its materials'. Linear."""

from __future__ import annotations

import numpy as np

Part = dict[str, np.ndarray]


def of_corners(part: Part, sizes: np.ndarray) -> np.ndarray | None:
    """[L, 4] float32, or None; `sizes` [F] is how many corners each face has."""
    if (colour := _attribute(part)) is not None:
        domain = str(part["colour_domain"])
        return colour[part["corner_vert"]] if domain == "POINT" else _of_faces(colour, domain, sizes)
    if "material_colours" not in part:
        return None
    table = _opaque(part["material_colours"])
    index = part.get("material_index", np.zeros(len(sizes), np.int32))
    return np.repeat(table[np.clip(index, 0, len(table) - 1)], sizes, axis=0)


def of_vertices(part: Part) -> np.ndarray | None:
    """[V, 4] float32, or None; for a mesh's edges, which know no corner and no face."""
    colour = _attribute(part)
    if colour is not None and str(part["colour_domain"]) == "POINT":
        return colour
    if "material_colours" not in part:
        return None
    return np.repeat(_opaque(part["material_colours"][:1]), len(part["position"]), axis=0)


def _of_faces(colour: np.ndarray, domain: str, sizes: np.ndarray) -> np.ndarray:
    return np.repeat(colour, sizes, axis=0) if domain == "FACE" else colour


def _attribute(part: Part) -> np.ndarray | None:
    """None also for one that is white all over: it was added, and never painted."""
    colour = part.get("colour")
    if colour is None or "colour_domain" not in part:
        return None
    if colour.dtype == np.uint8:
        colour = SRGB[colour]
    return None if (colour[:, :3] == 1).all() else _opaque(colour)


def _opaque(colour: np.ndarray) -> np.ndarray:
    """Paint's alpha is no hole in a sketch."""
    colour = np.array(colour, np.float32)
    colour[:, 3] = 1
    return colour


def _linear(srgb: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


SRGB = _linear(np.arange(256) / 255).astype(np.float32)  # linear light of each byte

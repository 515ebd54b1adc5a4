"""Texture coordinates for a mesh, through xatlas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xatlas

from realify.result.measures import face_areas, vertex_normals
from sdf_fit.mesh import Mesh

FACES_PER_CHART = 1000  # at most, of average size


@dataclass(frozen=True)
class UnwrappedMesh:
    """A mesh cut open along the seams of its texture.

    vertices [V, 3] float32; faces [F, 3] int32; vertex_map [V] int32, the vertex of the uncut mesh that each
    came from; uvs [V, 2] float32 in 0..1, as glTF has them: (0, 0) is the upper left corner of the texture
    and v grows downwards, so row 0 of an image array lies at v = 0 and nothing has to be turned over.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uvs: np.ndarray
    vertex_map: np.ndarray

    @cached_property
    def normals(self) -> np.ndarray:
        """Smooth normals [V, 3] float32 of the uncut surface, so that shading does not show the seams."""
        uncut = np.zeros((self.vertex_map.max() + 1, 3), np.float32)
        uncut[self.vertex_map] = self.vertices
        return vertex_normals(uncut, self.welded_faces)[self.vertex_map]

    @property
    def welded_faces(self) -> np.ndarray:
        """faces [F, 3] int32 into the uncut mesh: those to ask whether the surface is closed."""
        return self.vertex_map[self.faces]


def unwrap(mesh: Mesh, texture_size: int = 1024, padding: int = 4) -> UnwrappedMesh:
    """Cut `mesh` into charts and pack them into the unit square with no overlap.

    Args:
        mesh: any triangles; faces keep their number and order. Even faces are fast (20,000 take 1 to 3 s);
        raw
            marching tetrahedra end up in a hundred times as many charts and take three times as long.
        texture_size: texels along each side of the texture the charts are packed for.
        padding: texels kept free between charts, so that neighbours do not bleed into smaller mipmaps.

    Raises:
        ValueError: no faces, or xatlas left faces out (they have no area).
    """
    if len(mesh.faces) == 0:
        raise ValueError("a mesh without faces has no texture coordinates")
    atlas = xatlas.Atlas()
    atlas.add_mesh(np.ascontiguousarray(mesh.vertices, np.float32), mesh.faces.astype(np.uint32))
    options = xatlas.PackOptions()
    # xatlas takes the size as a hint and overshoots by up to a third, which shrinks the padding: ask for more
    options.resolution = texture_size
    options.padding = math.ceil(padding * 4 / 3)
    options.bilinear = True  # no sample on a chart's rim reaches past its padding
    # flattening a chart takes longer than linear in its faces: 40,000 even faces take 10 s uncapped, 2 s so
    charts = xatlas.ChartOptions()
    charts.max_chart_area = FACES_PER_CHART * float(face_areas(mesh.vertices, mesh.faces).mean())
    atlas.generate(charts, options)
    vertex_map, faces, uvs = atlas[0]
    if not np.array_equal(vertex_map[faces], mesh.faces):
        raise ValueError("xatlas did not keep every face; clean the mesh first (realify.result.remesh.clean_body)")
    # xatlas divides by width and height apart; undo that, for square texels
    square = uvs * np.array([atlas.width, atlas.height], np.float32) / max(atlas.width, atlas.height)
    vertex_map = vertex_map.astype(np.int32)
    return UnwrappedMesh(mesh.vertices[vertex_map], faces.astype(np.int32), square.clip(0, 1), vertex_map)

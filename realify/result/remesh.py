"""From an extracted body to an even mesh of a given number of faces, through pymeshlab.

pymeshlab is GPL, so the capped child process alone imports it: arrays go to that process and come back.
Extraction leaves slivers wherever the surface passes close to a grid vertex, and more faces than a viewer
wants. Isotropic remeshing, which projects the vertices back on the input after each round, makes them even;
quadric decimation then takes them down to the exact budget, from flat places first.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from realify.job.events import Advice
from realify.result.measures import face_areas, face_volumes, is_closed_manifold, part_of_faces
from sdf_fit.mesh import Mesh
from sdf_fit.sandbox.capped_child import ChildError, run_capped

# Of the largest part's area: eyes and spots of a sketch are larger, debris of the fit is smaller.
CRUMB_SHARE = 0.005
# Limits of the child process, a floor and a part for each face; measured: .07 ms and .6 kB a face.
MEMORY_BYTES, MEMORY_BYTES_PER_FACE = 3 * 2**30, 4096
SECONDS, SECONDS_PER_FACE = 60.0, 5e-4


def clean_body(mesh: Mesh, face_budget: int) -> Mesh:
    """The body without crumbs and cavities, evenly meshed with `face_budget` faces or up to 2 % fewer.

    Args:
        mesh: closed, oriented outwards, as marching tetrahedra leave it; any frame.
        face_budget: wanted number of faces, 100 or more. A coarser input is refined up to it.

    Returns:
        A closed 2-manifold oriented outwards, far closer to the input than the new edges' length. Colours
        are those of the nearest input vertices. Where pymeshlab fails, the body comes back with its own
        faces and an Advice says why.

    Raises:
        ValueError: the input is not closed and oriented, or the budget is too small.
    """
    if face_budget < 100:
        raise ValueError(f"a budget of {face_budget} faces is too small for a body: give 100 or more")
    if not is_closed_manifold(mesh.faces):
        raise ValueError("the body is no closed, oriented manifold; extract it with marching tetrahedra")
    body = without_crumbs(mesh)
    arrays = {"vertices": body.vertices, "faces": body.faces, "face_budget": face_budget}
    size = max(face_budget, len(body.faces))
    memory_bytes, seconds = MEMORY_BYTES + MEMORY_BYTES_PER_FACE * size, SECONDS + SECONDS_PER_FACE * size
    try:
        out = run_capped("realify.result.remesh:remesh_arrays", arrays, memory_bytes=memory_bytes, seconds=seconds)
    except ChildError as error:
        warnings.warn(f"the body keeps its {len(body.faces)} faces: {error}", Advice, stacklevel=2)
        return body
    colors = None
    if body.colors is not None:
        colors = body.colors[KDTree(body.vertices).query(out["vertices"])[1]]
    return Mesh(out["vertices"], out["faces"], colors)


def remesh_arrays(vertices: np.ndarray, faces: np.ndarray, face_budget: int) -> dict[str, np.ndarray]:
    """Runs in the child: remesh and decimate; where that breaks the surface, decimate alone.

    Raises RuntimeError where neither leaves a closed manifold.
    """
    for remesh in (True, False):
        new_vertices, new_faces = _simplify(vertices, faces, face_budget, remesh)
        new_vertices = new_vertices.astype(np.float32)
        distinct = len(np.unique(new_vertices, axis=0)) == len(new_vertices)  # readers weld by position
        outward = face_volumes(new_vertices, new_faces).sum() > 0
        if distinct and outward and is_closed_manifold(new_faces):
            return {"vertices": new_vertices, "faces": new_faces.astype(np.int32)}
    raise RuntimeError(f"no closed surface with {face_budget} faces: give a larger face budget")


def _simplify(
    vertices: np.ndarray, faces: np.ndarray, budget: int, remesh: bool
) -> tuple[np.ndarray, np.ndarray]:
    """vertices [V, 3] float64 and faces [F, 3] after pymeshlab."""
    pymeshlab: Any = import_module("pymeshlab")  # compiled, without type hints
    meshes = pymeshlab.MeshSet(verbose=False)
    meshes.add_mesh(pymeshlab.Mesh(vertices.astype(np.float64), faces))
    # n equilateral triangles of edge L cover sqrt(3)/4 L² n; .9 L gives decimation a fifth too many to take
    edge = 0.9 * np.sqrt(4 / np.sqrt(3) * face_areas(vertices, faces).sum() / budget)
    while remesh:
        # only folds sharper than 60° count as features: at 30° the grid's staircase would too, and would stay
        meshes.meshing_isotropic_explicit_remeshing(
            iterations=5, targetlen=pymeshlab.PureValue(edge), featuredeg=60, checksurfdist=False
        )
        remesh = meshes.current_mesh().face_number() < budget
        edge *= 0.9
    # autoclean would drop faces and open holes; preservetopology alone keeps the manifold
    meshes.meshing_decimation_quadric_edge_collapse(
        targetfacenum=budget, preservetopology=True, preservenormal=True, autoclean=False
    )
    result = meshes.current_mesh()
    return result.vertex_matrix(), result.face_matrix()


def without_crumbs(mesh: Mesh) -> Mesh:
    """The mesh without its floating crumbs (CRUMB_SHARE) and without inner walls, which nobody ever sees.

    Raises ValueError where every part encloses a negative volume: the mesh is turned inside out.
    """
    part = part_of_faces(mesh.faces, len(mesh.vertices))
    areas = np.bincount(part, face_areas(mesh.vertices, mesh.faces))
    volumes = np.bincount(part, face_volumes(mesh.vertices, mesh.faces))
    if not (volumes > 0).any():
        raise ValueError("the body is turned inside out: its faces must be counter-clockwise from outside")
    keep = (volumes > 0) & (areas >= CRUMB_SHARE * areas[volumes > 0].max())
    return _with_faces(mesh, mesh.faces[keep[part]])


def _with_faces(mesh: Mesh, faces: np.ndarray) -> Mesh:
    """The mesh with these of its faces, and only the vertices they use."""
    used, compact = np.unique(faces, return_inverse=True)
    colors = None if mesh.colors is None else mesh.colors[used]
    return Mesh(mesh.vertices[used], compact.reshape(-1, 3).astype(np.int32), colors)

"""Meshes and fields of known shape, in the working frame."""

from __future__ import annotations

import numpy as np
import torch
import trimesh
from torch import Tensor

from sdf_fit.mesh import Mesh


def ball(subdivisions: int, radius: float = 0.8, centre: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
    """A sphere of 20 * 4^subdivisions triangles."""
    solid = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return Mesh((solid.vertices + np.array(centre)).astype(np.float32), solid.faces.astype(np.int32))


def bumpy_ball(subdivisions: int) -> tuple[Tensor, Tensor]:
    """Vertices [V, 3] and faces [F, 3] int32 of a ball with hills and dales."""
    mesh = ball(subdivisions)
    vertices = torch.from_numpy(mesh.vertices)
    hills = 1 + 0.15 * torch.sin(5 * vertices[:, :1]) * torch.cos(4 * vertices[:, 1:2])
    return vertices * hills, torch.from_numpy(mesh.faces)


def box(size: tuple[float, float, float], centre: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
    solid = trimesh.creation.box(extents=size)
    return Mesh((solid.vertices + np.array(centre)).astype(np.float32), solid.faces.astype(np.int32))


def together(*meshes: Mesh) -> Mesh:
    """Several meshes as one, each with its own vertices; colours where all have some."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    faces = np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)])
    colors = [mesh.colors for mesh in meshes if mesh.colors is not None]
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        faces.astype(np.int32),
        np.concatenate(colors) if len(colors) == len(meshes) else None,
    )


def painted(mesh: Mesh, color: tuple[float, float, float]) -> Mesh:
    """The mesh in one linear colour."""
    return Mesh(mesh.vertices, mesh.faces, np.tile(np.array(color, np.float32), (len(mesh.vertices), 1)))


def grid_points(resolution: int) -> Tensor:
    """The vertices [R+1, R+1, R+1, 3] of a grid over [-1, 1]^3, x slowest."""
    axis = torch.linspace(-1, 1, resolution + 1)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1)

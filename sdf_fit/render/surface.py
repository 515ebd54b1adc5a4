"""The surface between field and picture: triangles with smooth normals, and what each pixel sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sdf_fit.cameras import View, clip_from_work, to_clip
from sdf_fit.render import Rasterizer


@dataclass(frozen=True)
class Surface:
    """vertices [V, 3] and unit normals [V, 3] (working frame), faces [F, 3] int32."""

    vertices: Tensor
    faces: Tensor
    normals: Tensor

    @staticmethod
    def of(vertices: Tensor, faces: Tensor) -> Surface:
        """With area-weighted vertex normals."""
        return Surface(vertices, faces, vertex_normals(vertices, faces))

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Random points on the triangles, [count, 3]; about even, since extracted ones are alike."""
        face = torch.randint(len(self.faces), (count,), generator=generator)
        weight = torch.rand(count, 3, generator=generator)
        # exponential draws over their sum: uniform over a triangle
        weight = (-weight.clamp(min=1e-6).log()).to(self.vertices.device)
        corners = self.vertices[self.faces[face.to(self.vertices.device)].long()]
        return (corners * (weight / weight.sum(1, keepdim=True))[..., None]).sum(1)

    def detached(self) -> Surface:
        """The same surface without its way back to the field."""
        return Surface(self.vertices.detach(), self.faces, self.normals.detach())


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Area-weighted unit normals [V, 3]; a vertex of zero-area faces alone gets a zero normal."""
    index = faces.long()
    a, b, c = (vertices.index_select(0, index[:, k]) for k in range(3))
    doubled_area = torch.linalg.cross(b - a, c - a)
    summed = torch.zeros_like(vertices)
    for k in range(3):
        summed = summed.index_add(0, index[:, k], doubled_area)
    return F.normalize(summed, dim=1, eps=1e-20)


@dataclass(frozen=True)
class Drawing:
    """A surface as rasterised from B views: what every pixel [B, H, W] sees."""

    surface: Surface
    pos_clip: Tensor  # [B, V, 4]
    rast: Tensor  # [B, H, W, 4]
    position: Tensor  # [B, H, W, 3] working frame
    normal: Tensor  # [B, H, W, 3] not normalised
    depth: Tensor  # [B, H, W] along the view axis, working units

    @property
    def hit(self) -> Tensor:
        """Where there is surface, [B, H, W] bool."""
        return self.rast[..., 3] > 0


def draw(renderer: Rasterizer, surface: Surface, views: Sequence[View], resolution: int) -> Drawing:
    """Rasterise and interpolate; every output carries the gradient to the surface."""
    matrices = clip_from_work(views, device=surface.vertices.device)
    pos_clip = to_clip(surface.vertices, matrices)
    rast = renderer.rasterize(pos_clip, surface.faces, (resolution, resolution))
    attributes = torch.cat([surface.vertices, surface.normals], 1)[None]
    seen = renderer.interpolate(attributes, rast, surface.faces)
    # clip w is the distance along the view axis
    depth = (seen[..., :3] * matrices[:, None, None, 3, :3]).sum(-1) + matrices[:, None, None, 3, 3]
    return Drawing(surface, pos_clip, rast, seen[..., :3], seen[..., 3:], depth)


def soft_mask(renderer: Rasterizer, drawing: Drawing) -> Tensor:
    """Coverage [B, H, W] with antialiased silhouettes, differentiable in the surface."""
    hit = drawing.hit[..., None].float()
    return renderer.antialias(hit, drawing.rast, drawing.pos_clip, drawing.surface.faces)[..., 0]

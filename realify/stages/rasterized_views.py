"""Views of a surface, rasterised once: its pictures and the control pictures (control_images.py) come from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sdf_fit.cameras import View, camera_positions
from sdf_fit.render import Rasterizer
from sdf_fit.render.shading import Light, Lights
from sdf_fit.render.surface import Drawing, Surface, draw


@dataclass(frozen=True)
class ViewSetup:
    """One picture to render: a view, its light and what lies behind, linear [S, S, 3].

    `background_word` is None where none describes it, `view_word` empty where the prior is told the camera instead.
    """

    view: View
    light: Light
    background: Tensor
    background_word: str | None
    view_word: str


@dataclass(frozen=True)
class RasterizedViews:
    """B views as rasterised, n = `supersample` samples along each side of a pixel; of the N samples that show surface
    the place in B · (n S)², the point and the unit normal [N, 3].
    """

    renderer: Rasterizer
    setups: Sequence[ViewSetup]
    supersample: int
    drawing: Drawing
    hit: Tensor
    points: Tensor
    normals: Tensor

    def to_camera(self) -> Tensor:
        """Unit directions [N, 3] from the points to the cameras that see them."""
        cameras = camera_positions([setup.view for setup in self.setups], self.points.device)
        return F.normalize(cameras[self.view_of()] - self.points, dim=1)

    def lights(self) -> Lights:
        """Each point's light."""
        return Lights.stack([setup.light for setup in self.setups], self.points.device)[self.view_of()]

    def backgrounds(self) -> Tensor:
        """Linear, [B, S, S, 3]."""
        return torch.stack([setup.background for setup in self.setups]).to(self.points.device)

    def picture(self, values: Tensor, behind: Tensor) -> Tensor:
        """Values [N, C] of the surface over what lies behind it [B, S, S, C]: silhouettes antialiased, and the mean of
        each pixel's samples, [B, S, S, C].
        """
        drawing, n = self.drawing, self.supersample
        if n > 1:
            behind = behind.repeat_interleave(n, 1).repeat_interleave(n, 2)
        canvas = behind.reshape(-1, behind.shape[-1]).index_copy(0, self.hit, values).view(behind.shape)
        canvas = self.renderer.antialias(canvas, drawing.rast, drawing.pos_clip, drawing.surface.faces)
        return self.mean(canvas)

    def mean(self, samples: Tensor) -> Tensor:
        """Samples [B, n S, n S, C] as pixels [B, S, S, C]."""
        if self.supersample == 1:
            return samples
        return F.avg_pool2d(samples.permute(0, 3, 1, 2), self.supersample).permute(0, 2, 3, 1)

    def view_of(self) -> Tensor:
        """Which view each point is of, [N]."""
        height, width = self.drawing.hit.shape[1:]
        return self.hit // (height * width)


def rasterize_views(
    renderer: Rasterizer, surface: Surface, setups: Sequence[ViewSetup], size: int, supersample: int = 1
) -> RasterizedViews:
    """The views at S = size pixels, with the gradient to the surface."""
    drawing = draw(renderer, surface, [setup.view for setup in setups], size * supersample)
    hit = drawing.hit.view(-1).nonzero()[:, 0]
    points, normals = drawing.position.reshape(-1, 3)[hit], drawing.normal.reshape(-1, 3)[hit]
    return RasterizedViews(renderer, setups, supersample, drawing, hit, points, F.normalize(normals, dim=1))

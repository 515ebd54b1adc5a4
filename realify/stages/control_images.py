"""What a prior is shown of the body beside its words: depth, normals, flat colours, or a guide (distill/controls.py).

All are drawn from the photograph's own rasterisation, and without gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.controls import KNOWN_DRAWN, ControlKind, blank_guide, join_guide
from realify.stages.random_views import CLAY, Look, Material
from realify.stages.rasterized_views import RasterizedViews
from sdf_fit.cameras import View, cam_to_work
from sdf_fit.render.shading import irradiance, linear_to_srgb, shade_normals
from sdf_fit.render.surface import Drawing

FARTHEST = 0.5  # of the brightness: the body stands out of what lies behind it, as in TEXTure (arXiv 2302.01721)


@torch.no_grad()
def control_pictures(
    kinds: Sequence[ControlKind],
    rasterized: RasterizedViews,
    drawn: Material,
    look: Look = "textured",
    strength: float = 1.0,
) -> Tensor:
    """Pictures [B, C, S, S] in 0..1 of the views, the kinds' channels one after another.

    `drawn` are the sketch's own colours, `look` how the photograph shows the body, `strength` how much a guide is to
    say, 0..1.
    """
    return torch.cat([_control(kind, rasterized, drawn, look, strength) for kind in kinds], dim=1)


def _control(kind: ControlKind, rasterized: RasterizedViews, drawn: Material, look: Look, strength: float) -> Tensor:
    if kind == "guide":
        return guide_picture(rasterized, drawn, look, strength)
    if kind == "color":
        picture = linear_to_srgb(rasterized.picture(_paint(rasterized, drawn, look), rasterized.backgrounds()))
    elif kind == "depth":
        picture = rasterized.mean(depth_picture(rasterized.drawing))
    else:
        picture = rasterized.mean(normal_picture(rasterized.drawing, [setup.view for setup in rasterized.setups]))
    return picture.permute(0, 3, 1, 2)


def guide_picture(rasterized: RasterizedViews, drawn: Material, look: Look, strength: float) -> Tensor:
    """Guides [B, 7, S, S]: the flat colours under each view's own diffuse light, over its own background.

    A photograph of clay gets clay's guide: under the sketch's colours the prior would ask for these, and a shape can
    answer with nothing but bumps that darken it. A picture of normals is no photograph and has no light to tell of: its
    guide is blank, as at strength 0, and the words alone judge the shape.
    """
    if look == "normals" or strength == 0:
        size = rasterized.drawing.hit.shape[1] // rasterized.supersample
        return blank_guide(len(rasterized.setups), size).to(rasterized.points)
    lit = _paint(rasterized, drawn, look) * irradiance(rasterized.normals, rasterized.lights())
    ones, normals = torch.ones_like(lit[:, :1]), _seen_normals(rasterized)
    behind = F.pad(rasterized.backgrounds(), (0, 4))  # no coverage and no normal beside the body
    picture, coverage, normals = (
        rasterized.picture(torch.cat([lit, ones, normals], dim=1), behind).permute(0, 3, 1, 2).split((3, 1, 3), dim=1)
    )
    known = strength * (1 - coverage * (1 - KNOWN_DRAWN))
    return join_guide(linear_to_srgb(picture), known, (normals + 1) / 2)


def _paint(rasterized: RasterizedViews, drawn: Material, look: Look) -> Tensor:
    """Linear colours [N, 3] that the points have in this look, without light."""
    if look == "normals":
        return shade_normals(rasterized.normals)
    if look == "textureless":
        return rasterized.points.new_tensor(CLAY[:3]).expand(len(rasterized.points), 3)
    return drawn(rasterized.points)[:, :3]


def depth_picture(drawing: Drawing) -> Tensor:
    """Nearness (one over depth) [B, H, W, 3]: 1 at each picture's nearest point, FARTHEST at its farthest, 0 behind."""
    hit = drawing.hit
    nearness = torch.where(hit, 1 / drawing.depth.clamp(min=1e-6), 0)
    highest = nearness.amax((1, 2), keepdim=True)
    lowest = torch.where(hit, nearness, highest).amin((1, 2), keepdim=True)
    share = (nearness - lowest) / (highest - lowest).clamp(min=1e-6)
    brightness = torch.where(hit, FARTHEST + (1 - FARTHEST) * share, 0)
    return brightness[..., None].expand(-1, -1, -1, 3)


def normal_picture(drawing: Drawing, views: Sequence[View]) -> Tensor:
    """Normals [B, H, W, 3] in the camera's frame: red to the left, green up, blue towards the camera, as ControlNet 1.1
    has them (and 1.0's, which come from slopes of nearness). Where there is nothing: towards the camera.
    """
    axes = _axes(views).to(drawing.normal)
    seen = torch.einsum("bhwi,bij->bhwj", F.normalize(drawing.normal, dim=-1), axes)
    picture = torch.where(drawing.hit[..., None], seen, seen.new_tensor([0.0, 0.0, 1.0]))
    return (picture + 1) / 2


def _seen_normals(rasterized: RasterizedViews) -> Tensor:
    """The points' unit normals [N, 3] in their cameras' frames."""
    axes = _axes([setup.view for setup in rasterized.setups]).to(rasterized.normals)
    return torch.einsum("ni,nij->nj", rasterized.normals, axes[rasterized.view_of()])


def _axes(views: Sequence[View]) -> Tensor:
    """What turns a normal into each camera's frame [B, 3, 3]: left, up and backward in columns."""
    axes = torch.stack([cam_to_work(view)[:3, :3] for view in views])
    return axes * axes.new_tensor([-1.0, 1.0, 1.0])

"""From a material given at points to the textures of an unwrapped mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from realify.result.unwrap import UnwrappedMesh
from sdf_fit.render import Rasterizer
from sdf_fit.render.shading import linear_to_srgb

TEXELS_AT_ONCE = 2**18  # bounds the memory of the material's evaluation


@dataclass(frozen=True)
class Textures:
    """Both [S, S, 3] uint8; row 0 lies at v = 0 (see UnwrappedMesh).

    base_color is sRGB. metallic_roughness is linear and packed as in glTF: roughness in G, metallic in B;
    R, where engines look for occlusion, is 255 for none.
    """

    base_color: np.ndarray
    metallic_roughness: np.ndarray


def bake(
    mesh: UnwrappedMesh,
    material: Callable[[Tensor], Tensor],
    texture_size: int,
    renderer: Rasterizer,
    device: torch.device | str = "cpu",
) -> Textures:
    """Ask `material` for the surface point under every texel.

    Args:
        mesh: in the frame that `material` knows (the working frame).
        material: points [N, 3] float32 → [N, 5]: linear base colour, roughness, metallic, all 0..1.
        texture_size: texels along each side, S.
        renderer: any backend; it draws the mesh in texture space.
        device: where renderer and material work.

    Texels outside all charts take the value of the nearest one inside, so that neither bilinear look-ups on a
    rim nor mipmaps show a seam. Raises ValueError where the material is not finite, and where nothing is
    covered.
    """
    vertices = torch.from_numpy(mesh.vertices).to(device)[None]
    faces = torch.from_numpy(mesh.faces).to(device)
    base_color = np.full((texture_size, texture_size, 3), 255, np.uint8)
    metallic_roughness = base_color.copy()
    with torch.no_grad():
        rast = _draw_charts(mesh.uvs, faces, texture_size, renderer)
        rows = max(1, TEXELS_AT_ONCE // texture_size)
        for top in range(0, texture_size, rows):
            part = rast[:, top : top + rows].contiguous()
            covered = part[0, ..., 3] > 0
            if not covered.any():
                continue
            values = material(renderer.interpolate(vertices, part, faces)[0][covered])
            if not bool(torch.isfinite(values).all()):
                raise ValueError(f"the material is not finite in texture rows {top} to {top + rows - 1}")
            mask = covered.cpu().numpy()
            base_color[top : top + rows][mask] = _to_bytes(linear_to_srgb(values[:, :3]))
            metallic_roughness[top : top + rows, :, 1:][mask] = _to_bytes(values[:, 3:5])
    covered = (rast[0, ..., 3] > 0).cpu().numpy()
    del rast
    if not covered.any():
        raise ValueError("no texel of the texture lies on the mesh; are its uvs in 0..1?")
    row, column = np.asarray(distance_transform_edt(~covered, return_distances=False, return_indices=True))
    return Textures(base_color[row, column], metallic_roughness[row, column])


def _draw_charts(uvs: np.ndarray, faces: Tensor, size: int, renderer: Rasterizer) -> Tensor:
    """The raster [1, S, S, 4] of the mesh laid out flat; the texel in row i, column j has its centre at
    u = (j + .5) / S, v = (i + .5) / S."""
    flat = torch.from_numpy(uvs).to(faces.device) * 2 - 1
    clip = torch.cat([flat, torch.zeros_like(flat[:, :1]), torch.ones_like(flat[:, :1])], dim=1)
    return renderer.rasterize(clip[None].contiguous(), faces, (size, size))


def _to_bytes(values: Tensor) -> np.ndarray:
    return (values.clamp(0, 1) * 255 + 0.5).to(torch.uint8).cpu().numpy()

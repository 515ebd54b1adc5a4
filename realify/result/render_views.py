"""Pictures of a sketch and of a result, drawn the same way so that people can compare them.

They are drawn on the CPU, whatever the job's own backend: `renderer` is numba's or torch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from realify.result.bake import Textures
from realify.result.measures import face_normals, vertex_normals
from realify.result.unwrap import UnwrappedMesh
from sdf_fit.cameras import View, camera_positions, clip_from_work, to_clip
from sdf_fit.mesh import Mesh
from sdf_fit.render import Rasterizer
from sdf_fit.render.shading import STUDIO, Light, linear_to_srgb, shade, srgb_to_linear

BACKGROUND = 0.93  # sRGB grey
SAMPLES = 2  # along each side of a pixel
SKETCH_SURFACE = (0.85, 0.0)  # roughness and metallic of paint strokes
LARGEST_TEXTURE = 1024  # pictures are smaller than this, so larger textures would only alias

Pixels = Callable[[Tensor], Tensor]  # raster [1, H, W, 4] → material [H, W, 5]


def draw_sketch(mesh: Mesh, views: Sequence[View], size: int, renderer: Rasterizer) -> list[np.ndarray]:
    """The sketch in its vertex colours (grey without), two-sided: one [size, size, 3] uint8 sRGB a view.

    mesh: in the working frame.
    """
    color = mesh.colors if mesh.colors is not None else np.full_like(mesh.vertices, 0.5)
    surface = np.tile(SKETCH_SURFACE, (len(color), 1))
    faces = torch.from_numpy(mesh.faces)
    attributes = torch.from_numpy(np.concatenate([color, surface], axis=1, dtype=np.float32))[None]
    normals = vertex_normals(mesh.vertices, mesh.faces)
    return _draw(
        mesh, normals, lambda rast: renderer.interpolate(attributes, rast, faces)[0], views, size, renderer
    )


def draw_result(
    mesh: UnwrappedMesh, textures: Textures, views: Sequence[View], size: int, renderer: Rasterizer
) -> list[np.ndarray]:
    """The textured result, in the working frame: one [size, size, 3] uint8 sRGB a view."""
    images = np.concatenate([textures.base_color, textures.metallic_roughness[..., 1:]], axis=2)
    image = torch.from_numpy(images).float() / 255
    image[..., :3] = srgb_to_linear(image[..., :3])
    stride = max(1, len(image) // LARGEST_TEXTURE)
    image = F.avg_pool2d(image.permute(2, 0, 1)[None], stride).permute(0, 2, 3, 1)
    faces, uvs = torch.from_numpy(mesh.faces), torch.from_numpy(mesh.uvs)[None]

    def material(rast: Tensor) -> Tensor:
        return renderer.texture(image, renderer.interpolate(uvs, rast, faces))[0]

    surface = Mesh(mesh.vertices, mesh.faces)
    return _draw(surface, mesh.normals, material, views, size, renderer)


def _draw(
    mesh: Mesh, normals: np.ndarray, material: Pixels, views: Sequence[View], size: int, renderer: Rasterizer
) -> list[np.ndarray]:
    """Shade every pixel under STUDIO light and average SAMPLES² of them in linear light."""
    vertices, faces = torch.from_numpy(mesh.vertices), torch.from_numpy(mesh.faces)
    attributes = torch.cat([vertices, torch.from_numpy(normals)], dim=1)[None]
    flat = torch.from_numpy(face_normals(mesh.vertices, mesh.faces))
    side = size * SAMPLES
    pictures = []
    for view in views:
        rast = renderer.rasterize(to_clip(vertices, clip_from_work([view])), faces, (side, side))
        hit = rast[0, ..., 3] > 0
        at = renderer.interpolate(attributes, rast, faces)[0][hit]
        # a strand of the face's own normal decides where smooth ones cancel out, as on doubled ribbons
        normal = F.normalize(at[:, 3:] + 1e-3 * flat[rast[0, ..., 3][hit].long() - 1], dim=1)
        to_camera = F.normalize(camera_positions([view]) - at[:, :3], dim=1)
        normal = torch.where((normal * to_camera).sum(1, keepdim=True) < 0, -normal, normal)
        image = srgb_to_linear(torch.full((side, side, 3), BACKGROUND))
        image[hit] = shade(material(rast)[hit], normal, to_camera, _studio(view))
        image = F.avg_pool2d(image.clamp(0, 1).permute(2, 0, 1)[None], SAMPLES)[0].permute(1, 2, 0)
        pictures.append((linear_to_srgb(image) * 255 + 0.5).to(torch.uint8).numpy())
    return pictures


def _studio(view: View) -> Light:
    """STUDIO turned with the camera, as if the object turned in front of it: no view shows a dark side."""
    x, y, z = STUDIO.direction
    sine, cosine = math.sin(math.radians(view.azimuth)), math.cos(math.radians(view.azimuth))
    return replace(STUDIO, direction=(x * cosine + z * sine, y, z * cosine - x * sine))

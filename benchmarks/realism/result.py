"""What a run made: its GLB read back, photographed where the renders were, and held against sketch and true mesh."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import trimesh
from PIL import Image
from scipy.spatial import KDTree
from torch import Tensor

from benchmarks.realism.objects import SIZE, TestObject
from realify.result.bake import Textures
from realify.result.render_views import draw_result
from realify.result.unwrap import UnwrappedMesh
from sdf_fit.cameras import View, camera_positions, clip_from_work, sphere_of_views, to_clip
from sdf_fit.measures import silhouette_iou
from sdf_fit.mesh import Mesh
from sdf_fit.render import Rasterizer
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.render.shading import Light, linear_to_srgb, sample_light, shade, srgb_to_linear
from sdf_fit.sketch.read import Sketch, read_sketch

SAMPLES = 3  # along each side of a pixel
NEAR = 0.03  # of the object's bounding radius: as far as two surfaces may lie apart and count as one
POINTS = 20_000  # on each surface
SEEN_VIEWS, SEEN_SIZE, SEEN_DEPTH = 48, 256, 0.02  # which points count as outside; depth in radii
WEBP_QUALITY = 92  # the renders' own
EXPOSURE = 0.65  # of the light that results are photographed in


@dataclass(frozen=True)
class Outcome:
    """Pictures [V, 128, 128, 4] uint8 with straight alpha from the renders' cameras, one to look at
    [256, 256, 3], silhouette IoU with the sketch, F-score against the true mesh, seconds of the run."""

    pictures: np.ndarray
    front: np.ndarray
    iou: float
    f_score: float
    seconds: float

    def save(self, path: Path) -> None:
        """As .npz, complete or not at all."""
        half = path.with_suffix(".part.npz")
        np.savez_compressed(half, **vars(self))
        half.replace(path)

    @staticmethod
    def load(path: Path) -> Outcome:
        """What `save` wrote."""
        with np.load(path) as found:
            numbers = {name: float(found[name]) for name in ("iou", "f_score", "seconds")}
            return Outcome(found["pictures"], found["front"], **numbers)


@torch.no_grad()
def look(glb: Path, thing: TestObject, seconds: float) -> Outcome:
    """Photograph and measure a result. The lights follow from the object alone: every arm and seed has the same."""
    renderer, sketch = NumbaRasterizer(), read_sketch(thing.sketch)
    mesh, textures = read_glb(glb, np.linalg.inv(sketch.world_from_work))
    views = [in_work(view, sketch) for view in thing.views]
    generator = torch.Generator().manual_seed(1)
    lights = [sample_light(camera, generator, EXPOSURE) for camera in camera_positions(views)]
    pictures = render_result(mesh, textures, views, lights, SIZE, renderer)
    front = draw_result(mesh, textures, [in_work(thing.front, sketch)], 256, renderer)[0]
    body = Mesh(mesh.vertices, mesh.faces)
    true = read_mesh(thing.mesh).transformed(np.linalg.inv(sketch.world_from_work))
    radius = scale_of(sketch)
    return Outcome(
        np.stack([_as_stored(picture) for picture in pictures]),
        front,
        silhouette_iou(body, sketch, renderer),
        f_score(body, true, NEAR * radius, renderer),
        seconds,
    )


def in_work(view: View, sketch: Sketch) -> View:
    """A camera of the object's own frame in the sketch's working frame, which is moved and scaled, not turned."""
    scale = scale_of(sketch)
    matrix = np.linalg.inv(sketch.world_from_work)
    x, y, z = (matrix[:3, :3] @ np.array(view.target) + matrix[:3, 3]).tolist()
    return View(view.azimuth, view.elevation, view.distance * scale, view.fovy, (x, y, z))


def scale_of(sketch: Sketch) -> float:
    """Working units in one of the object's bounding radii (its own frame's unit)."""
    return float(np.cbrt(np.linalg.det(np.linalg.inv(sketch.world_from_work)[:3, :3])))


def read_glb(path: Path, work_from_world: np.ndarray) -> tuple[UnwrappedMesh, Textures]:
    """A result of `realify run` in the working frame."""
    scene = trimesh.load_scene(path)
    (name,) = scene.graph.nodes_geometry
    placement, geometry = scene.graph[name]
    found = scene.geometry[geometry]
    mesh = Mesh(np.asarray(found.vertices, np.float32), np.asarray(found.faces, np.int32))
    mesh = mesh.transformed(work_from_world @ placement)
    # pieces of the texture meet where vertices have one place
    _, welded = np.unique(np.round(mesh.vertices, 6), axis=0, return_inverse=True)
    uvs = np.asarray(found.visual.uv, np.float32) * [1, -1] + [0, 1]  # trimesh counts v from below
    material = found.visual.material
    images = (material.baseColorTexture, material.metallicRoughnessTexture)
    color, surface = (np.asarray(image.convert("RGB")) for image in images)
    unwrapped = UnwrappedMesh(mesh.vertices, mesh.faces, uvs.astype(np.float32), welded.reshape(-1).astype(np.int32))
    return unwrapped, Textures(color, surface)


def read_mesh(path: Path) -> Mesh:
    """A GLB of the world, in its own frame."""
    found = trimesh.load_scene(path).to_mesh()
    return Mesh(np.asarray(found.vertices, np.float32), np.asarray(found.faces, np.int32))


def render_result(
    mesh: UnwrappedMesh,
    textures: Textures,
    views: Sequence[View],
    lights: Sequence[Light],
    size: int,
    renderer: Rasterizer,
) -> np.ndarray:
    """The result without a background: [V, size, size, 4] uint8, sRGB with straight alpha."""
    image = torch.from_numpy(np.concatenate([textures.base_color, textures.metallic_roughness[..., 1:]], axis=2))
    image = image.float()[None] / 255
    image[..., :3] = srgb_to_linear(image[..., :3])
    vertices, faces = torch.from_numpy(mesh.vertices), torch.from_numpy(mesh.faces)
    attributes = torch.cat([vertices, torch.from_numpy(mesh.normals), torch.from_numpy(mesh.uvs)], dim=1)[None]
    side, pictures = size * SAMPLES, []
    for view, light in zip(views, lights, strict=True):
        rast = renderer.rasterize(to_clip(vertices, clip_from_work([view])), faces, (side, side))
        hit = rast[0, ..., 3] > 0
        seen = renderer.interpolate(attributes, rast, faces)
        material = renderer.texture(image, seen[..., 6:].contiguous())[0][hit]
        at = seen[0][hit]
        to_camera = F.normalize(camera_positions([view]) - at[:, :3], dim=1)
        canvas = torch.zeros(side, side, 4)
        canvas[hit] = torch.cat(
            [shade(material, F.normalize(at[:, 3:6], dim=1), to_camera, light).clamp(0, 1), torch.ones(len(at), 1)], 1
        )
        pictures.append(_straight(F.avg_pool2d(canvas.permute(2, 0, 1)[None], SAMPLES)[0].permute(1, 2, 0)))
    return np.stack(pictures)


def _straight(canvas: Tensor) -> np.ndarray:
    """Linear [S, S, 4], colours times alpha → sRGB and alpha apart, uint8."""
    alpha = canvas[..., 3:]
    color = linear_to_srgb(canvas[..., :3] / alpha.clamp(min=1e-6))
    return (torch.cat([color * (alpha > 0), alpha], dim=2) * 255 + 0.5).to(torch.uint8).numpy()


def _as_stored(picture: np.ndarray) -> np.ndarray:
    """Through the renders' own compression, so that nothing tells the two apart by that."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=WEBP_QUALITY, alpha_quality=100, exact=True)
    return np.asarray(Image.open(buffer).convert("RGBA"))


def f_score(mesh: Mesh, truth: Mesh, near: float, renderer: Rasterizer) -> float:
    """Harmonic mean of the share of the mesh's surface within `near` of the truth's, and of the truth's within
    `near` of the mesh's. Only what can be seen from outside counts: the truth is made of parts that overlap."""
    have, want = seen_points(mesh, renderer, seed=0), seen_points(truth, renderer, seed=1)
    precision = float(np.mean(KDTree(want).query(have)[0] < near))
    recall = float(np.mean(KDTree(have).query(want)[0] < near))
    return 2 * precision * recall / max(precision + recall, 1e-9)


@torch.no_grad()
def seen_points(mesh: Mesh, renderer: Rasterizer, seed: int) -> np.ndarray:
    """Points [N, 3] at random over the surface (working frame) that one of the views around it sees."""
    points = mesh.surface_points(POINTS, seed)
    vertices, faces = torch.from_numpy(mesh.vertices), torch.from_numpy(mesh.faces)
    at, seen = torch.from_numpy(points).float(), np.zeros(len(points), bool)
    for view in sphere_of_views(SEEN_VIEWS):
        matrix = clip_from_work([view])
        rast = renderer.rasterize(to_clip(vertices, matrix), faces, (SEEN_SIZE, SEEN_SIZE))
        surface = renderer.interpolate(vertices[None], rast, faces)[0]
        clip = to_clip(at, matrix)[0]
        column, row = ((clip[:, :2] / clip[:, 3:] + 1) * (SEEN_SIZE / 2)).long().clamp(0, SEEN_SIZE - 1).unbind(1)
        camera = camera_positions([view])
        depth = torch.where(rast[0, ..., 3] > 0, (surface - camera).norm(dim=2), torch.inf)
        seen |= ((at - camera).norm(dim=1) < depth[row, column] + SEEN_DEPTH).numpy()
    return points[seen]

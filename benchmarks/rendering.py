"""A picture of 20,480 triangles: its time, forward and backward, and how true the gradient of its silhouette
is. `python -m benchmarks.rendering`

The gradient is compared with central differences of the same loss on a picture of 8 x 8 samples a pixel
without antialias, along 40 smooth deformations of a bumpy sphere. Targets: 6, 10 and 27 ms at 128², 256² and
512² with numba on one thread of a free core; cosine at least .99, relative error at most .2.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
import trimesh
from torch import Tensor

from benchmarks.yardstick import markdown, time_ms, yardstick_ms
from sdf_fit.cameras import CameraRanges, clip_from_work, sample_views, to_clip
from sdf_fit.render import Rasterizer, silhouettes
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.render.reference import TorchRasterizer

TIMES_HEADER = [
    "rasterise + interpolate + antialias, forward + backward",
    "pixels",
    "best ms",
    "median ms",
    "target ms",
]
GRADIENT_HEADER = ["gradient of the picture at 256²", "picture", "cosine", "relative error", "target"]
TARGETS = {128: 6, 256: 10, 512: 27}
SIZE, SAMPLES, DEFORMATIONS, STEP = 256, 8, 40, 0.004
NOTHING = 1e-3  # rounding errors of a derivative that is zero

Picture = Callable[[Tensor, int], Tensor]  # vertices [V, 3], size → [1, size, size, C]


class Scene:
    """A bumpy icosphere of 20,480 triangles before one camera; its colour is its place."""

    def __init__(self) -> None:
        sphere = trimesh.creation.icosphere(subdivisions=5, radius=0.8)
        vertices = torch.tensor(sphere.vertices, dtype=torch.float32)
        bumps = 1 + 0.15 * torch.sin(5 * vertices[:, :1]) * torch.cos(4 * vertices[:, 1:2])
        self.vertices = vertices * bumps
        self.faces = torch.tensor(sphere.faces, dtype=torch.int32)
        self.clip = clip_from_work(sample_views(1, CameraRanges(), torch.Generator().manual_seed(0)))

    def draw(self, renderer: Rasterizer, vertices: Tensor, size: int, smooth: bool = True) -> Tensor:
        """[1, size, size, 4]: the place in 0..1 and coverage; antialiased where `smooth`."""
        position = to_clip(vertices, self.clip)
        rast = renderer.rasterize(position, self.faces, (size, size))
        shown = F.pad(vertices * 0.5 + 0.5, (0, 1), value=1.0)  # coverage is what interpolates to one
        picture = renderer.interpolate(shown[None], rast, self.faces)
        return renderer.antialias(picture, rast, position, self.faces) if smooth else picture


def times(scene: Scene) -> list[list[str]]:
    """Rows under TIMES_HEADER; the yardstick comes last."""
    rows = []
    renderers: list[tuple[str, Rasterizer, int]] = [
        ("numba", NumbaRasterizer(), 15),
        ("torch, its twin", TorchRasterizer(), 3),
    ]
    for name, renderer, repeats in renderers:
        for size, target in TARGETS.items():
            weight = torch.randn(1, size, size, 4, generator=torch.Generator().manual_seed(1))

            def frame(renderer: Rasterizer = renderer, size: int = size, weight: Tensor = weight) -> None:
                vertices = scene.vertices.clone().requires_grad_()
                scene.draw(renderer, vertices, size).backward(weight)

            best, median = time_ms(frame, repeats)
            rows.append([name, f"{size}²", f"{best:.1f}", f"{median:.1f}", str(target) if name == "numba" else ""])
    return [*rows, ["yardstick: 1024³ float32 product", "", f"{yardstick_ms():.1f}", "", ""]]


def gradients(scene: Scene) -> list[list[str]]:
    """Rows under GRADIENT_HEADER: antialias as it is, left out, and with another tolerance of depth."""
    renderer = NumbaRasterizer()
    noise = torch.randn(4, 1, 9, 9, generator=torch.Generator().manual_seed(2))
    weight = F.interpolate(noise, size=(SIZE, SIZE), mode="bicubic")[:, 0].permute(1, 2, 0)
    along = _deformations(scene.vertices)
    wanted = _differences(scene, renderer, along, weight)

    def slope(smooth: bool) -> np.ndarray:
        """The derivative along each deformation as the renderer has it, for coverage and for the places."""
        derivatives = []
        for channels in (slice(3, 4), slice(0, 3)):
            vertices = scene.vertices.clone().requires_grad_()
            picture = scene.draw(renderer, vertices, SIZE, smooth)[0]
            loss = (picture * weight)[..., channels].sum()
            gradient = torch.autograd.grad(loss, vertices)[0]
            derivatives.append([float((gradient * direction).sum()) for direction in along])
        return np.array(derivatives)

    rows = _rows("mesh-edge antialias", slope(True), wanted, "≥ .99, ≤ .2")
    with patch.object(silhouettes, "SLOPE_PIXELS", 1.0):
        rows += _rows("the same, depth to within 1 pixel's slope", slope(True), wanted)
    return rows + _rows("no antialias", slope(False), wanted)


def _deformations(vertices: Tensor) -> list[Tensor]:
    """DEFORMATIONS smooth fields of displacements [V, 3]."""
    generator = torch.Generator().manual_seed(3)
    fields = []
    for _ in range(DEFORMATIONS):
        frequency, phase = torch.randn(3, 3, generator=generator) * 3, torch.rand(3, generator=generator) * 6
        fields.append(torch.sin(vertices @ frequency + phase) * torch.randn(3, generator=generator))
    return fields


def _differences(scene: Scene, renderer: Rasterizer, along: list[Tensor], weight: Tensor) -> np.ndarray:
    """Central differences along each deformation of the supersampled loss, [2, N]: coverage, places."""
    large = weight.repeat_interleave(SAMPLES, 0).repeat_interleave(SAMPLES, 1) / SAMPLES**2

    def loss(vertices: Tensor) -> np.ndarray:
        picture = scene.draw(renderer, vertices, SIZE * SAMPLES, smooth=False)[0]
        by_channel = (picture * large).sum(dim=(0, 1), dtype=torch.float64).numpy()
        return np.array([by_channel[3], by_channel[:3].sum()])

    pairs = [loss(scene.vertices + STEP * d) - loss(scene.vertices - STEP * d) for d in along]
    return np.stack(pairs, axis=1) / (2 * STEP)


def _rows(name: str, have: np.ndarray, wanted: np.ndarray, target: str = "") -> list[list[str]]:
    rows = []
    for picture, a, b in zip(("coverage", "places"), have, wanted, strict=True):
        size = float(np.linalg.norm(a))
        cosine = f"{float(a @ b) / (size * float(np.linalg.norm(b))):.3f}" if size > NOTHING else "no gradient"
        error = float(np.linalg.norm(a - b) / np.linalg.norm(b))
        rows.append([name, picture, cosine, f"{error:.2f}", target if picture == "coverage" else ""])
    return rows


if __name__ == "__main__":
    bumpy_sphere = Scene()
    print(
        markdown(TIMES_HEADER, times(bumpy_sphere)),
        "\n",
        markdown(GRADIENT_HEADER, gradients(bumpy_sphere)),
        sep="\n",
    )

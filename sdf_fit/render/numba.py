"""The CPU rasteriser: a z-buffer and fused interpolation compiled by numba.

Same interface and conventions as nvdiffrast: `rasterize` gives (u, v, z/w, triangle id + 1) per pixel, where
u and v weigh the triangle's first and second vertex, perspective-correct. `reference.py` is the slow readable
twin.

Notation: q_i = (x_i - px w_i, y_i - py w_i) for a pixel at (px, py) in normalised device coordinates; the
edge functions e_0 = q_1 x q_2 (cyclic) divided by their sum are the perspective-correct barycentric weights
(homogeneous rasterisation, Olano and Greer 1997).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from sdf_fit.render.antialias import antialias
from sdf_fit.render.texture import bilinear_texture

_compile = numba.njit(cache=True, nogil=True, fastmath={"contract"})


class NumbaRasterizer:
    """Rasterises on the CPU, one image a thread. Triangles that reach behind the camera are left out."""

    name = "numba"

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def rasterize(self, pos_clip: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Tensor:
        """pos_clip [B, V, 4], tri [F, 3] int32 → [B, H, W, 4] float32; u and v carry gradient."""
        _check(pos_clip, tri)
        return _Rasterize.apply(pos_clip, tri, resolution, self._each)  # type: ignore[return-value]

    def interpolate(self, attributes: Tensor, rast: Tensor, tri: Tensor) -> Tensor:
        """attributes [B or 1, V, C] → [B, H, W, C], zero where no triangle is."""
        return _Interpolate.apply(attributes, rast, tri, self._each)  # type: ignore[return-value]

    def texture(self, image: Tensor, uv: Tensor) -> Tensor:
        """image [B or 1, H, W, C], uv [B, h, w, 2] in 0..1 → [B, h, w, C], bilinear, border clamped."""
        return bilinear_texture(image, uv)

    def antialias(self, color: Tensor, rast: Tensor, pos_clip: Tensor, tri: Tensor) -> Tensor:
        """Blend color [B, H, W, C] across the mesh's silhouette edges; see `antialias.py`."""
        return antialias(color, rast, pos_clip, tri)

    def _each(self, task: Callable[[int], None], count: int) -> None:
        if self.threads == 1 or count == 1:
            for i in range(count):
                task(i)
        else:
            with ThreadPoolExecutor(min(self.threads, count)) as pool:
                list(pool.map(task, range(count)))


def _check(pos_clip: Tensor, tri: Tensor) -> None:
    if pos_clip.ndim != 3 or pos_clip.shape[2] != 4:
        raise ValueError(f"pos_clip has shape {tuple(pos_clip.shape)}, wanted [B, V, 4]")
    if tri.ndim != 2 or tri.shape[1] != 3 or tri.dtype != torch.int32:
        raise ValueError(f"tri is {tri.dtype} {tuple(tri.shape)}, wanted int32 [F, 3]")


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().contiguous().numpy()


class _Rasterize(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, pos_clip: Tensor, tri: Tensor, resolution: tuple[int, int], each: Callable
    ) -> Tensor:
        pos, faces = _array(pos_clip), tri.contiguous().numpy()
        height, width = resolution
        rast = np.zeros((len(pos), height, width, 4), np.float32)
        each(lambda b: _rasterize_image(pos[b], faces, rast[b]), len(pos))
        ctx.pos, ctx.faces, ctx.rast, ctx.each = pos, faces, rast, each
        return torch.from_numpy(rast)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        g = _array(grad)
        out = np.zeros_like(ctx.pos)
        ctx.each(lambda b: _rasterize_gradient(ctx.pos[b], ctx.faces, ctx.rast[b], g[b], out[b]), len(out))
        return torch.from_numpy(out), None, None, None


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, attributes: Tensor, rast: Tensor, tri: Tensor, each: Callable) -> Tensor:
        attr, r, faces = _array(attributes), _array(rast), tri.contiguous().numpy()
        shared = len(attr) == 1
        out = np.zeros((*r.shape[:3], attr.shape[2]), np.float32)
        each(lambda b: _interpolate_image(attr[0 if shared else b], r[b], faces, out[b]), len(r))
        ctx.saved = attr, r, faces, shared, each
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:  # type: ignore[override]
        attr, r, faces, shared, each = ctx.saved
        g = _array(grad)
        # every image has a buffer of its own, so that threads never meet; a shared attribute sums them
        grad_attr = np.zeros((len(r), *attr.shape[1:]), np.float32)
        grad_rast = np.zeros_like(r)

        def task(b: int) -> None:
            _interpolate_gradient(attr[0 if shared else b], r[b], faces, g[b], grad_attr[b], grad_rast[b])

        each(task, len(r))
        total = grad_attr.sum(0, keepdims=True) if shared else grad_attr
        return torch.from_numpy(total), torch.from_numpy(grad_rast), None, None


@_compile
def _rasterize_image(pos, faces, rast):  # pos [V, 4], faces [F, 3], rast [H, W, 4] (zeroed)
    height, width = rast.shape[0], rast.shape[1]
    depth = np.full((height, width), np.inf, np.float32)
    # per vertex: x and y in pixels (centres at integers), z/w, and w (0 behind the camera)
    screen = np.empty((pos.shape[0], 4), np.float64)
    for v in range(pos.shape[0]):
        w = np.float64(pos[v, 3])
        behind = w <= 1e-6
        inverse = 0.0 if behind else 1.0 / w
        screen[v, 0] = (pos[v, 0] * inverse + 1) * 0.5 * width - 0.5
        screen[v, 1] = (pos[v, 1] * inverse + 1) * 0.5 * height - 0.5
        screen[v, 2] = pos[v, 2] * inverse
        screen[v, 3] = 0.0 if behind else w
    for f in range(faces.shape[0]):
        s0, s1, s2 = screen[faces[f, 0]], screen[faces[f, 1]], screen[faces[f, 2]]
        w0, w1, w2 = s0[3], s1[3], s2[3]
        if w0 == 0.0 or w1 == 0.0 or w2 == 0.0:
            continue
        x0, y0, x1, y1, x2, y2 = s0[0], s0[1], s1[0], s1[1], s2[0], s2[1]
        left = max(int(np.ceil(min(x0, x1, x2))), 0)
        right = min(int(np.floor(max(x0, x1, x2))), width - 1)
        top = max(int(np.ceil(min(y0, y1, y2))), 0)
        bottom = min(int(np.floor(max(y0, y1, y2))), height - 1)
        if left > right or top > bottom:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0.0:
            continue
        z0, z1, z2 = s0[2], s1[2], s2[2]
        for row in range(top, bottom + 1):
            for col in range(left, right + 1):
                a0 = ((x1 - col) * (y2 - row) - (x2 - col) * (y1 - row)) / area
                a1 = ((x2 - col) * (y0 - row) - (x0 - col) * (y2 - row)) / area
                a2 = 1.0 - a0 - a1
                if a0 < 0.0 or a1 < 0.0 or a2 < 0.0:
                    continue
                z = np.float32(a0 * z0 + a1 * z1 + a2 * z2)
                if z < -1.0 or z > 1.0 or z >= depth[row, col]:
                    continue
                depth[row, col] = z
                b0, b1, b2 = a0 / w0, a1 / w1, a2 / w2
                total = b0 + b1 + b2
                rast[row, col, 0] = b0 / total
                rast[row, col, 1] = b1 / total
                rast[row, col, 2] = z
                rast[row, col, 3] = f + 1


@_compile
def _rasterize_gradient(pos, faces, rast, grad, out):  # d(u, v) → d pos; z/w and the id carry no gradient
    height, width = rast.shape[0], rast.shape[1]
    for row in range(height):
        py = (2 * row + 1) / height - 1.0
        for col in range(width):
            f = int(rast[row, col, 3]) - 1
            gu, gv = grad[row, col, 0], grad[row, col, 1]
            if f < 0 or (gu == 0.0 and gv == 0.0):
                continue
            px = (2 * col + 1) / width - 1.0
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            q0x, q0y = pos[i0, 0] - px * pos[i0, 3], pos[i0, 1] - py * pos[i0, 3]
            q1x, q1y = pos[i1, 0] - px * pos[i1, 3], pos[i1, 1] - py * pos[i1, 3]
            q2x, q2y = pos[i2, 0] - px * pos[i2, 3], pos[i2, 1] - py * pos[i2, 3]
            total = (q1x * q2y - q1y * q2x) + (q2x * q0y - q2y * q0x) + (q0x * q1y - q0y * q1x)
            if total == 0.0:
                continue
            mean = gu * rast[row, col, 0] + gv * rast[row, col, 1]
            d0, d1, d2 = (gu - mean) / total, (gv - mean) / total, -mean / total
            g0x, g0y = d2 * q1y - d1 * q2y, d1 * q2x - d2 * q1x
            g1x, g1y = d0 * q2y - d2 * q0y, d2 * q0x - d0 * q2x
            g2x, g2y = d1 * q0y - d0 * q1y, d0 * q1x - d1 * q0x
            out[i0, 0] += g0x
            out[i0, 1] += g0y
            out[i0, 3] -= px * g0x + py * g0y
            out[i1, 0] += g1x
            out[i1, 1] += g1y
            out[i1, 3] -= px * g1x + py * g1y
            out[i2, 0] += g2x
            out[i2, 1] += g2y
            out[i2, 3] -= px * g2x + py * g2y


@_compile
def _interpolate_image(attr, rast, faces, out):
    for row in range(rast.shape[0]):
        for col in range(rast.shape[1]):
            f = int(rast[row, col, 3]) - 1
            if f < 0:
                continue
            u, v = rast[row, col, 0], rast[row, col, 1]
            w = np.float32(1.0) - u - v
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            for c in range(attr.shape[1]):
                out[row, col, c] = u * attr[i0, c] + v * attr[i1, c] + w * attr[i2, c]


@_compile
def _interpolate_gradient(attr, rast, faces, grad, grad_attr, grad_rast):
    for row in range(rast.shape[0]):
        for col in range(rast.shape[1]):
            f = int(rast[row, col, 3]) - 1
            if f < 0:
                continue
            u, v = rast[row, col, 0], rast[row, col, 1]
            w = np.float32(1.0) - u - v
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            gu, gv = np.float32(0.0), np.float32(0.0)
            for c in range(attr.shape[1]):
                g = grad[row, col, c]
                grad_attr[i0, c] += u * g
                grad_attr[i1, c] += v * g
                grad_attr[i2, c] += w * g
                gu += g * (attr[i0, c] - attr[i2, c])
                gv += g * (attr[i1, c] - attr[i2, c])
            grad_rast[row, col, 0] = gu
            grad_rast[row, col, 1] = gv

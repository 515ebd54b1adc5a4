"""Differentiable rasterisation behind one interface with nvdiffrast's conventions."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

BACKENDS = ("auto", "numba", "torch", "nvdiffrast")


class BackendError(RuntimeError):
    """A rasteriser that cannot be used here; `fix` says what can be."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


class Rasterizer(Protocol):
    """Four operations on clip-space meshes; images are [B, H, W, C] with row 0 at y_ndc = -1."""

    name: str

    def rasterize(self, pos_clip: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Tensor:
        """pos_clip [B, V, 4], tri [F, 3] int32 → [B, H, W, 4]: (u, v, z/w, id + 1), zeros for nothing."""
        ...

    def interpolate(self, attributes: Tensor, rast: Tensor, tri: Tensor) -> Tensor:
        """attributes [B or 1, V, C] → [B, H, W, C]."""
        ...

    def texture(self, image: Tensor, uv: Tensor) -> Tensor:
        """image [B or 1, H, W, C], uv [B, h, w, 2] → [B, h, w, C]."""
        ...

    def antialias(self, color: Tensor, rast: Tensor, pos_clip: Tensor, tri: Tensor) -> Tensor:
        """color [B, H, W, C] blended across silhouettes."""
        ...


def make_renderer(backend: str = "auto", device: torch.device | str = "cpu", threads: int = 1) -> Rasterizer:
    """`auto`: nvdiffrast where CUDA and the package are there, else torch on a GPU, else numba on the CPU.

    Raises BackendError where the named backend cannot draw on the device, is not installed or does not exist.
    """
    kind = torch.device(device).type
    if backend == "auto":
        from sdf_fit.render import nvdiffrast

        if kind == "cuda" and nvdiffrast.is_installed():
            backend = "nvdiffrast"
        else:
            backend = "numba" if kind == "cpu" else "torch"
    if backend == "numba":
        if kind != "cpu":
            raise BackendError(
                f"The numba backend draws on the CPU, the device is {device}.", "Set backend to torch."
            )
        from sdf_fit.render.numba import NumbaRasterizer

        return NumbaRasterizer(threads)
    if backend == "torch":
        from sdf_fit.render.reference import TorchRasterizer

        return TorchRasterizer()
    if backend == "nvdiffrast":
        from sdf_fit.render.nvdiffrast import NvdiffrastRasterizer

        return NvdiffrastRasterizer(device)
    raise BackendError(f"There is no backend {backend!r}.", f"Choose one of {', '.join(BACKENDS)}.")

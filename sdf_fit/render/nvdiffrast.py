"""Adapter for nvdiffrast, the only file that imports it. Its licence allows research and evaluation only."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor

from sdf_fit.render.antialias import antialias
from sdf_fit.render.rasterizer import BackendError

INSTALL = (
    "Install the CUDA build of torch and ninja, then run\n"
    "    pip install git+https://github.com/NVlabs/nvdiffrast --no-build-isolation\n"
    "(its licence allows research and evaluation only), or set backend to torch."
)


def is_installed() -> bool:
    """True where the package can be found (it is not imported for that)."""
    return importlib.util.find_spec("nvdiffrast") is not None


class NvdiffrastRasterizer:
    """nvdiffrast's rasteriser with the project's own mesh-edge antialias (see antialias.py)."""

    name = "nvdiffrast"

    def __init__(self, device: torch.device | str) -> None:
        if torch.device(device).type != "cuda":
            raise BackendError(f"nvdiffrast draws on CUDA, the device is {device}.", "Set backend to auto.")
        if not is_installed():
            raise BackendError("The package nvdiffrast is not installed.", INSTALL)
        import nvdiffrast.torch as dr  # pyright: ignore[reportMissingImports]

        self._dr: Any = dr
        self._context = dr.RasterizeCudaContext(device=device)

    def rasterize(self, pos_clip: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Tensor:
        rast, _ = self._dr.rasterize(self._context, pos_clip.contiguous(), tri, resolution, grad_db=False)
        return rast

    def interpolate(self, attributes: Tensor, rast: Tensor, tri: Tensor) -> Tensor:
        out, _ = self._dr.interpolate(attributes.contiguous(), rast, tri)
        return out

    def texture(self, image: Tensor, uv: Tensor) -> Tensor:
        image, uv = image.contiguous(), uv.contiguous()
        return self._dr.texture(image, uv, filter_mode="linear", boundary_mode="clamp")

    def antialias(self, color: Tensor, rast: Tensor, pos_clip: Tensor, tri: Tensor) -> Tensor:
        return antialias(color, rast, pos_clip, tri)

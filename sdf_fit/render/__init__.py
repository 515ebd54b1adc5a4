"""Differentiable rasterisation behind one interface with nvdiffrast's conventions."""

from __future__ import annotations

import torch

from sdf_fit.render.rasterizer import BackendError, Rasterizer

__all__ = ["BACKENDS", "BackendError", "Rasterizer", "make_renderer"]

BACKENDS = ("auto", "numba", "torch", "nvdiffrast")


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

"""What every backend offers, and how one says that it cannot be used."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


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

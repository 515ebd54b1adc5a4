"""Colours of sketch files as linear rgb and alpha per vertex, whatever type and space the file keeps them
in."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

PLAIN = (0.6, 0.6, 0.6, 1.0)  # linear; a file that says nothing about colour gives a light grey


def linear_from_srgb(srgb: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, elementwise, [0, 1] to [0, 1]."""
    srgb = np.clip(srgb, 0.0, 1.0)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def unit_floats(values: np.ndarray) -> np.ndarray:
    """Integers divided by their type's largest value (glTF's normalised attributes), floats as they are;
    float32."""
    divisor = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1.0
    return (values / divisor).astype(np.float32)


def rgba(colors: np.ndarray | None, count: int, *, srgb: bool) -> np.ndarray | None:
    """[count, 3 or 4] colours of any type as linear [count, 4] float32 in 0..1; None where they do not fit.

    What is no number stays none: `Parts.as_arrays` replaces it and says so.
    """
    if colors is None or np.ndim(colors) != 2 or len(colors) != count or colors.shape[1] not in (3, 4):
        return None
    unit = unit_floats(colors)
    if unit.shape[1] == 3:
        unit = np.column_stack([unit, np.ones(count, np.float32)])
    unit = np.clip(unit, 0.0, 1.0)
    if srgb:
        unit[:, :3] = linear_from_srgb(unit[:, :3])
    return unit.astype(np.float32)


def open_image(data: bytes) -> Image.Image:
    """Decode an image completely; raises OSError or ValueError where it is none."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def sample(image: Image.Image, uv: np.ndarray) -> np.ndarray:
    """Linear rgb [V, 3] of an sRGB texture at uv [V, 2], row 0 of the image at v = 0, repeating; bilinear.

    Brush textures are stamps: their rgb is meaningless where they are transparent, and a stroke's vertices
    lie just there. So a texture with transparent pixels gives its alpha-weighted mean colour everywhere, and
    never its alpha. Where uv is no number neither is the colour.
    """
    pixels = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255.0
    linear, alpha = linear_from_srgb(pixels[..., :3]), pixels[..., 3:]
    if alpha.min() < 0.5:
        mean = (linear * alpha).sum((0, 1)) / max(float(alpha.sum()), 1e-6)
        return np.broadcast_to(mean, (len(uv), 3))
    height, width = alpha.shape[:2]
    known = np.isfinite(uv).all(axis=1, keepdims=True)  # [V, 1]
    position = np.where(known, uv, 0.0) % 1.0 * (width, height) - 0.5
    corner = np.floor(position).astype(np.int64)
    fx, fy = (position - corner).T[:, :, None]
    x0, y0 = corner.T
    x1, y1 = (x0 + 1) % width, (y0 + 1) % height
    x0, y0 = x0 % width, y0 % height
    top = linear[y0, x0] * (1 - fx) + linear[y0, x1] * fx
    bottom = linear[y1, x0] * (1 - fx) + linear[y1, x1] * fx
    return np.where(known, top * (1 - fy) + bottom * fy, np.nan)

"""What Cycles knows of one view, in linear light, and the pictures that become of it.

Beside the photograph stand what the product's renderer also knows, or has to find out: the light that falls on the
object (the same scene in grey clay), and the surface's own base colour, roughness and metallic, without any light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from training.world.matte import grown, steady_outline

BASE, SURFACE = "base", "surface"  # the AOVs that the shaders write
CLAY = 0.5  # the clay's reflectance: light that goes from part to part is about that of real things
MOST_LIGHT = 4.0  # irradiance that the brightest value of a light picture stands for
SHOULDER, DESATURATION = 0.8, 0.15  # Khronos PBR Neutral's constants
FRESNEL = 0.04


@dataclass(frozen=True)
class Passes:
    """One view: sRGB pictures, 8 bits a channel, square."""

    picture: Image.Image  # RGBA with straight alpha where the film is transparent, else RGB
    light: Image.Image  # irradiance (radiance of a white diffuse surface), coded by `light_bytes`, half as many pixels
    base: Image.Image  # base colour, RGBA; alpha is the object's coverage
    surface: Image.Image  # roughness, metallic, nothing


def exposure(light: np.ndarray, alpha: np.ndarray, level: float) -> float:
    """The factor that brings a white surface in the object's brighter light to `level`, as a photographer exposes."""
    lit = light[alpha > 0.5].mean(axis=-1)
    return level / max(float(np.percentile(lit, 90)), 1e-3) if len(lit) else 1.0


def to_passes(layers: dict[str, np.ndarray], clay: dict[str, np.ndarray], level: float, transparent: bool) -> Passes:
    """Pictures of a render's layers and of the same view in clay."""
    solid = clay["Combined"][..., 3]
    light = grown(clay["Combined"][..., :3] / CLAY, solid)
    factor = exposure(light, solid, level)
    combined = layers["Combined"]
    alpha = combined[..., 3:] if transparent else np.ones_like(combined[..., 3:])
    seen = to_srgb(neutral(combined[..., :3] * factor / np.maximum(alpha, 1e-3)))
    rgba = bytes_of(np.concatenate([seen, alpha], axis=-1))
    coverage = layers[SURFACE][..., 2:3]
    base, surface = (layers[name][..., :3] / np.maximum(coverage, 1e-3) for name in (BASE, SURFACE))
    surface[..., 2] = 0
    return Passes(
        Image.fromarray(steady_outline(rgba)) if transparent else Image.fromarray(rgba[..., :3]),
        Image.fromarray(light_bytes(light * factor)),
        Image.fromarray(bytes_of(np.concatenate([to_srgb(base), coverage], axis=-1))),
        Image.fromarray(bytes_of(surface)),
    )


def neutral(color: np.ndarray) -> np.ndarray:
    """Khronos PBR Neutral (Khronos, 2024): linear in, linear out. Base colours come out as they are, and highlights
    run out softly: below the shoulder a photograph is what the product's renderer would draw."""
    color = np.maximum(color, 0)
    low = color.min(axis=-1, keepdims=True)
    offset = np.where(low < 2 * FRESNEL, low - low**2 / (4 * FRESNEL), FRESNEL)
    color = color - offset
    peak = color.max(axis=-1, keepdims=True)
    start = SHOULDER - FRESNEL
    room = 1 - start
    squeezed = 1 - room**2 / (np.maximum(peak, start) + room - start)
    bright = color * (squeezed / np.maximum(peak, 1e-6))
    share = 1 - 1 / (DESATURATION * (np.maximum(peak, start) - squeezed) + 1)
    return np.where(peak < start, color, bright * (1 - share) + squeezed * share)


def to_srgb(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def bytes_of(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def light_bytes(irradiance: np.ndarray) -> np.ndarray:
    """Linear irradiance as bytes: its square root, so that shade keeps its steps."""
    return bytes_of(np.sqrt(np.clip(irradiance / MOST_LIGHT, 0, 1)))


def light_of(coded: np.ndarray) -> np.ndarray:
    """Linear irradiance float32 of `light_bytes`' bytes."""
    return (coded.astype(np.float32) / 255) ** 2 * MOST_LIGHT

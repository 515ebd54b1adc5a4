"""Guides of training pictures: what the product would know of them, as coarse as a real sketch lets it know.

The product's guide (distill/controls.py) is exact: its renderer knows light, background and the sketch's flat colours.
Here the flat colours are each part's mean colour, the light is that of the very render (clay), or a smooth fit of it
without the shadows that the product's light does not throw. What a hand draws is not what stands in the photograph:
colours are a little off, small parts are left out, edges wander, surfaces are dented.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

from distill.controls import KNOWN_DRAWN
from training.conditions import NOTHING
from training.corruptions import Picture
from training.pictures import Framed, Known, Meta, on_backdrop, to_linear
from training.world.passes import MOST_LIGHT

BASE = 128  # pixels that lengths below are measured in
BLANK_SHARE = 0.12  # of the pictures have no guide: the prior stays a text-to-image one
WHOLE_SHARE = 0.5  # of the others are guided with full strength, the rest with less
WEAKEST = 0.25
EXACT_LIGHT_SHARE = 0.5
CHANNELS = 7


@dataclass(frozen=True)
class Roughness:
    """How far a guide is from the truth; lengths in pixels of a picture BASE wide, colours linear."""

    wander: float  # of the edges between parts
    blur: float  # of the colours
    shade: float  # relative error of all colours alike
    tint: float  # relative error of each part's colour
    dents: float  # in the normals
    smooth: float  # blur of the normals
    left_out: float  # share of the picture's surface up to which a part may be missing


def draw_roughness(rng: np.random.Generator, strength: float) -> Roughness:
    """Colours may be further off where the guide is weaker: there the words decide."""
    loose = 1.8 - 0.8 * strength
    return Roughness(
        wander=float(rng.uniform(0, 3)) if rng.random() < 0.6 else 0.0,
        blur=float(rng.uniform(0.3, 2.5)),
        shade=float(rng.normal()) * 0.08 * loose,
        tint=float(rng.uniform(0, 0.12)) * loose,
        dents=float(rng.uniform(0, 0.2)) if rng.random() < 0.6 else 0.0,
        smooth=float(rng.uniform(0, 2.5)),
        left_out=float(rng.uniform(0, 0.1)) if rng.random() < 0.4 else 0.0,
    )


EXACT = Roughness(0, 0.3, 0, 0, 0, 0, 0)


def draw_strength(rng: np.random.Generator) -> float:
    if rng.random() < BLANK_SHARE:
        return 0.0
    return 1.0 if rng.random() < WHOLE_SHARE else float(rng.uniform(WEAKEST, 1))


def blank(size: int) -> np.ndarray:
    """A guide that tells nothing, float32 [7, S, S]."""
    guide = np.full((CHANNELS, size, size), 0.5, np.float32)
    guide[3] = 0
    return guide


def guide(
    framed: Framed, known: Known, meta: Meta, strength: float, rough: Roughness, rng: np.random.Generator,
    lit: bool = True, exact_light: bool = True,
) -> np.ndarray:  # fmt: skip
    """float32 [7, S, S] in 0..1 of a framed render; without light if not `lit`, for pictures of the base colour."""
    if strength == 0 or framed.coverage is None or framed.backdrop is None:
        return blank(framed.framing.size)
    flat, normals = flat_colors(framed, known, meta, rough, rng), dented(framed, known, rough, rng)
    if lit:
        light = light_on(framed, known)
        coverage = framed.coverage[..., 0]
        flat = flat * (light if exact_light else lit_by(light_coefficients(light, normals, coverage), normals))
    return _joined(flat, normals, framed.coverage, framed.coverage, framed.backdrop, strength)


def fitted_guide(
    framed: Framed, known: Known, meta: Meta, strength: float, rng: np.random.Generator, lit: bool = True
) -> np.ndarray:
    """The same of the body that the product fits to the object's sketch, float32 [7, S, S]; where it reaches beyond the
    object, or less far, the guide is no surer than on the body."""
    assert known.fitted is not None and framed.coverage is not None and framed.backdrop is not None
    fitted, cut, size = known.fitted, framed.framing.cut, len(known.slots)
    coverage = cut(fitted.coverage, size)[..., None]
    normals = _facing(cut(fitted.normals, size), coverage, framed.framing.mirrored)
    tint = 1 + 0.05 * rng.normal() + 0.04 * rng.normal(size=3)
    flat = to_linear(cut(fitted.colors, size)) * tint.astype(np.float32)
    if lit:
        true = dented(framed, known, EXACT, rng)
        flat = flat * lit_by(light_coefficients(light_on(framed, known), true, framed.coverage[..., 0]), normals)
    return _joined(flat, normals, coverage, np.maximum(coverage, framed.coverage), framed.backdrop, strength)


def _joined(
    flat: Picture, normals: Picture, coverage: Picture, unsure: Picture, backdrop: Picture, strength: float
) -> np.ndarray:
    picture = on_backdrop(np.clip(flat, 0, 1), coverage, backdrop)
    sure = strength * (1 - unsure * (1 - KNOWN_DRAWN))
    return np.concatenate([picture, sure, normals / 2 + 0.5], axis=-1).transpose(2, 0, 1).astype(np.float32)


def painted_guide(image: Picture, strength: float) -> np.ndarray:
    """A painting as the guide of a photograph: all of it is as sure as a sketch's colours, nothing is known of shapes;
    float32 [7, S, S]."""
    made = blank(len(image))
    made[:3] = image.transpose(2, 0, 1)
    made[3] = strength * KNOWN_DRAWN
    return made


def flat_colors(framed: Framed, known: Known, meta: Meta, rough: Roughness, rng: np.random.Generator) -> Picture:
    """Linear [S, S, 3]: each part's mean colour, a little off, continued beyond the outline."""
    size, full = framed.framing.size, len(known.slots)
    beside = framed.framing.cut(255 - known.slots, full, Image.Resampling.NEAREST)
    slots = _wandering(np.rint(255 - 255 * beside).astype(int), rough.wander * size / BASE, rng)
    there = slots != NOTHING
    palette = _palette(meta, slots[there], rough, rng)
    colors = np.zeros((size, size, 3), np.float32)
    colors[there] = palette[slots[there]]
    return _spread_out(colors, there.astype(np.float32), rough.blur * size / BASE)


def _palette(meta: Meta, seen: np.ndarray, rough: Roughness, rng: np.random.Generator) -> Picture:
    """Linear colours [M, 3] of the materials; small parts take the colour of the largest."""
    palette = to_linear(np.asarray(meta["palette"], np.float32))
    areas = np.bincount(seen, minlength=len(palette)) / max(1, len(seen))
    if rough.left_out and len(seen):
        palette[areas < rough.left_out] = palette[areas.argmax()]
    off = 1 + rough.shade + rough.tint * rng.normal(size=palette.shape).astype(np.float32)
    return np.clip(palette * np.maximum(off, 0.2), 0, 1)


def _wandering(slots: np.ndarray, pixels: float, rng: np.random.Generator) -> np.ndarray:
    """The map sampled where a slow random shift of so many pixels points."""
    if pixels < 0.3:
        return slots
    rows, columns = np.indices(slots.shape)
    shift = [_waves(slots.shape, 5 * len(slots) / BASE, rng) * pixels for _ in range(2)]
    return map_coordinates(slots, (rows + shift[0], columns + shift[1]), order=0, mode="nearest")


def _waves(shape: tuple[int, ...], length: float, rng: np.random.Generator) -> Picture:
    """Smooth noise of deviation 1."""
    noise = gaussian_filter(rng.normal(size=shape).astype(np.float32), length)
    return noise / max(float(noise.std()), 1e-6)


def _spread_out(values: Picture, weight: Picture, blur: float) -> Picture:
    """Values [S, S, C] blurred over where they are known, and continued from there as far as a coarse blur reaches."""
    near, far = (
        [gaussian_filter(layer, length) for layer in (weight, *np.moveaxis(values * weight[..., None], -1, 0))]
        for length in (max(blur, 0.3), 6 * len(weight) / BASE)
    )
    kept = (near[0] > 0.05)[..., None]
    fine, coarse = (np.stack(one[1:], axis=-1) / np.maximum(one[0], 1e-6)[..., None] for one in (near, far))
    return np.where(kept, fine, coarse).astype(np.float32)


def light_on(framed: Framed, known: Known) -> Picture:
    """Linear irradiance [S, S, 3]."""
    coded = framed.framing.cut(known.light, len(known.slots), Image.Resampling.BILINEAR)
    return coded**2 * MOST_LIGHT


def harmonics(normals: Picture) -> Picture:
    """The nine real spherical harmonics of the first three orders, unscaled, [..., 9]: what a matt surface sees of any
    light (Ramamoorthi and Hanrahan 2001)."""
    x, y, z = np.moveaxis(normals, -1, 0)
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=-1)


def light_coefficients(light: Picture, normals: Picture, coverage: Picture) -> np.ndarray:
    """The light without its shadows: the nine coefficients [9, 3] that explain best what falls on the object."""
    inside = coverage > 0.9
    some = harmonics(normals[inside])
    ridge = 2e-4 * (len(some) + 1) * np.eye(9, dtype=np.float32)
    return np.linalg.solve(some.T @ some + ridge, some.T @ light[inside])


def lit_by(coefficients: np.ndarray, normals: Picture) -> Picture:
    """Linear irradiance [S, S, 3] on surfaces with these normals."""
    return np.maximum(harmonics(normals) @ coefficients, 0.02).astype(np.float32)


def dented(framed: Framed, known: Known, rough: Roughness, rng: np.random.Generator) -> Picture:
    """Normals [S, S, 3] in -1..1 as a fitted body's: blurred and dented, weighed by coverage."""
    assert framed.coverage is not None
    size = framed.framing.size
    normals = _facing(framed.framing.cut(known.normals, len(known.slots)), framed.coverage, framed.framing.mirrored)
    blur = rough.smooth * size / BASE
    if blur > 0.3:
        normals = np.stack([gaussian_filter(layer, blur) for layer in np.moveaxis(normals, -1, 0)], axis=-1)
    if rough.dents:
        length = float(rng.uniform(2, 8)) * size / BASE
        normals = normals + rough.dents * np.stack([_waves(normals.shape[:2], length, rng) for _ in range(3)], axis=-1)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return (normals / np.maximum(length, 1e-6) * framed.coverage * (length > 0.05)).astype(np.float32)


def _facing(coded: Picture, coverage: Picture, mirrored: bool) -> Picture:
    """Normals [S, S, 3] in -1..1 of coded ones; nothing beside the surface (the cut has zeros beyond the render, which
    would be a direction)."""
    normals = (2 * coded - 1) * (coverage > 0)
    return normals * np.array([-1, 1, 1], np.float32) if mirrored else normals

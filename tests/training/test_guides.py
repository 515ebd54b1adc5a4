"""A guide tells what is so, as coarsely as it is asked to, and nothing where it is blank."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from distill.controls import KNOWN_DRAWN, blank_guide, picture_guide
from tests.training.tiny_world import tiny_renders
from training.guides import (
    EXACT,
    Roughness,
    blank,
    draw_roughness,
    fitted_guide,
    guide,
    harmonics,
    light_coefficients,
    light_on,
    lit_by,
    painted_guide,
)
from training.pairs import Fitted
from training.pictures import Framed, Framing, Known, draw_framing, frame, on_backdrop, to_linear

SIZE = 48


def framed(seed: int = 0, move: bool = False) -> tuple[Framed, Known, dict]:
    renders = tiny_renders(range(4), size=64)
    known = renders.known_of(0)
    assert known is not None
    return frame(renders.images[0], renders.metas[0], np.random.default_rng(seed), SIZE, move), known, renders.metas[0]


def made(rough: Roughness = EXACT, strength: float = 1.0, seed: int = 0, move: bool = False, **how: bool) -> np.ndarray:
    view, known, meta = framed(seed, move)
    return guide(view, known, meta, strength, rough, np.random.default_rng(seed), **how)


def test_an_exact_guide_is_the_flat_color_under_the_light() -> None:
    view, known, meta = framed()
    seen = made()
    assert view.coverage is not None and view.backdrop is not None
    inside = view.coverage[..., 0] > 0.999
    light = light_on(view, known)
    assert np.allclose(light[inside], 0.7, atol=0.02)
    flat = to_linear(np.asarray(meta["palette"], np.float32))[0]
    wanted = on_backdrop(flat * light, np.ones_like(view.coverage), view.backdrop)
    assert np.abs(seen[:3].transpose(1, 2, 0)[inside] - wanted[inside]).max() < 0.01
    outside = view.coverage[..., 0] < 0.001
    assert np.abs(seen[:3].transpose(1, 2, 0)[outside] - view.image[outside]).max() < 0.005


def test_without_light_it_is_the_flat_color_alone() -> None:
    view, _, meta = framed()
    assert view.coverage is not None
    inside = view.coverage[..., 0] > 0.999
    assert np.abs(made(lit=False)[:3].transpose(1, 2, 0)[inside] - meta["palette"][0]).max() < 0.01


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_known_is_less_on_the_object_than_beside_it(strength: float) -> None:
    view, _, _ = framed()
    assert view.coverage is not None
    known = made(strength=strength)[3]
    assert np.allclose(known[view.coverage[..., 0] == 1], KNOWN_DRAWN * strength, atol=1e-3)
    assert np.allclose(known[view.coverage[..., 0] == 0], strength)


def test_normals_point_where_the_product_says_also_when_mirrored() -> None:
    view, known, meta = framed()
    slanted = known.normals.copy()
    slanted[known.slots == 0] = (230, 128, 220)  # to the left
    for mirrored in (False, True):
        one = replace(view, framing=Framing(SIZE, mirrored))
        normals = 2 * guide(one, replace(known, normals=slanted), meta, 1, EXACT, np.random.default_rng(0))[4:] - 1
        middle = normals[:, SIZE // 2, SIZE // 2]
        assert np.linalg.norm(middle) == pytest.approx(1, abs=0.01) and (middle[0] < 0) == mirrored
        assert np.allclose(normals[:, 0, 0], 0, atol=1e-6)  # nobody there


def test_no_strength_tells_nothing() -> None:
    assert np.array_equal(made(strength=0.0), blank(SIZE))
    assert np.array_equal(blank(SIZE), blank_guide(1, SIZE)[0].numpy())


def test_a_painting_as_guide_is_the_products() -> None:
    image = np.random.default_rng(0).random((SIZE, SIZE, 3)).astype(np.float32)
    assert np.allclose(painted_guide(image, 0.7), picture_guide(torch.from_numpy(image)[None], 0.7)[0].numpy())


def test_a_rough_guide_is_off_but_stays_a_guide() -> None:
    exact = made()
    for seed in range(12):
        rough = draw_roughness(np.random.default_rng(seed), 1.0)
        seen = made(rough, seed=seed, move=True, exact_light=False)
        assert seen.shape == (7, SIZE, SIZE) and seen.dtype == np.float32
        assert np.isfinite(seen).all() and seen.min() >= 0 and seen.max() <= 1
    loud = made(Roughness(wander=3, blur=2, shade=0.3, tint=0.2, dents=0.3, smooth=1, left_out=0))
    view, _, _ = framed()
    assert view.coverage is not None
    inside, beside = view.coverage[..., 0] == 1, view.coverage[..., 0] == 0
    off = np.abs(loud - exact)
    assert off[:3, inside].mean() > 0.03 and off[4:, inside].mean() > 0.02 and off[:, beside].max() < 0.01


def test_a_fitted_bodys_guide_is_unsure_where_body_and_object_differ() -> None:
    view, known, meta = framed()
    assert view.coverage is not None
    covered = np.roll(255 * (known.slots == 0), 12, axis=1).astype(np.uint8)  # beside where the object stands
    body = Fitted(np.full((64, 64, 3), 128, np.uint8), np.where(covered[..., None] > 0, (128, 128, 255), 128), covered)
    known = replace(known, fitted=replace(body, normals=body.normals.astype(np.uint8)))
    seen = fitted_guide(view, known, meta, 1.0, np.random.default_rng(0))
    there, body_there = view.coverage[..., 0] == 1, view.framing.cut(covered, 64) == 1
    assert (there & ~body_there).any() and (body_there & ~there).any()
    assert np.allclose(seen[3][there | body_there], KNOWN_DRAWN, atol=0.01)
    grey = seen[:3, body_there]
    assert np.abs(grey - grey.mean()).max() < 0.2 and np.allclose(seen[6][body_there], 1, atol=0.02)


def test_small_parts_are_left_out() -> None:
    view, known, meta = framed()
    slots = known.slots.copy()
    slots[30:34, 30:34] = 1
    two = meta | {"palette": [*meta["palette"], [0.0, 1.0, 0.0]]}
    parts = replace(known, slots=slots)
    kept = guide(view, parts, two, 1, EXACT, np.random.default_rng(0), lit=False)
    left = guide(view, parts, two, 1, replace(EXACT, left_out=0.1), np.random.default_rng(0), lit=False)
    middle = (slice(None), SIZE // 2, SIZE // 2)
    assert kept[:3][middle][1] > 0.9 and left[:3][middle][1] < 0.2


def test_smooth_light_drops_shadows_and_keeps_the_rest() -> None:
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    inside = x**2 + y**2 < 0.95
    normals = np.dstack([-x, -y, np.sqrt(np.maximum(1 - x**2 - y**2, 0))]).astype(np.float32)
    light = (harmonics(normals) @ np.array([0.5, 0.1, 0.2, 0.1, 0, 0, 0.05, 0, 0]))[..., None].repeat(3, -1)
    found = lit_by(light_coefficients(light, normals, inside), normals)
    assert np.abs(found[inside] - light[inside]).max() < 0.01
    shadowed = light.copy()
    shadowed[20:24] *= 0.2
    again = lit_by(light_coefficients(shadowed, normals, inside), normals)
    assert again[22, 32].mean() > 0.7 * light[22, 32].mean()


def test_a_framing_cuts_maps_of_half_the_size_alike() -> None:
    renders = tiny_renders(range(2), size=64)
    image = renders.images[0]
    for seed in range(8):
        framing = draw_framing(image, renders.metas[0], np.random.default_rng(seed), 32)
        half = image.reshape(32, 2, 32, 2, 4).mean(axis=(1, 3)).astype(np.uint8)
        assert np.abs(framing.cut(image)[..., 3] - framing.cut(half, 64)[..., 3]).mean() < 0.03

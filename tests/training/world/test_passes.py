"""From linear light to pictures: tone, exposure, and how light is coded."""

from __future__ import annotations

import numpy as np
import pytest

from training.world.matte import grown
from training.world.passes import (
    BASE,
    CLAY,
    FRESNEL,
    MOST_LIGHT,
    SURFACE,
    bytes_of,
    exposure,
    light_bytes,
    light_of,
    neutral,
    to_passes,
    to_srgb,
)

SIZE = 16


def test_below_the_shoulder_the_tone_takes_off_what_is_mirrored_and_nothing_else() -> None:
    colors = np.random.default_rng(0).uniform(2 * FRESNEL, 0.8, (500, 3))
    np.testing.assert_allclose(neutral(colors), colors - FRESNEL, atol=1e-12)
    dark = np.array([[0.0], [0.02], [0.04], [0.08]]) * np.ones(3)
    np.testing.assert_allclose(neutral(dark)[:, 0], dark[:, 0] ** 2 / (4 * FRESNEL), atol=1e-12)


def test_highlights_run_out_into_white() -> None:
    """By hand, after Khronos' own shader."""
    np.testing.assert_allclose(neutral(np.array([2.0, 0, 0])), (0.961081, 0.129579, 0.129579), atol=1e-6)
    np.testing.assert_allclose(neutral(np.full(3, 10.0)), 0.993898, atol=1e-6)


def test_more_light_is_never_darker_and_never_beyond_white() -> None:
    colors = np.random.default_rng(1).uniform(0, 1, (50, 1, 3))
    brighter = neutral(colors * np.geomspace(1e-3, 1e4, 2000)[:, None])
    steps = np.diff(brighter.max(axis=-1), axis=1)
    assert steps.min() >= -1e-9 and steps.max() < 0.01
    assert brighter.min() >= 0 and brighter.max() <= 1


def test_light_is_coded_finely_in_the_shade() -> None:
    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(light_bytes(light_of(codes)), codes)
    light = np.linspace(0, MOST_LIGHT, 1000)
    np.testing.assert_allclose(light_of(light_bytes(light)), light, atol=0.016)
    np.testing.assert_allclose(light_of(light_bytes(light / 100)), light / 100, atol=0.0017)
    assert light_of(light_bytes(np.array([2 * MOST_LIGHT, -1.0]))).tolist() == [MOST_LIGHT, 0]


def test_exposure_brings_white_to_its_level() -> None:
    """In all but the brightest tenth of the object; what lies around it does not count."""
    rng = np.random.default_rng(2)
    light, alpha = rng.uniform(0.1, 3, (SIZE, SIZE, 1)) * np.ones(3), np.zeros((SIZE, SIZE))
    light[:, SIZE // 2 :] = 100
    alpha[:, : SIZE // 2] = 1
    white = light[:, : SIZE // 2, 0] * exposure(light, alpha, 0.8)
    assert np.percentile(white, 90) == pytest.approx(0.8)
    assert exposure(light, np.zeros((SIZE, SIZE)), 0.8) == 1


def layers_of(base: np.ndarray, light: np.ndarray, cover: np.ndarray) -> tuple[dict[str, np.ndarray], ...]:
    """A matt surface [3] in a light [3], as Cycles gives it and as clay: weighed by its coverage [S, S, 1]."""
    opaque = np.concatenate([np.ones((SIZE, SIZE, 3)), np.ones((SIZE, SIZE, 1))], axis=-1)
    layers = {
        "Combined": opaque * (*(base * light), 1) * cover,
        BASE: opaque * (*base, 1) * cover,
        SURFACE: opaque * (0.7, 0.2, 1, 1) * cover,
    }
    return layers, {"Combined": (opaque * (*(CLAY * light), 1) * cover)[::2, ::2]}


def test_passes_hold_together_up_to_the_outline() -> None:
    base, light = np.array([0.5, 0.3, 0.2]), np.array([4.0, 3.0, 2.0])
    cover = np.zeros((SIZE, SIZE, 1))
    cover[:, :10], cover[:, 10] = 1, 0.4
    passes = to_passes(*layers_of(base, light, cover), level=0.9, transparent=True)
    exposed = light * 0.9 / light.mean()
    seen = np.asarray(passes.picture)
    np.testing.assert_array_equal(seen[..., 3], bytes_of(cover[..., 0]))
    assert np.abs(seen[:, :11, :3] - 255 * to_srgb(neutral(base * exposed))).max() <= 1
    coded = np.asarray(passes.light)
    assert coded.shape == (SIZE // 2, SIZE // 2, 3)
    np.testing.assert_array_equal(coded[:, :6], np.tile(light_bytes(exposed), (SIZE // 2, 6, 1)))
    told = np.asarray(passes.base)
    np.testing.assert_array_equal(told[..., 3], bytes_of(cover[..., 0]))
    assert np.abs(told[:, :11, :3] - 255 * to_srgb(base)).max() <= 1
    np.testing.assert_array_equal(np.asarray(passes.surface)[3, 10], bytes_of(np.array([0.7, 0.2, 0.0])))
    scene = to_passes(*layers_of(base, light, np.ones_like(cover)), level=0.9, transparent=False)
    assert scene.picture.mode == "RGB"


def test_values_grow_over_the_outline_and_stay_where_they_are_known() -> None:
    known = np.zeros((SIZE, SIZE))
    known[4:12, 4:8] = 1
    values = np.where(known[..., None] > 0, np.random.default_rng(3).uniform(1, 2, (SIZE, SIZE, 3)), 0)
    wide = grown(values, known, pixels=2)
    np.testing.assert_array_equal(wide[known > 0], values[known > 0])
    reached = wide.min(axis=-1) > 0
    assert reached[2:14, 2:10].all() and reached.sum() == 12 * 8
    assert wide.max() <= values.max()

"""Settings: what is accepted, what is refused and how it is told, and the page made from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from realify.settings import (
    PRESETS,
    Settings,
    SettingsError,
    apply,
    describe,
    from_dict,
    markdown,
    preset,
    to_dict,
)

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json_and_lie_in_their_ranges(name: str) -> None:
    settings = preset(name)
    assert from_dict(json.loads(json.dumps(to_dict(settings)))) == settings


def test_text_is_read_by_type() -> None:
    changed = apply(
        Settings(),
        {
            "seed": "7",
            "geometry.lr": "1e-4",
            "fit.steps": "1e3",
            "output.turntable": "yes",
            "output.texture_size": "4096",
            "stage1.strength": "30",
            "stage2.strength": "none",
        },
    )
    assert (changed.seed, changed.geometry.lr, changed.fit.steps) == (7, 1e-4, 1000)
    assert changed.output.turntable is True and changed.output.texture_size == 4096
    assert changed.stage1.strength == 30.0 and changed.stage2.strength is None
    assert isinstance(changed.fit.steps, int)


def test_a_group_changes_at_once() -> None:
    """Either change alone would put t_min above t_max."""
    changed = apply(Settings(), {"stage2.t_min": 0.6, "stage2.t_max": 0.9})
    assert (changed.stage2.t_min, changed.stage2.t_max) == (0.6, 0.9)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("geometry.lrr", "1", "geometry.lr?"),
        ("turntable", "true", "output.turntable?"),
        ("xyzzy", "1", "realify settings"),
        ("fit.grid", "8", "from 16 to 256"),
        ("fit.grid", "64.5", "a whole number"),
        ("fit.grid", True, "a whole number"),
        ("geometry.lr", "nan", "a number"),
        ("geometry.lr", "fast", "a number"),
        ("geometry.lr", None, "a number"),
        ("output.turntable", "maybe", "true or false"),
        ("output.texture_size", "1000", "1024, 2048, 4096"),
        ("backend", "opengl", "numba"),
        ("prior.name", 3, "text"),
    ],
)
def test_errors_name_what_is_wanted(key: str, value: object, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        apply(Settings(), {key: value})
    assert told in caught.value.fix


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("sds.steps", "stage1.steps"),
        ("sds.guidance_scale", "stage1.strength"),
        ("bridge.weight", "stage2.strength"),
        ("bridge.lr_scale", "stage2.lr_scale"),
    ],
)
def test_a_setting_that_has_another_name_now_is_told_by_it(before: str, now: str) -> None:
    with pytest.raises(SettingsError, match=before) as caught:
        from_dict({before: 1})
    assert caught.value.fix == f"It is called {now} now."


@pytest.mark.parametrize("high", ["stage1.t_max", "stage1.t_max_late", "stage2.t_max"])
def test_the_lowest_time_lies_under_the_highest(high: str) -> None:
    low = high.partition(".")[0] + ".t_min"
    with pytest.raises(SettingsError, match=f"{low} is 0.7, {high} is 0.6"):
        apply(Settings(), {low: 0.7, high: 0.6})


@pytest.mark.parametrize(("given", "read"), [(0.5, (0.5,)), ("0.5", (0.5,)), ("1, .25", (1.0, 0.25)), (2, (2.0,))])
def test_numbers_come_as_one_or_with_commas(given: object, read: tuple[float, ...]) -> None:
    settings = apply(Settings(), {"prior.controlnet": "depth,tile", "prior.controlnet_scale": given})
    assert settings.prior.controlnet_scales == read
    assert from_dict(to_dict(settings)) == settings


@pytest.mark.parametrize("given", ["", "1,", "1,x", "11", "1,-1", "nan", None, True, [1]])
def test_what_is_no_numbers_is_told(given: object) -> None:
    with pytest.raises(SettingsError, match="one number or more with commas between, each from 0 to 10"):
        apply(Settings(), {"prior.controlnet": "depth,tile", "prior.controlnet_scale": given})


def test_there_are_as_many_scales_as_controlnets_or_one() -> None:
    with pytest.raises(SettingsError, match=r"holds 2 numbers, prior\.controlnet 3 names"):
        apply(Settings(), {"prior.controlnet": "depth,tile,normal", "prior.controlnet_scale": "1,2"})


def test_unknown_preset() -> None:
    with pytest.raises(SettingsError, match="draft, standard, high"):
        preset("best")


def test_every_setting_has_help_and_a_domain() -> None:
    rows = describe()
    assert len({row.key for row in rows}) == len(rows)
    for row in rows:
        assert row.help
        assert row.range or row.choices or row.type in ("bool", "str"), row.key
        assert row.type in ("bool", "str", "int", "float"), row.key


def test_the_page_is_fresh() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert page == markdown(), "run `make docs`"

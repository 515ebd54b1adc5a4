"""An object's settings as the server takes them: only what differs from the preset."""

from __future__ import annotations

import json
from typing import Any

from ..trouble import Trouble

# `geometry.keep_shape` is the weight that ties the silhouette to the sketch's; without a rate the shape stays.
SHAPES: dict[str, dict[str, Any]] = {"LOOSE": {"geometry.keep_shape": 5.0}, "CLOSE": {}, "EXACT": {"geometry.lr": 0.0}}
LEAST_FACES = 500
COPIED = ("prompt", "preset", "seed", "keep_shape", "prior", "stage1_steps", "stage2_steps", "texture_size", "faces",
          "decimate", "backend", "radius", "more")  # fmt: skip


def settings_of(given: Any) -> dict[str, Any]:
    """Dotted keys and values of an object's `realify`. Raises Trouble for `more` that cannot be read."""
    found = dict(SHAPES[given.keep_shape])
    if given.prior.strip():
        found["prior.name"] = given.prior.strip()
    if given.stage1_steps >= 0:
        found["stage1.steps"] = given.stage1_steps
    if given.stage2_steps >= 0:
        found["stage2.steps"] = given.stage2_steps
    if given.texture_size != "0":
        found["output.texture_size"] = int(given.texture_size)
    if given.faces:
        found["output.faces"] = max(given.faces, LEAST_FACES)
    if given.backend != "auto":
        found["backend"] = given.backend
    return found | _pairs(given.more)


def copy_settings(given: Any, to: Any) -> None:
    """Words and settings of one object to another."""
    for name in COPIED:
        setattr(to, name, getattr(given, name))


def _pairs(text: str) -> dict[str, Any]:
    """ "a.b=1 c=draft" as {"a.b": 1, "c": "draft"}."""
    found = {}
    for pair in text.split():
        key, equals, value = pair.partition("=")
        if not (key and equals and value):
            fix = 'Write key=value, with a space between two of them, such as "geometry.lr=2e-3 fit.grid=96".'
            raise Trouble("bad_settings", f"More Settings holds {pair!r}.", fix)
        found[key] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

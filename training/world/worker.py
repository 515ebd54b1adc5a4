"""Renders one shard in Blender's Python; `python -m training.world` starts one process of this for each.

Says on its output which object it begins ("object 700003") and when a view is done ("view"); ends with the pipe.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.world.captions import caption
from training.world.colors import RGB
from training.world.dressing import dressed
from training.world.kinds import KINDS
from training.world.model import Mesh
from training.world.numbering import (
    OTHER_MATERIALS,
    dressing_dice,
    has_sketch,
    kind_of,
    object_dice,
    object_number,
    sketch_dice,
    view_dice,
)
from training.world.scene import SAMPLES, Stage
from training.world.shards import ShardWriter
from training.world.sketch import sketch_glb
from training.world.surroundings import Surroundings, draw_scene, draw_transparent
from training.world.thing import Thing
from training.world.true_mesh import mesh_glb, vertex_slots
from training.world.views import FOVY, View, draw_view

SCENE_EVERY = 5  # one view in so many has a ground and a sky


def main() -> None:
    options = _parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an exception: the half shard is removed
    stage = Stage(options.size, options.samples)
    kinds = options.kinds.split(",")
    with ShardWriter(options.out) as shard:
        for index in range(options.first, options.end):
            number = object_number(options.seed, index)
            _say(f"object {number}")
            make_object(stage, shard, number, kinds, options.views, options.meshes)


def make_object(
    stage: Stage, shard: ShardWriter, number: int, kinds: Sequence[str], views: int, meshes: bool = True
) -> None:
    """One object's views, and its true mesh if wanted, with a sketch for some."""
    thing = KINDS[kind_of(number, kinds)](object_dice(number))
    mesh = thing.model.normalised()
    stage.show(mesh)
    dressing = dressing_dice(number)
    other = dressing.chance(OTHER_MATERIALS)
    for index in range(views):
        worn, materials = dressed(thing, mesh, dressing) if other else (thing, mesh.materials)
        stage.wear(materials)
        _add_view(stage, shard, number, index, worn, replace(mesh, materials=materials))
        _say("view")
    if meshes:
        sketch = sketch_glb(mesh, sketch_dice(number)) if has_sketch(number) else None
        shard.add_object(number, sketch, mesh_glb(mesh), vertex_slots(mesh))


def _add_view(stage: Stage, shard: ShardWriter, number: int, index: int, thing: Thing, mesh: Mesh) -> None:
    dice = view_dice(number, index)
    transparent = index % SCENE_EVERY != SCENE_EVERY - 1
    around = draw_transparent(dice) if transparent else draw_scene(dice, thing.grounds)
    view = draw_view(dice, mesh.vertices, grounded=around.ground is not None)
    stage.dress(around)
    passes = stage.photograph(view, dice.integer(0, 2**30), transparent)
    palette = [material.mean_color for material in mesh.materials]
    about = card(number, thing, view, around, transparent, palette)
    shard.add_view(number, index, passes.picture, about, light=passes.light, base=passes.base, surface=passes.surface)


def card(
    number: int, thing: Thing, view: View, around: Surroundings, transparent: bool, palette: Sequence[RGB] = ()
) -> dict[str, Any]:
    """What is known of a view; angles in degrees, lengths in the object's radii, the target Y up, the palette (the
    mean colour of every material) sRGB."""
    return {
        "palette": [[round(float(value), 4) for value in color] for color in palette],
        "object": number,
        "kind": thing.kind,
        "phrase": thing.phrase,
        "color": thing.color,
        "material": thing.material,
        "view": view.word,
        "scene": around.scene,
        "caption": caption(thing.phrase, view.word, around.scene),
        "transparent": transparent,
        "azimuth": round(view.azimuth, 3),
        "elevation": round(view.elevation, 3),
        "distance": round(view.distance, 4),
        "fovy": FOVY,
        "target": [round(value, 4) for value in view.target_y_up()],
    }


def _say(line: str) -> None:
    """Raises BrokenPipeError once nobody listens any more: a worker does not outlive its manager."""
    print(line, flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the shard to write")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, required=True, help="index of the first object")
    parser.add_argument("--end", type=int, required=True, help="index behind the last object")
    parser.add_argument("--views", type=int, default=5, help="of each object")
    parser.add_argument("--size", type=int, default=128, help="pixels")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="of each pixel")
    parser.add_argument("--kinds", default=",".join(sorted(KINDS)), help="names, with commas between")
    parser.add_argument("--no-meshes", dest="meshes", action="store_false", help="neither sketches nor meshes")
    return parser.parse_args()


if __name__ == "__main__":
    main()

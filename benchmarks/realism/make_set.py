"""Makes benchmarks/data/realism/ out of the synthetic world; needs Blender's Python:

.venv-blender/bin/python -m benchmarks.realism.make_set [--only mug,chair]

For each phrase the first held-out object that it fits is sketched and rendered, and the next ones are rendered
as its reference: other objects that the very same words describe.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.world.dice import Dice
from training.world.kinds import KINDS
from training.world.model import Mesh
from training.world.numbering import (
    HELD_OUT_EVERY,
    OBJECTS_OF_A_SEED,
    object_dice,
    object_number,
    sketch_dice,
    view_dice,
)
from training.world.sketch import sketch_glb
from training.world.surroundings import draw_transparent
from training.world.thing import Thing
from training.world.true_mesh import mesh_glb
from training.world.views import View, view_word

PHRASES = {
    "mushroom": "a red mushroom with white spots",
    "flower": "a red tulip flower",
    "mug": "a blue ceramic mug",
    "chair": "a wooden chair",
    "house": "a brick house with a red roof",
    "fish": "a turquoise fish",
}
SEED = 90  # of the world: its held-out objects are drawn from until enough of them fit a phrase
REFERENCES = 4  # other objects of the same phrase
VIEWS, ROW = 16, 4  # of each object, and in a row of its sheet
SIZE, LARGE = 128, 256  # pixels of a view, and of the one that people look at
HIGH = (3, 11)  # the views that look down
FRONT = (30.0, 15.0, 3.2)  # azimuth, elevation, distance of that one
FOLDER = Path(__file__).parents[1] / "data" / "realism"

Place = tuple[float, float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="kinds to make anew, with commas between; by default all")
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    kinds = options.only.split(",") if options.only else list(PHRASES)
    from training.world.scene import Stage  # needs Blender, which whoever only reads PHRASES may not have

    found = {kind: list(islice(fitting(kind), 1 + REFERENCES)) for kind in kinds}
    folders = {kind: options.folder / kind for kind in kinds}
    for kind in kinds:
        _write_object(folders[kind], *found[kind][0])
    stage = Stage(LARGE, options.samples)
    for kind in kinds:
        _save(folders[kind] / "front.webp", _front(stage, *found[kind][0]))
    stage = Stage(SIZE, options.samples)
    for kind in kinds:
        start = time.time()
        _write_views(folders[kind], found[kind], stage)
        print(f"{kind}: {PHRASES[kind]!r}, {time.time() - start:.0f} s", flush=True)


def fitting(kind: str) -> Iterator[tuple[int, Thing]]:
    """Held-out objects (id and thing) that the kind's phrase describes. Raises ValueError where there is none."""
    seen: set[str] = set()
    for index in range(0, OBJECTS_OF_A_SEED, HELD_OUT_EVERY):
        number = object_number(SEED, index)
        thing = KINDS[kind](object_dice(number))
        seen.add(thing.phrase)
        if thing.phrase == PHRASES[kind]:
            yield number, thing
    raise ValueError(f"{kind}: too few objects are {PHRASES[kind]!r}; there are {', '.join(sorted(seen)[:40])}")


def _write_object(folder: Path, number: int, thing: Thing) -> None:
    """The sketch and the true mesh."""
    mesh = thing.model.normalised()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sketch.glb").write_bytes(sketch_glb(mesh, sketch_dice(number)))
    (folder / "mesh.glb").write_bytes(mesh_glb(mesh))


def _front(stage: Any, number: int, thing: Thing) -> Image.Image:
    """The picture that people look at."""
    mesh = thing.model.normalised()
    stage.show(mesh)
    stage.dress(draw_transparent(view_dice(number, VIEWS)))
    return stage.photograph(View("front view", *FRONT, _middle(mesh)), seed=0, transparent=True).picture


def _write_views(folder: Path, found: Sequence[tuple[int, Thing]], stage: Any) -> None:
    """A sheet of views of the object and of each reference, and what is on them (card.json)."""
    cards = []
    for place, (number, thing) in enumerate(found):
        mesh = thing.model.normalised()
        stage.show(mesh)
        views, pictures = [], []
        for index in range(VIEWS):
            dice = view_dice(number, index)
            views.append(draw_view(dice, index, _middle(mesh)))
            stage.dress(draw_transparent(dice))
            pictures.append(stage.photograph(views[-1], seed=index, transparent=True).picture)
        _save(folder / f"views-{place}.webp", _tiled(pictures))
        cards.append({"object": number, "views": [_described(view) for view in views]})
    thing = found[0][1]
    about = {"kind": thing.kind, "phrase": thing.phrase, "color": thing.color, "material": thing.material}
    (folder / "card.json").write_text(json.dumps({**about, "objects": cards}) + "\n", encoding="utf-8")


def draw_view(dice: Dice, index: int, target: Place) -> View:
    """Number `index` of the views all around, two of them from above; the whole object is in every picture."""
    azimuth = (index + dice.uniform(0, 1)) * 360 / VIEWS - 180
    elevation = dice.uniform(62, 80) if index in HIGH else dice.uniform(-8, 45)
    return View(view_word(azimuth, elevation), azimuth, elevation, dice.uniform(3.1, 3.7), target)


def _middle(mesh: Mesh) -> Place:
    """Of its bounding box."""
    return 0.0, 0.0, float(mesh.vertices[:, 2].max()) / 2


def _described(view: View) -> dict[str, Any]:
    """As the world's shards describe a camera: degrees, radii, Y up."""
    return {
        "view": view.word,
        "azimuth": round(view.azimuth, 3),
        "elevation": round(view.elevation, 3),
        "distance": round(view.distance, 4),
        "target": [round(value, 5) for value in view.target_y_up()],
    }


def _tiled(pictures: list[Image.Image]) -> Image.Image:
    tiles = np.stack([np.asarray(picture) for picture in pictures])
    count, size, _, channels = tiles.shape
    rows = tiles.reshape(count // ROW, ROW, size, size, channels).swapaxes(1, 2)
    return Image.fromarray(rows.reshape(count // ROW * size, ROW * size, channels))


def _save(path: Path, image: Image.Image) -> None:
    """As the world's shards keep a render: lossy colours, exact alpha."""
    image.save(path, "WEBP", quality=92, alpha_quality=100, exact=True)


if __name__ == "__main__":
    main()

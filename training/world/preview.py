"""A contact sheet of some kinds, to look at while one writes them; needs Blender's Python:

.venv-blender/bin/python -m training.world.preview --kinds mug,vase --each 4 --out sheet.png
"""

from __future__ import annotations

import argparse
import time
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from training.world.dice import Dice
from training.world.scene import Stage
from training.world.surroundings import draw_scene, draw_transparent
from training.world.views import View, draw_view, view_word

CHECKER = (150, 170)  # greys behind what is transparent
# (azimuth, elevation) of the views that every object is shown from, in degrees
ROUND = ((20.0, 15.0), (90.0, 10.0), (200.0, 30.0), (45.0, 75.0))
LABEL = 12


def main() -> None:
    options = _parse()
    stage = Stage(options.size, options.samples)
    rows = []
    for name in options.kinds.split(","):
        make = import_module(f"training.world.kinds.{name}").make
        for index in range(options.each):
            started = time.time()
            dice = Dice(options.seed * 1000 + index)
            thing = make(dice)
            mesh = thing.model.normalised()
            stage.show(mesh)
            seconds = time.time() - started
            print(
                f"{thing.phrase}: {len(mesh.faces)} faces, {seconds:.2f} s | {thing.color} {thing.material}", flush=True
            )
            rows.append((thing.phrase, _pictures(stage, dice, thing.grounds, mesh.vertices)))
    _sheet(rows, options.size, options.columns).save(options.out)
    print(f"wrote {options.out}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", required=True, help="names of files in kinds/, with commas between")
    parser.add_argument("--each", type=int, default=4, help="objects of each kind")
    parser.add_argument("--out", type=Path, default=Path("sheet.png"))
    parser.add_argument("--size", type=int, default=96, help="pixels of a picture")
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--columns", type=int, default=2, help="objects in a row of the sheet")
    return parser.parse_args()


def _pictures(stage: Stage, dice: Dice, grounds: tuple[str, ...], vertices: np.ndarray) -> list[Image.Image]:
    """Four transparent views all around, then two with ground and sky."""
    pictures, height = [], float(vertices[:, 2].max())
    for azimuth, elevation in ROUND:
        stage.dress(draw_transparent(dice))
        view = View(view_word(azimuth, elevation), azimuth, elevation, 3.1, (0.0, 0.0, height / 2))
        pictures.append(stage.photograph(view, seed=0, transparent=True).picture)
    for _ in range(2):
        around = draw_scene(dice, grounds)
        stage.dress(around)
        view = draw_view(dice, vertices, grounded=around.ground is not None)
        pictures.append(stage.photograph(view, seed=0, transparent=False).picture)
    return pictures


def _sheet(rows: list[tuple[str, list[Image.Image]]], size: int, columns: int) -> Image.Image:
    wide = max(len(pictures) for _, pictures in rows) * size
    high = size + LABEL
    sheet = Image.new("RGB", (wide * columns, high * -(-len(rows) // columns)), (20, 20, 20))
    draw = ImageDraw.Draw(sheet)
    for index, (phrase, pictures) in enumerate(rows):
        x, y = index % columns * wide, index // columns * high
        draw.text((x + 2, y), phrase, fill=(255, 255, 255))
        for column, picture in enumerate(pictures):
            behind = _checkered(size)
            behind.paste(picture, mask=picture if picture.mode == "RGBA" else None)
            sheet.paste(behind, (x + column * size, y + LABEL))
    return sheet


def _checkered(size: int, square: int = 8) -> Image.Image:
    light = Image.new("L", (2, 2), CHECKER[0])
    light.putpixel((0, 0), CHECKER[1])
    light.putpixel((1, 1), CHECKER[1])
    tile = light.resize((2 * square, 2 * square), Image.Resampling.NEAREST)
    board = Image.new("L", (size, size))
    for x in range(0, size, 2 * square):
        for y in range(0, size, 2 * square):
            board.paste(tile, (x, y))
    return board.convert("RGB")


if __name__ == "__main__":
    main()

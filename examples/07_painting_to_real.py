"""Draws a flat mushroom and has it made real: the bridge alone, from a picture, its domain named in the source.

python examples/07_painting_to_real.py out/mushroom.png --steps 100 --rule dds
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw

PROMPT = "a red mushroom with white spots"


def painted_mushroom(side: int = 256) -> Image.Image:
    """Flat colours without light or shadow."""
    picture = Image.new("RGB", (side, side), (122, 118, 112))
    pen = ImageDraw.Draw(picture)
    pen.polygon([(108, 130), (148, 130), (156, 222), (100, 222)], fill=(232, 222, 200))
    pen.chord((48, 44, 208, 220), 180, 360, fill=(196, 38, 30))
    pen.ellipse((48, 114, 208, 150), fill=(170, 30, 26))
    for across, down, radius in ((90, 96, 13), (132, 70, 15), (170, 100, 12), (122, 112, 9)):
        pen.circle((across, down), radius, fill=(244, 240, 228))
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    args, further = parser.parse_known_args()  # all other options are those of `realify image paint`

    painting = args.picture.with_stem(args.picture.stem + "-painted")
    painting.parent.mkdir(parents=True, exist_ok=True)
    painted_mushroom().save(painting)
    command = ["image", "paint", str(painting), PROMPT, "-o", str(args.picture), "--background", "grey", *further]
    raise SystemExit(subprocess.run([sys.executable, "-m", "realify", *command], check=False).returncode)


if __name__ == "__main__":
    main()

"""Several sketches realified, and one picture of them all: the sketches above, the results below.

python examples/04_gallery.py -o out/gallery.png stage1.steps=320 stage2.steps=80
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from realify.job.sheet import MARGIN
from realify.pipeline import run
from realify.settings import apply, preset

SKETCHES = Path(__file__).parent / "sketches"
PROMPTS = {
    "mushroom": "a photo of a red mushroom",
    "mug": "a photo of a blue ceramic mug",
    "chair": "a photo of a wooden chair",
    "house": "a photo of a brick house with a red roof",
    "cactus": "a photo of a green cactus in a pot",
    "flower": "a photo of a pink flower",
}
SIZE = 320  # of each view in a contact sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=Path("out/gallery.png"))
    parser.add_argument("--only", nargs="*", default=list(PROMPTS), choices=list(PROMPTS))
    parser.add_argument("changes", nargs="*", default=[])
    args = parser.parse_intermixed_args()

    settings = apply(preset("draft"), dict(change.split("=", 1) for change in args.changes))
    picture = Image.new("RGB", (SIZE * len(args.only), 2 * SIZE))
    for column, name in enumerate(args.only):
        folder = Path("out/gallery") / name
        done = run(SKETCHES / f"{name}.glb", PROMPTS[name], settings, folder, lambda event: None, lambda: False)
        sheet = Image.open(done.contact_sheet)
        for row in range(2):
            top = (row + 1) * (sheet.height - MARGIN) // 2 - SIZE
            picture.paste(sheet.crop((MARGIN, top, MARGIN + SIZE, top + SIZE)), (column * SIZE, row * SIZE))
        print(name, done.glb, flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    picture.save(args.out)


if __name__ == "__main__":
    main()

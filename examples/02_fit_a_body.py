"""From loose strokes to one closed body, with the parts that do it: reader, rasteriser, extractor, fit.

python examples/02_fit_a_body.py --grid 64 --steps 300
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trimesh import Trimesh

from sdf_fit.extract import make_extractor
from sdf_fit.fit import fit_sketch
from sdf_fit.render import make_renderer
from sdf_fit.sketch.read import read_sketch

SKETCH = Path(__file__).parent / "sketches/mushroom.glb"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sketch", type=Path, nargs="?", default=SKETCH)
    parser.add_argument("--grid", type=int, default=32)
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()

    sketch = read_sketch(args.sketch)
    renderer, extractor = make_renderer(), make_extractor("auto", args.grid)
    body = fit_sketch(sketch, renderer, extractor, steps=args.steps, resolution=128)
    surface = body.surface().detached()
    colors = body.material(surface.vertices)[:, :3].detach().clamp(0, 1).sqrt()  # roughly sRGB
    mesh = Trimesh(surface.vertices, surface.faces, vertex_colors=(colors * 255).byte().numpy())
    mesh.apply_transform(sketch.world_from_work)  # back to where the sketch stood
    Path("out").mkdir(exist_ok=True)
    mesh.export("out/body.ply")
    print(f"{sketch.name}: {len(sketch.mesh.faces)} loose triangles in, {len(mesh.faces)} out,", end=" ")
    print("watertight" if mesh.is_watertight else "open")


if __name__ == "__main__":
    main()

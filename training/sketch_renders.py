"""Sketches as training pictures: `python -m training.sketch_renders --world data/world --out data/sketch_renders`

The sketch of every rendered object that training may see, drawn by the product's own renderer on a transparent
background: as bare clay ("a sketch of a mushroom") and in its coarse colours ("a sketch of a red mushroom with
white spots"). One shard for twenty objects, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from distill.card import PriorCard, read_card
from distill.load import EMBEDDED
from distill.prompts import view_word
from realify.result.measures import face_normals, vertex_normals
from realify.stages.random_views import CLAY, camera_ranges
from sdf_fit.cameras import View, camera_positions, clip_from_work, sample_views, to_clip
from sdf_fit.mesh import Mesh
from sdf_fit.render import Rasterizer, make_renderer
from sdf_fit.render.shading import Light, sample_light, shade
from sdf_fit.sketch.read import read_sketch
from training.countdown import countdown
from training.cutouts import SAMPLES, camera_card, straight
from training.pictures import split
from training.world.captions import caption
from training.world.kinds import KINDS
from training.world.numbering import object_dice, sketch_dice
from training.world.shards import PART, ShardWriter, read_shard
from training.world.sketch import sketch_glb
from training.world.thing import article
from training.world.views import CLOSE_UP_SHARE

CAMERAS, SIZE = 2, 128
OBJECTS_OF_A_SHARD = 20
MEDIUM = "a sketch of"
PAINT = (0.85, 0.0)  # roughness and metallic of strokes in colour


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes what is missing; returns the process's exit status."""
    options = _parse(arguments)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    for part in options.out.glob(f"*{PART}"):
        part.unlink()  # of a run that was killed
    groups: dict[int, dict[int, str]] = defaultdict(dict)
    for number, kind in rendered(options.world).items():
        groups[number // OBJECTS_OF_A_SHARD][number] = kind
    paths = {first: options.out / f"sketches-{first * OBJECTS_OF_A_SHARD:09d}.tar" for first in sorted(groups)}
    missing = [first for first, path in paths.items() if not path.exists()][: options.shards]
    card = read_card(EMBEDDED / "prior.json")
    for first in countdown(missing, "sketch renders"):
        with ShardWriter(paths[first]) as shard:
            for number, kind in sorted(groups[first].items()):
                add_object(shard, number, kind, card)
    return 0


def rendered(world: Path) -> dict[int, str]:
    """Number → kind of the objects in a folder of shards, without those that training must not see."""
    found: dict[int, str] = {}
    for path in sorted(world.glob("*.tar")):
        cards = (json.loads(sample["json"]) for _, sample in read_shard(path) if "json" in sample)
        found.update({card["object"]: card["kind"] for card in cards if split(card) == "train"})
    return found


def add_object(shard: ShardWriter, number: int, kind: str, card: PriorCard) -> None:
    """An object's sketch from some cameras, each time as clay and in colour."""
    thing = KINDS[kind](object_dice(number))
    mesh = read_strokes(sketch_glb(thing.model.normalised(), sketch_dice(number)))
    words = {
        "phrase": thing.phrase,
        "color": thing.color,
        "material": thing.material,
    }
    bare = {"phrase": article(kind), "color": None, "material": None}
    renderer = make_renderer("numba")
    for index, (view, light, word) in enumerate(cameras(number, mesh, card)):
        known = {"object": number, "kind": kind, "view": word, "scene": "", "medium": MEDIUM, "transparent": True}
        for look, colored in enumerate((False, True)):
            picture = draw_strokes(renderer, mesh, view, light, SIZE, colored)
            said = words if colored else bare
            shard.add_view(
                number, 2 * index + look, picture,
                {**known, **said, "caption": caption(str(said["phrase"]), word, "", MEDIUM), **camera_card(view)},
            )  # fmt: skip


def read_strokes(glb: bytes) -> Mesh:
    """A sketch's strokes as the product reads them, in the working frame."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sketch.glb"
        file.write_bytes(glb)
        return read_sketch(file).mesh


def cameras(number: int, mesh: Mesh, card: PriorCard) -> Iterator[tuple[View, Light, str]]:
    """Views of one object, with a light and a word for each."""
    generator = torch.Generator().manual_seed(number)
    aims = torch.from_numpy(mesh.vertices)
    views = sample_views(CAMERAS, camera_ranges(card, CLOSE_UP_SHARE), generator, aims)
    for view, camera in zip(views, camera_positions(views), strict=True):
        word = view_word(card, view.azimuth, view.elevation, view.close_up)
        yield view, sample_light(camera, generator, card.exposure), word


@torch.no_grad()
def draw_strokes(renderer: Rasterizer, mesh: Mesh, view: View, light: Light, size: int, colored: bool) -> Image.Image:
    """Strokes (working frame, vertex colours) from both sides, RGBA."""
    side = size * SAMPLES
    vertices, faces = torch.from_numpy(mesh.vertices), torch.from_numpy(mesh.faces)
    rast = renderer.rasterize(to_clip(vertices, clip_from_work([view])), faces, (side, side))
    hit = rast[0, ..., 3] > 0
    colors = mesh.colors if mesh.colors is not None else np.full_like(mesh.vertices, 0.5)
    normals = vertex_normals(mesh.vertices, mesh.faces)
    attributes = torch.from_numpy(np.concatenate([mesh.vertices, normals, colors], axis=1, dtype=np.float32))[None]
    seen = renderer.interpolate(attributes, rast, faces)[0][hit]
    flat = torch.from_numpy(face_normals(mesh.vertices, mesh.faces))[rast[0, ..., 3][hit].long() - 1]
    to_camera = F.normalize(camera_positions([view]) - seen[:, :3], dim=1)
    material = seen.new_tensor(CLAY).expand(len(seen), 5)
    if colored:
        material = torch.cat([seen[:, 6:], seen.new_tensor(PAINT).expand(len(seen), 2)], dim=1)
    canvas = torch.zeros(side, side, 4)
    canvas[hit, :3] = shade(material, _towards(seen[:, 3:6], flat, to_camera), to_camera, light).clamp(0, 1)
    canvas[hit, 3] = 1
    canvas = F.avg_pool2d(canvas.permute(2, 0, 1)[None], SAMPLES)[0].permute(1, 2, 0)
    return straight(canvas[..., :3], canvas[..., 3])


def _towards(normals: Tensor, flat: Tensor, to_camera: Tensor) -> Tensor:
    """Unit normals [N, 3] on the camera's side; a strand of the faces' own decides where smooth ones cancel out,
    as on doubled ribbons."""
    normals = F.normalize(normals + 1e-3 * flat, dim=1)
    away = (normals * to_camera).sum(dim=1, keepdim=True) < 0
    return torch.where(away, -normals, normals)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", type=Path, default=Path("data/world"), help="folder of the world's shards")
    parser.add_argument("--out", type=Path, default=Path("data/sketch_renders"), help="folder of the shards")
    parser.add_argument("--shards", type=int, help="make at most so many now")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

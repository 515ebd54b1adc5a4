"""A pipeline for a real server: the fast one of tests/server/fake_pipeline.py, whose result is as large as the preset
"high" lets one be: 200,000 triangles with 4096 x 4096 textures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import trimesh
from PIL import Image
from trimesh.exchange.gltf import export_glb
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from realify.job.atomic import write_atomic
from server.worker.protocol import Message, Order
from tests.server import fake_pipeline
from tests.server.fake_pipeline import Warm, warm_up

__all__ = ["run", "warm_up"]
ROUND, ACROSS = 500, 200  # a torus has 2 triangles for each of ROUND x ACROSS
PIXELS = 4096


def run(order: Order, tell: Callable[[Message], None], should_stop: Callable[[], bool], warm: Warm) -> None:
    """The fast pipeline; its result is replaced before the job is done."""
    fake_pipeline.run(order, tell, should_stop, warm)
    write_atomic(order.folder / "result.glb", torus())


def torus() -> bytes:
    """A GLB."""
    mesh = trimesh.creation.torus(0.7, 0.25, major_sections=ROUND, minor_sections=ACROSS)
    angles = np.arctan2(mesh.vertices[:, 1], mesh.vertices[:, 0]) / (2 * np.pi) + 0.5
    uv = np.stack([angles, mesh.vertices[:, 2] * 2 + 0.5], axis=1)
    rows, columns = np.mgrid[:PIXELS, :PIXELS]
    stripes = np.stack([rows % 256, columns % 256, (rows + columns) // 16 % 256], axis=-1).astype(np.uint8)
    picture = Image.fromarray(stripes)
    material = PBRMaterial(baseColorTexture=picture, metallicRoughnessTexture=picture, roughnessFactor=0.8)
    mesh.visual = TextureVisuals(uv=uv, material=material)
    return export_glb(trimesh.Scene(mesh))

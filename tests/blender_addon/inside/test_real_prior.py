"""The whole way with the embedded prior and the real pipeline, small: three kinds of sketch, one of them cancelled."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import bpy
import numpy as np

from tests.blender_addon.inside import sketches
from tests.blender_addon.inside.test_run import begin

SMALL = (
    "device=cpu fit.grid=32 fit.resolution=96 fit.steps=60 render.views=1 stage1.steps=6 stage2.steps=3 "
    "output.texture_size=1024 output.faces=2000 checkpoint.preview_every=3"
)
CELL = 2 / 32 / 0.9  # of the grid, beside half the sketch's diagonal


def test_real_jobs_stand_where_their_sketches_stood(
    new_server: Any, use: Any, runtime: ModuleType, wait: Any
) -> None:
    use(new_server("--warm-prior", "embedded"))
    drawn = [sketches.wedge(), sketches.curve(), sketches.drawing()]
    for number, sketch in enumerate(drawn):
        sketch.location, sketch.rotation_euler = (4.0 * number, 1, 2), (0, 0, 0.5)
        sketch.realify.preset, sketch.realify.more, sketch.realify.radius = "draft", SMALL, 0.12
    bpy.context.view_layer.update()
    stood = [sketches.world_points(sketch) for sketch in drawn]
    jobs = [begin(runtime, sketch, "a photo of a wooden chair") for sketch in drawn]
    doomed = begin(runtime, drawn[0], "a photo of a red apple")
    wait(lambda: doomed.id, "job to cancel")
    bpy.ops.realify.cancel(key=doomed.key)
    stages = set()

    def look() -> bool:
        stages.update(job.stage for job in jobs)
        return all(job.phase in ("done", "failed", "dead") for job in jobs)

    wait(look, "results", 600)
    assert [job.phase for job in jobs] == ["done"] * 3 and doomed.phase == "cancelled"
    assert {"fit", "stage1", "stage2"} <= stages
    for sketch, box in zip(drawn, stood, strict=True):
        result = sketch.realify.result
        points, size = sketches.world_points(result), np.linalg.norm(np.ptp(box, axis=0))
        near = 1.5 * CELL * size / 2 + (0.15 if sketch.type != "MESH" else 0)  # a tube is thicker than its line
        assert np.abs(points.min(axis=0) - box.min(axis=0)).max() < near, sketch.name
        assert np.abs(points.max(axis=0) - box.max(axis=0)).max() < near, sketch.name
        principled = result.data.materials[0].node_tree.nodes["Principled BSDF"]
        assert principled.inputs["Base Color"].is_linked and len(result.data.uv_layers) == 1

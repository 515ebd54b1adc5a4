"""The main job as a user starts it, `realify run` on the mushroom with the preset draft: its time, its memory
and its result. `python -m benchmarks.main_job [--quick]`

It runs in a process of its own as `make demo` starts it, with nothing compiled before. The memory is the
largest sum of resident sets over the process and its children, looked at ten times a second. Silhouettes are
compared as docs/conventions.md says, with the GLB read back; watertight is meant with equal vertices
merged.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch
import trimesh

from benchmarks.workshop import PROMPTS, SKETCHES, example
from benchmarks.yardstick import markdown, yardstick_ms
from realify.result.measures import is_closed_manifold
from sdf_fit.measures import silhouette_iou
from sdf_fit.mesh import Mesh
from sdf_fit.render.numba import NumbaRasterizer

HEADER = ["realify run mushroom.glb --preset draft", "measured", "target"]
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}  # as in the Makefile
QUICK = ["--set", "fit.steps=20", "--set", "stage1.steps=4", "--set", "stage2.steps=4"]
NAME = "mushroom"


def run_job(folder: Path, options: list[str]) -> tuple[Path, float, float]:
    """The GLB, the seconds and the peak of resident memory in GiB. Raises CalledProcessError."""
    out = folder / f"{NAME}.glb"
    command = [sys.executable, "-c", "from realify.commands.cli import main; main()", "run", str(SKETCHES / out.name)]
    command += ["--prompt", PROMPTS[NAME], "-o", str(out), "--preset", "draft", *options]
    environment = os.environ | ONE_THREAD | {"NUMBA_CACHE_DIR": str(folder / "compiled")}
    peak, start = 0, time.perf_counter()
    with (folder / "output.txt").open("w+") as output:
        with subprocess.Popen(command, env=environment, stdout=output, stderr=output) as job:
            process = psutil.Process(job.pid)
            while job.poll() is None:
                peak = max(peak, _resident(process))
                time.sleep(0.1)
        seconds = time.perf_counter() - start
        if job.returncode:
            output.seek(0)
            raise subprocess.CalledProcessError(job.returncode, command, output.read())
    return out, seconds, peak / 2**30


def _resident(process: psutil.Process) -> int:
    """Bytes in the memory of a process and all its descendants; those that end meanwhile count nothing."""
    total = 0
    try:
        for each in (process, *process.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def read_result(glb: Path) -> Mesh:
    """The mesh of a GLB in its own frame, vertices of equal place merged."""
    scene = trimesh.load_scene(glb)
    found = scene.to_mesh()
    vertices, index = np.unique(np.asarray(found.vertices, np.float32), axis=0, return_inverse=True)
    return Mesh(vertices, index.reshape(-1)[found.faces].astype(np.int32))


def rows(options: list[str]) -> list[list[str]]:
    """Rows under HEADER; the yardstick comes last."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        glb, seconds, memory = run_job(Path(folder), options)
        result = read_result(glb)
        megabytes = glb.stat().st_size / 1e6
    sketch = example(NAME)
    body = result.transformed(np.linalg.inv(sketch.world_from_work))
    iou = silhouette_iou(body, sketch, NumbaRasterizer())
    return [
        ["minutes, nothing compiled before", f"{seconds / 60:.2f}", "≤ 4"],
        ["peak memory, GiB", f"{memory:.2f}", "≤ 4"],
        ["silhouette IoU with the sketch", f"{iou:.3f}", "≥ .85"],
        ["watertight", "yes" if is_closed_manifold(result.faces) else "NO", "yes"],
        ["triangles; size of the GLB", f"{len(result.faces)}; {megabytes:.1f} MB", ""],
        ["yardstick: 1024³ float32 product, ms", f"{yardstick_ms():.1f}", ""],
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few steps: only to see that it runs")
    quick = parser.parse_args().quick
    note = ", QUICK: not the figures" if quick else ""
    print(markdown([HEADER[0] + note, *HEADER[1:]], rows(QUICK if quick else [])))

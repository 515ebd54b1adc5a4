"""The end-to-end figure measures what it says, and its objects are whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from benchmarks.realism.features import untrained
from benchmarks.realism.figures import Evidence, Row, rows
from benchmarks.realism.make_set import PHRASES, REFERENCES, VIEWS
from benchmarks.realism.objects import FOLDER, TestObject, read_objects
from benchmarks.realism.report import table
from benchmarks.realism.result import Outcome, f_score, in_work, photograph, read_mesh, seen_points
from benchmarks.realism.runs import ARMS, plan, quick
from realify.bake import Textures
from realify.settings import preset
from realify.unwrap import UnwrappedMesh
from sdf_fit.mesh import Mesh
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.render.shading import STUDIO
from sdf_fit.sketch import read_sketch
from tests.realify.bodies import ring, surface

OBJECTS = {thing.kind: thing for thing in read_objects()}
MEGABYTES = 4
FURTHER = (
    "KID, untrained features",
    "KID by object, untrained features",
    "Fréchet distance, untrained features",
    "C2ST accuracy, untrained features",
    "saturation gap",
    "spectrum gap, dB",
)


def test_the_set_is_whole_and_small() -> None:
    assert {kind: thing.phrase for kind, thing in OBJECTS.items()} == PHRASES
    for thing in OBJECTS.values():
        assert len(thing.views) == len(thing.renders) == VIEWS
        assert len(thing.references) == VIEWS * REFERENCES
        covered = (thing.renders[..., 3] > 127).mean(axis=(1, 2))
        assert ((covered > 0.01) & (covered < 0.8)).all()
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < MEGABYTES * 2**20


@pytest.mark.parametrize("kind", ["mug", "house"])
def test_results_are_seen_from_where_the_renders_were_taken(kind: str) -> None:
    """The true mesh, photographed as a result is, covers what the render covers."""
    thing = OBJECTS[kind]
    sketch = read_sketch(thing.sketch)
    true = read_mesh(thing.mesh).transformed(np.linalg.inv(sketch.world_from_work))
    flat = np.full((4, 4, 3), 128, np.uint8)
    mesh = UnwrappedMesh(
        true.vertices, true.faces, np.zeros((len(true.vertices), 2), np.float32), np.arange(len(true.vertices))
    )
    views = [in_work(view, sketch) for view in thing.views[:4]]
    pictures = photograph(mesh, Textures(flat, flat), views, [STUDIO] * 4, 128, NumbaRasterizer())
    have, want = pictures[..., 3] > 127, thing.renders[:4, ..., 3] > 127
    assert ((have & want).sum(axis=(1, 2)) / (have | want).sum(axis=(1, 2)) > 0.97).all()


def test_the_f_score_counts_what_is_seen() -> None:
    renderer, body = NumbaRasterizer(), surface(ring, 24)
    assert f_score(body, body, 0.03, renderer) > 0.99
    moved = Mesh(body.vertices + np.array([0.2, 0, 0], np.float32), body.faces)
    assert f_score(moved, body, 0.03, renderer) < 0.7
    assert (np.linalg.norm(seen_points(ball_within_ball(), renderer, 0), axis=1) > 0.6).all()


def ball_within_ball() -> Mesh:
    ball = surface(lambda points: np.linalg.norm(points, axis=1) - 0.8, 16)
    vertices = np.concatenate([ball.vertices, ball.vertices * 0.4])
    return Mesh(vertices, np.concatenate([ball.faces, ball.faces + len(ball.vertices)]))


def test_both_arms_have_equal_steps_and_folders_of_their_own() -> None:
    runs = plan([OBJECTS["mug"], OBJECTS["fish"]], range(2), preset("draft"))
    assert {run.settings.sds.steps + run.settings.bridge.steps for run in runs} == {400}
    assert {run.settings.bridge.steps for run in runs if run.arm == "sds"} == {0}
    assert len({run.folder for run in runs}) == 8
    again = plan([OBJECTS["mug"]], range(1), preset("draft"))
    assert again[0].folder == runs[0].folder
    other = plan([OBJECTS["mug"]], range(1), quick(preset("draft")))
    assert other[0].folder != runs[0].folder


def outcome(pictures: np.ndarray, iou: float = 0.9) -> Outcome:
    return Outcome(pictures, np.zeros((256, 256, 3), np.uint8), iou, 0.5, 1.0)


def blurred_and_loud(pictures: np.ndarray) -> np.ndarray:
    """What distillation does wrong."""
    colors = ndimage.uniform_filter(pictures[..., :3].astype(float), 9, axes=(1, 2))
    middle = colors.mean(axis=3, keepdims=True)
    colors = np.clip(middle + 2.5 * (colors - middle), 0, 255)
    return np.concatenate([colors.astype(np.uint8), pictures[..., 3:]], axis=3)


def few(thing: TestObject) -> TestObject:
    """With fewer pictures, for speed."""
    one = replace(thing)
    one.__dict__["renders"], one.__dict__["references"] = thing.renders, thing.references[::2]
    return one


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, str], Row]:
    """Figures of two seeds, where "sds" spoils the renders and "bridge" is as good as they are."""
    things = [few(OBJECTS[kind]) for kind in ("mug", "chair", "fish")]
    spoilt = [[outcome(blurred_and_loud(thing.renders)) for thing in things]] * 2
    perfect = [[outcome(thing.renders, iou=0.95) for thing in things]] * 2
    evidence = Evidence(things, dict(zip(ARMS, (spoilt, perfect), strict=True)))
    return {(row.name, row.pixels): row for row in rows(evidence, [], untrained()[:1])}


def test_the_floor_is_what_renders_reach(found) -> None:
    for row in found.values():
        if row.renders is not None:
            assert row.arms["bridge"] == pytest.approx(np.broadcast_to(row.renders, row.arms["bridge"].shape))


@pytest.mark.parametrize("pixels", ["64", "128"])
@pytest.mark.parametrize("name", FURTHER)
def test_what_is_spoilt_lies_further_from_renders(found, name: str, pixels: str) -> None:
    row = found[name, pixels]
    assert row.arms["sds"].mean() > row.arms["bridge"].mean()


def test_the_table_tells_which_arm_is_better(found) -> None:
    lines = {line.split("|")[1].strip(): line for line in table(list(found.values())).splitlines()}
    assert lines["silhouette IoU with the sketch"].rstrip("| ").endswith("6 of 6")
    assert "+0.050 ± 0.000" in lines["silhouette IoU with the sketch"]

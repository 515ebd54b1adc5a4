"""The end-to-end figure measures what it says, and its objects are whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from benchmarks.prior.features import untrained
from benchmarks.realism import __main__ as command
from benchmarks.realism.arms import ARMS
from benchmarks.realism.figures import Evidence, Row, rows
from benchmarks.realism.make_set import PHRASES, REFERENCES, VIEWS
from benchmarks.realism.objects import FOLDER, TestObject, read_objects
from benchmarks.realism.report import goals, page, sheet, table
from benchmarks.realism.result import Outcome, f_score, in_work, read_mesh, render_result, seen_points
from benchmarks.realism.runs import ROOT, plan, quick, shaping
from realify.result.bake import Textures
from realify.result.unwrap import UnwrappedMesh
from realify.settings import preset
from sdf_fit.mesh import Mesh
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.render.shading import STUDIO
from sdf_fit.sketch.read import read_sketch
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
    pictures = render_result(mesh, Textures(flat, flat), views, [STUDIO] * 4, 128, NumbaRasterizer())
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
    runs = plan([OBJECTS["mug"], OBJECTS["fish"]], range(2), preset("draft"), ["sds", "bridge"])
    assert {run.settings.stage1.steps + run.settings.stage2.steps for run in runs} == {400}
    assert {run.settings.stage2.steps for run in runs if run.arm == "sds"} == {0}
    assert len({run.folder for run in runs}) == 8
    again = plan([OBJECTS["mug"]], range(1), preset("draft"), ["sds"])
    assert again[0].folder == runs[0].folder
    other = plan([OBJECTS["mug"]], range(1), quick(preset("draft")), ["sds"])
    assert other[0].folder != runs[0].folder


def test_only_the_third_arm_samples() -> None:
    steps = {name: arm.settings_of(preset("standard")).sample.steps for name, arm in ARMS.items()}
    assert steps == {"sds": 0, "bridge": 0, "sampled": 24}
    assert ARMS["sampled"].settings_of(preset("draft")).stage2.steps == preset("draft").stage2.steps > 0


def test_arms_are_chosen_in_their_own_order() -> None:
    assert command._arms("bridge,sds") == ["sds", "bridge"] and command._arms(None) == ["sds", "bridge", "sampled"]
    with pytest.raises(SystemExit, match="no arm bridges; there are sds, bridge, sampled"):
        command._arms("bridges")


def test_what_shapes_a_result_counts_in_sub_folders_too() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in shaping()}
    assert {"distill/priors/guide_head.py", "sdf_fit/render/shading.py", "realify/stages/control_images.py"} <= files
    assert not {"realify/commands/cli.py", "realify/images/run.py", "realify/settings.py"} & files


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
    return {(row.name, row.pixels): row for row in rows(evidence(), [], untrained()[:1])}


def evidence() -> Evidence:
    things = [few(OBJECTS[kind]) for kind in ("mug", "chair", "fish")]
    spoilt = [[outcome(blurred_and_loud(thing.renders)) for thing in things]] * 2
    perfect = [[outcome(thing.renders, iou=0.95) for thing in things]] * 2
    return Evidence(things, {"sds": spoilt, "bridge": perfect})


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


def test_a_table_has_as_many_arms_as_there_are(found) -> None:
    alone = [replace(row, arms={"sds": row.arms["sds"]}) for row in found.values()]
    assert table(alone).splitlines()[0] == "| measure | pixels | better | SDS | renders |"
    three = [replace(row, arms=dict(row.arms) | {"sampled": row.arms["sds"]}) for row in found.values()]
    head = table(three).splitlines()[0]
    assert head.endswith("| bridge − sds | bridge better | sampled − bridge | sampled better |")
    lines = {line.split("|")[1].strip(): line for line in table(three).splitlines()}
    assert lines["silhouette IoU with the sketch"].rstrip("| ").endswith("0 of 6")


def row(name: str, pixels: str, sds: float, bridge: float) -> Row:
    return Row(name, pixels, "lower", {"sds": np.full((1, 1), sds), "bridge": np.full((1, 1), bridge)})


def test_goals_are_those_of_the_last_arm() -> None:
    figures = [
        row("KID, classifier features", "64", 0.3, 0.2),
        row("KID, classifier features", "128", 0.9, 0.9),
        row("C2ST accuracy, classifier features", "64", 0.6, 0.65),
        row("agreement on the kind (6 objects)", "64", 0.9, 0.7),
        row("spectrum gap, dB", "64", 2.0, 1.7),
        row("silhouette IoU with the sketch", "", 0.9, 0.95),
    ]
    met = {goal.name: goal.met for goal in goals(figures)}
    assert met == {
        "KID, classifier features, 64 pixels": True,
        "agreement on the kind, 64 pixels": False,
        "spectrum gap, dB, 64 pixels": True,
        "silhouette IoU with the sketch": True,
        "KID, classifier features: bridge against SDS": True,
        "C2ST accuracy, classifier features: bridge against SDS": False,
    }
    alone = [replace(figures[0], arms={"sds": figures[0].arms["sds"]})]
    assert [goal.met for goal in goals(alone)] == [False]


def test_page_and_sheet_take_up_what_there_is(found) -> None:
    shown = evidence()
    text = page([("embedded", list(found.values()))], shown, preset("draft"), "draft")
    assert "by score distillation alone (SDS), once by score distillation and the bridge; 400 steps" in text
    assert "| goal | found | wanted | met |" in text and "decisions/tone.md" in text
    one = Evidence(shown.things, {"sds": shown.outcomes["sds"]})
    assert sheet(shown).width - sheet(one).width == 256

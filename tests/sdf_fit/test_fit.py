"""The fit: a closed body where the sketch is, in its colours; and the loop that distillation shares."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from realify.result.measures import face_volumes, is_closed_manifold
from sdf_fit.body.body import Body, LostSurfaceError, Shape
from sdf_fit.body.fields import MaterialField, SdfGrid
from sdf_fit.body.losses import NonFiniteError
from sdf_fit.extract import make_extractor
from sdf_fit.extract.tets import TetGrid
from sdf_fit.fit import fit_sketch, optimise
from sdf_fit.measures import precision_recall
from sdf_fit.mesh import Mesh
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.render.shading import linear_to_srgb
from sdf_fit.render.surface import Surface
from sdf_fit.sketch.read import Sketch
from tests.sdf_fit.shapes import ball, box, grid_points, painted, together

RENDERER = NumbaRasterizer()
AXES = np.array([0.6, 0.8, 0.6], np.float32)
RED, BLUE = (0.6, 0.02, 0.01), (0.02, 0.03, 0.5)


def ribbons(count: int = 12) -> Mesh:
    """Open bands with gaps around an egg of half axes .6, .8, .6: red above, blue below."""
    angle = np.linspace(0, 2 * np.pi, 49)
    bands = []
    for k in range(count):
        low, high = (np.pi * (k + share) / count - np.pi / 2 for share in (0.12, 0.88))
        rings = [
            np.stack([np.cos(t) * np.sin(angle), np.full(49, np.sin(t)), np.cos(t) * np.cos(angle)], 1)
            for t in (low, (low + high) / 2, high)
        ]
        i = np.arange(48)
        quads = [np.stack([i, i + 1, i + 49], 1), np.stack([i + 1, i + 50, i + 49], 1)]
        faces = np.concatenate([quad + 49 * row for row in (0, 1) for quad in quads])
        band = Mesh((np.concatenate(rings) * AXES).astype(np.float32), faces.astype(np.int32))
        bands.append(painted(band, RED if k >= count // 2 else BLUE))
    return together(*bands)


def egg() -> Mesh:
    whole = ball(4, 1.0)
    return Mesh(whole.vertices * AXES, whole.faces)


OnStep = Callable[[int, float], None]


def nothing(step: int, loss: float) -> None:
    """Told of a step, it does nothing."""


def fit(
    seed: int = 0, grid: int = 32, steps: int = 40, resolution: int = 96, on_step: OnStep = nothing
) -> Body:
    sketch, extractor = Sketch(ribbons(), np.eye(4), 0.16, (), "egg"), make_extractor("tets", grid)
    return fit_sketch(
        sketch, RENDERER, extractor, steps=steps, resolution=resolution, seed=seed, on_step=on_step
    )


@pytest.fixture(scope="module")
def losses() -> list[float]:
    return []


@pytest.fixture(scope="module")
def body(losses: list[float]) -> Body:
    steps: list[int] = []

    def on_step(step: int, loss: float) -> None:
        steps.append(step)
        losses.append(loss)

    fitted = fit(on_step=on_step)
    assert steps == list(range(40))
    return fitted


def test_ribbons_become_a_closed_body(body: Body, losses: list[float]) -> None:
    mesh = body.mesh()
    assert is_closed_manifold(mesh.faces)
    precision, recall = precision_recall(mesh, egg())
    assert precision > 0.97 and recall > 0.97
    volume = face_volumes(mesh.vertices, mesh.faces).sum()
    assert volume == pytest.approx(4 / 3 * np.pi * 0.6 * 0.8 * 0.6, rel=0.03)
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:3])


def test_the_sketchs_colours_arrive(body: Body) -> None:
    """Red above, blue below, in sRGB to a few hundredths, next to the border too."""
    points = body.surface().vertices.detach()
    colors = linear_to_srgb(body.material(points)[:, :3].detach())
    red, blue = (linear_to_srgb(torch.tensor(color)) for color in (RED, BLUE))
    above, below = colors[points[:, 1] > 0.05], colors[points[:, 1] < -0.05]
    assert (above - red).abs().mean() < 0.05 and (below - blue).abs().mean() < 0.05
    assert (above - red).norm(dim=1).quantile(0.95) < 0.3
    mesh = body.mesh()
    assert mesh.colors is not None
    top = mesh.colors[mesh.vertices[:, 1].argmax()]
    np.testing.assert_allclose(top, RED, atol=0.1)


def test_one_seed_gives_one_body() -> None:
    one, again, other = (fit(seed, grid=16, steps=5, resolution=32) for seed in (3, 3, 4))
    for name, value in one.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    assert not torch.equal(one.shape.sdf.values, other.shape.sdf.values)


def test_a_state_gives_the_body_back(body: Body) -> None:
    state = {name: tensor.clone() for name, tensor in body.state_dict().items()}
    back = Body.from_state(state, make_extractor("tets", 32), "cpu")
    mesh, same = body.mesh(), back.mesh()
    assert mesh.colors is not None and same.colors is not None
    for ours, theirs in (
        (mesh.vertices, same.vertices),
        (mesh.faces, same.faces),
        (mesh.colors, same.colors),
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_the_fit_mends_a_wrong_start() -> None:
    """A hollow that carving cannot see into from two votes still ends at the sketch's depth: a bowl."""
    bowl = together(box((1.2, 0.12, 1.2), (0, -0.4, 0)), *(
        box(size, at) for size, at in (
            ((0.12, 0.8, 1.2), (-0.54, 0, 0)), ((0.12, 0.8, 1.2), (0.54, 0, 0)),
            ((1.2, 0.8, 0.12), (0, 0, -0.54)), ((1.2, 0.8, 0.12), (0, 0, 0.54)),
        )
    ))  # fmt: skip
    sketch = Sketch(bowl, np.eye(4), 0.1, (), "bowl")
    mesh = fit_sketch(sketch, RENDERER, make_extractor("tets", 32), steps=40, resolution=96).mesh()
    assert is_closed_manifold(mesh.faces)
    inside = mesh.vertices[(np.abs(mesh.vertices[:, [0, 2]]) < 0.3).all(1)]
    floor = inside[inside[:, 1] > -0.42]
    assert len(floor) > 20 and np.abs(floor[:, 1] + 0.34).max() < 0.06


class CountingGrid(TetGrid):
    """Counts how often the surface is extracted."""

    count = 0

    def extract(self, values: Tensor) -> tuple[Tensor, Tensor]:
        self.count += 1
        return super().extract(values)


def shape_of_a_ball(radius: float = 0.6) -> Shape:
    values = grid_points(16).norm(dim=-1) - radius
    return Shape(SdfGrid.from_values(values), torch.full((17, 17, 17), torch.inf), CountingGrid(16))


def run(
    shape: Shape,
    image_loss: Callable[[Surface, int], Tensor],
    steps: int = 6,
    lr: float = 0.01,
    on_step: OnStep = nothing,
) -> None:
    optimiser = torch.optim.Adam([{"params": [shape.sdf.values], "name": "shape"}], lr=lr)
    optimise(shape, image_loss, no_regulariser, optimiser, range(steps), on_step)


def no_regulariser(surface: Surface, values: Tensor, step: int) -> Tensor:
    return 0 * values.sum()


def size_of(surface: Surface, step: int) -> Tensor:
    return surface.vertices.square().sum(1).mean()


def test_the_loop_descends_and_counts() -> None:
    shape, seen = shape_of_a_ball(), list[tuple[int, float]]()
    run(shape, size_of, on_step=lambda step, value: seen.append((step, value)))
    assert [step for step, _ in seen] == list(range(6))
    assert all(later < before for (_, before), (_, later) in itertools.pairwise(seen))


def test_between_extractions_the_shape_stands_still() -> None:
    shape, values = shape_of_a_ball(), []
    material = MaterialField([4], surface=shape.surface().vertices)
    optimiser = torch.optim.Adam(
        [
            {"params": [shape.sdf.values], "name": "shape"},
            {"params": list(material.parameters()), "name": "material"},
        ],
        lr=0.01,
    )
    assert isinstance(shape.extractor, CountingGrid)
    shape.extractor.count = 0

    def image_loss(surface: Surface, step: int) -> Tensor:
        assert surface.vertices.requires_grad is (step % 3 == 0)
        return size_of(surface, step) + material(surface.vertices).sum()

    def on_step(step: int, loss: float) -> None:
        values.append((shape.sdf.values.detach().clone(), material.grid.features.detach().clone()))

    optimise(shape, image_loss, no_regulariser, optimiser, range(7), on_step, every=3)
    assert shape.extractor.count == 3  # before steps 0, 3 and 6
    moved = [not torch.equal(a[0], b[0]) for a, b in itertools.pairwise(values)]
    assert moved == [False, False, True, False, False, True]
    assert all(not torch.equal(a[1], b[1]) for a, b in itertools.pairwise(values))


def test_a_loss_that_is_no_number_stops_with_its_step() -> None:
    with pytest.raises(NonFiniteError, match="the loss of step 3 is nan"):
        run(shape_of_a_ball(), lambda surface, step: size_of(surface, step) * (torch.nan if step == 3 else 1))


def test_a_gradient_that_is_no_number_stops_with_its_step() -> None:
    shape = shape_of_a_ball()

    def image_loss(surface: Surface, step: int) -> Tensor:
        radius = (surface.vertices * (0.0 if step == 2 else 1.0)).norm(dim=1)  # has no slope at zero
        return radius.sqrt().sum()

    before: list[Tensor] = []
    with pytest.raises(NonFiniteError, match="the gradient of the shape is not finite at step 2") as caught:
        run(shape, image_loss, on_step=lambda *_: before.append(shape.sdf.values.detach().clone()))
    assert len(before) == 2 and torch.equal(shape.sdf.values, before[-1])  # the step was not taken
    assert "geometry.lr" in caught.value.fix


def test_a_body_that_is_lost_is_told() -> None:
    with pytest.raises(LostSurfaceError, match="no surface left") as caught:
        run(shape_of_a_ball(0.2), size_of, steps=50, lr=0.1)
    assert "geometry.lr" in caught.value.fix


def test_the_bound_holds_whatever_the_loss_wants() -> None:
    shape = shape_of_a_ball()
    shape.bound[:] = grid_points(16).norm(dim=-1) - 0.5
    run(shape, size_of, steps=60, lr=0.02)
    assert (shape.sdf.values <= shape.bound).all()
    assert shape.surface().vertices.norm(dim=1).min() > 0.45

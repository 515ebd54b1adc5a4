"""Two films: what is seen at each quarter-turn, that light multiplies, and that both films learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distill.images.overlay import INK, RotatedOverlays, overlays, random_films, to_linear, to_srgb
from distill.images.picture import PromptedPicture
from distill.priors.gaussian import GaussianPrior
from distill.prompts import PromptPair, embed_pairs
from distill.rules.sds import SDS
from distill.rules.stage import StagePlan, StageRun
from distill.schedule import TimestepRange, TimestepSchedule
from tests.distill.gaussian import schedule

SIDE = 8
NAMES = "abcd"


def films(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    return random_films(SIDE, torch.Generator().manual_seed(seed))


def prior_of(seen: torch.Tensor) -> GaussianPrior:
    """The prior whose prompts "a" to "d" mean the four pictures [4, H, H, 3]."""
    means = dict(zip(NAMES, seen.permute(0, 3, 1, 2) * 2 - 1, strict=True))
    return GaussianPrior(lambda prompt: means.get(prompt, torch.zeros(3, SIDE, SIDE)), 0.1, schedule())


def run_on(prior: GaussianPrior, steps: int) -> tuple[RotatedOverlays, StageRun]:
    generator = torch.Generator().manual_seed(0)
    picture = RotatedOverlays(prior, *random_films(SIDE, generator))
    prompts = embed_pairs(prior, [PromptPair(name, "") for name in NAMES])
    times = TimestepRange(0.02, 0.98)
    plan = StagePlan("sds", steps, SDS(1.0, "uniform"), TimestepSchedule(times, times))
    return picture, StageRun(plan, PromptedPicture(picture, prompts, 0.02), prior, generator)


def test_srgb_and_light_are_inverse() -> None:
    values = torch.linspace(0, 1, 101)
    assert torch.allclose(to_srgb(to_linear(values)), values, atol=1e-6)
    assert to_linear(torch.tensor(0.5)) == pytest.approx(0.21404, abs=1e-4)  # the standard's midtone


def test_the_rotator_turns_counter_clockwise() -> None:
    """A dark corner, top left, goes down the left side first."""
    rotator = torch.ones(SIDE, SIDE, 3)
    rotator[0, 0] = INK
    dark = [
        tuple(np.argwhere(image.mean(-1).numpy() < 0.5)[0]) for image in overlays(torch.ones_like(rotator), rotator)
    ]
    assert dark == [(0, 0), (SIDE - 1, 0), (SIDE - 1, SIDE - 1), (0, SIDE - 1)]


def test_light_goes_through_one_film_and_then_the_other() -> None:
    base, rotator = films(0)
    seen = overlays(base, rotator, brightness=0.01)  # far from saturation
    assert torch.allclose(to_linear(seen[0]), 0.01 * to_linear(base) * to_linear(rotator), rtol=1e-3, atol=1e-6)


def test_brighter_light_is_brighter_and_never_over_white() -> None:
    base, rotator = films(1)
    dim, bright, glaring = (overlays(base, rotator, brightness) for brightness in (1.0, 3.0, 100.0))
    assert (bright > dim).all() and (glaring >= bright).all() and glaring.max() <= 1


def test_every_pixel_of_both_films_has_a_gradient_even_in_ink_and_white() -> None:
    base, rotator = torch.full((SIDE, SIDE, 3), INK), torch.ones(SIDE, SIDE, 3)
    picture = RotatedOverlays(prior_of(overlays(base, rotator)), base, rotator)
    picture.x().sum().backward()
    for film in picture.parameters():
        assert film.grad is not None and film.grad.isfinite().all() and (film.grad > 0).all()


def test_films_stay_printable() -> None:
    picture = RotatedOverlays(prior_of(torch.zeros(4, SIDE, SIDE, 3)), *films(2))
    picture.base.data -= 5
    picture.rotator.data += 5
    picture.project()
    assert (picture.base == INK).all() and (picture.rotator == 1).all()


def test_distillation_finds_films_that_show_all_four_pictures() -> None:
    """Pictures that two films can show are found from other films; what the prior means is what is seen."""
    wanted = overlays(*films(3))
    picture, run = run_on(prior_of(wanted), 500)
    before = (picture.images() - wanted).square().mean().sqrt()
    run.run(lambda size: None)
    after = (picture.images() - wanted).square().mean(dim=(1, 2, 3)).sqrt()
    assert after.max() < 0.25 * before


def test_a_run_goes_on_to_the_very_same_films() -> None:
    prior = prior_of(overlays(*films(4)))
    (whole, first), (_, half), (again, rest) = (run_on(prior, 20) for _ in range(3))
    first.run(lambda size: None)
    state = {}

    def stop_halfway(size: float) -> None:
        if half.step == 11:
            state.update(half.state())
            raise InterruptedError

    with pytest.raises(InterruptedError):
        half.run(stop_halfway)
    rest.restore(state)
    rest.run(lambda size: None)
    for film, same in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(film, same)


def test_films_have_to_be_squares_of_one_size() -> None:
    base, rotator = films(5)
    prior = prior_of(torch.zeros(4, SIDE, SIDE, 3))
    for wrong in (rotator[:-1], rotator[:-1, :-1], rotator[..., :1]):
        with pytest.raises(ValueError, match="square pictures"):
            RotatedOverlays(prior, base, wrong)

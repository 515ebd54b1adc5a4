"""How photographs lie about their guides: `python -m benchmarks.prior.residuals --data data/world/*.tar`

Prints the shares of s² in the bands of the residual (LIGHT and COLOR in distill/priors/guide_head.py), and the v loss
of the closed form with them and of the one that takes every pixel by itself: what a network that has learnt nothing is
worth.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.yardstick import markdown
from distill.controls import KNOWN_DRAWN, spread
from distill.priors.guide_head import COLOR, LIGHT, OPPONENT, band_noise, closed_form, starlet
from training.examples import clean_example
from training.guides import draw_roughness
from training.network import schedule
from training.pictures import Renders, read_renders
from training.validation import SIGMA_LEAST

TIMESTEPS = tuple(range(50, 1000, 100))
INSIDE = 0.5  # a guide that is less sure than this is on the object


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="shards with conditions beside them")
    parser.add_argument("--pictures", type=int, default=96)
    parser.add_argument("--size", type=int, default=128, help="pixels")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    pictures, guides = pairs(read_renders(options.data).of("train"), options.pictures, options.size)
    light, color = band_shares(pictures, guides)
    print("light", [round(share, 4) for share in light], "\ncolor", [round(share, 4) for share in color])
    white = tuple(band_noise(len(LIGHT) - 1, options.size))
    rows = [
        [name, f"{v_loss(pictures, guides, *shares):.4f}"]
        for name, shares in (("every pixel by itself", (white, white)), ("bands", (LIGHT, COLOR)))
    ]
    print(markdown(["closed form", "v loss"], rows))


def pairs(renders: Renders, count: int, size: int) -> tuple[Tensor, Tensor]:
    """Pictures [N, 3, S, S] in -1..1 and guides [N, 7, S, S] as rough as real ones, at full strength."""
    rng = np.random.default_rng(0)
    found = [
        clean_example(renders, int(index), rng, size, rough=draw_roughness(rng, 1.0))
        for index in rng.permutation(len(renders))[:count]
    ]
    pictures = torch.from_numpy(np.stack([framed.image for framed, _ in found])).permute(0, 3, 1, 2)
    return 2 * pictures - 1, torch.from_numpy(np.stack([guide for _, guide in found]))


def band_shares(pictures: Tensor, guides: Tensor) -> tuple[list[float], list[float]]:
    """Of light and of each colour: the residual's variance on the objects in every band over that of a drawn body."""
    inside = guides[:, 3] < INSIDE
    residual = (pictures - (2 * guides[:, :3] - 1)) * inside[:, None]
    turned = torch.einsum("ij,bjhw->bihw", torch.tensor(OPPONENT), residual)
    usual = float(spread(torch.tensor(KNOWN_DRAWN)))
    bands = [band.square() / usual for band in starlet(turned, len(LIGHT) - 1)]
    light = [float(band[:, 0][inside].mean()) for band in bands]
    return light, [float(band[:, 1:].mean(dim=1)[inside].mean()) for band in bands]


def v_loss(pictures: Tensor, guides: Tensor, light: tuple[float, ...], color: tuple[float, ...]) -> float:
    """As training.validation weighs it, over evenly spread timesteps, of the closed form with these shares."""
    noise, generator, losses = schedule(), torch.Generator().manual_seed(0), []
    for timestep in TIMESTEPS:
        t = torch.full((len(pictures),), timestep)
        alpha, sigma = noise.alpha(t), noise.sigma(t)
        x_t = noise.add_noise(pictures, t, torch.randn(pictures.shape, generator=generator))
        v = closed_form(x_t, alpha, sigma, 2 * guides[:, :3] - 1, spread(guides[:, 3:4]), light, color)
        errors = (alpha * x_t - sigma * v - pictures).square() / sigma.clamp(min=SIGMA_LEAST) ** 2
        losses.append(float(errors.mean()))
    return float(np.mean(losses))


if __name__ == "__main__":
    main()

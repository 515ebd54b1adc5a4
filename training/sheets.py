"""Sheets of what a prior draws, to be looked at:
`python -m training.sheets [--prior FOLDER] --out sheet.png [--scales 1.5 3 4.5 7.5]`
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from distill.ddim import sample_ddim
from distill.load import load_prior
from distill.prior import Prior
from training.examples import Example

GUIDED_ROWS = ((0, 1.0, True), (1, 2.0, True), (0, 4.0, True), (0, 3.0, False))  # seed, guidance scale, guided?
SHEET_PROMPTS = (
    "a red apple, white background, front view",
    "a house with a red roof, blue background, front view",
    "a blue ceramic mug, white background, side view",
    "a red mushroom with white spots, green background, side view",
    "a red mushroom, grey background, front view",
    "a red tulip flower, white background, side view",
    "a wooden chair, white background, front view",
    "an orange fish, blue background, side view",
    "a green cactus, beige background, front view",
    "a white vase, pink background, front view",
)


def sample_sheet(
    prior: Prior, prompts: Sequence[str], scales: Sequence[float], path: Path, steps: int = 30, seed: int = 0
) -> None:
    """Two rows of samples for each guidance scale: with the quality words, and with the ten descriptors.

    `prompts` leave out the prior's prefix ("a photo of"). All share one noise a column.
    """
    card = prior.card
    rows = []
    unconditional = prior.embed([""])
    for scale in scales:
        for suffix in (card.target_suffix, card.source_suffix):
            embeds = prior.embed([card.prefix + prompt + suffix for prompt in prompts])
            x = sample_ddim(prior, embeds, unconditional, torch.Generator().manual_seed(seed), steps, scale)
            rows.append(np.concatenate(list(prior.decode(x).numpy()), axis=1))
    sheet = Image.fromarray((np.concatenate(rows) * 255 + 0.5).astype(np.uint8))
    sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.BICUBIC).save(path)


def guided_sheet(prior: Prior, examples: Sequence[Example], path: Path, steps: int = 12) -> None:
    """Rows: photographs, their guides, samples under them at three scales with two seeds, and without a guide."""
    unconditional, card = prior.embed([""]), prior.card
    embeds = prior.embed([example.caption + card.target_suffix for example in examples])
    guides = torch.from_numpy(np.stack([example.guide for example in examples]))
    rows = [np.concatenate([example.image for example in examples], axis=1)]
    rows.append(np.concatenate([example.guide[:3].transpose(1, 2, 0) for example in examples], axis=1))
    for seed, scale, guided in GUIDED_ROWS:
        seen = replace(embeds, controls=guides) if guided else embeds
        x = sample_ddim(prior, seen, unconditional, torch.Generator().manual_seed(seed), steps, scale)
        rows.append(np.concatenate(list(prior.decode(x).numpy()), axis=1))
    Image.fromarray((np.concatenate(rows).clip(0, 1) * 255 + 0.5).astype(np.uint8)).save(path)


def main() -> None:
    """Draws the sheet that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prior", default="embedded", help="embedded, or a folder")
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")
    parser.add_argument("--scales", type=float, nargs="+", default=[1.5, 3.0, 4.5, 7.5], help="guidance scales")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    prior = load_prior(options.prior)
    sample_sheet(prior, SHEET_PROMPTS, options.scales, options.out, options.steps, options.seed)


if __name__ == "__main__":
    main()

"""Two films that show another picture at each quarter-turn, and what a printer and a light box will make of them.

python examples/08_two_films.py out/films "a red apple" "a yellow duck" "a green cactus" "a blue mug" --brightness 3
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image

from distill.images.overlay import BRIGHTNESS, TURNS, RotatedOverlays, random_films
from distill.images.picture import PromptedPicture
from distill.load import load_prior
from distill.prompts import build_prompts, embed_pairs
from distill.rules.registry import plan_picture
from distill.rules.stage import stage_runs


def save(pixels: torch.Tensor, path: Path) -> None:
    """[H, W, 3] in 0..1."""
    Image.fromarray((pixels.detach() * 255).round().to(torch.uint8).cpu().numpy()).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("prompts", nargs=4)
    parser.add_argument("--prior", default="embedded")
    parser.add_argument("--rule", default="sds")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--brightness", type=float, default=BRIGHTNESS)
    args = parser.parse_args()

    prior = load_prior(args.prior)
    defaults = prior.card.defaults
    prompts = embed_pairs(prior, [build_prompts(prior, prompt) for prompt in args.prompts])
    plans = plan_picture(args.rule, args.steps or defaults.picture_steps, defaults)
    generator = torch.Generator().manual_seed(0)
    films = RotatedOverlays(prior, *random_films(prior.card.resolution, generator), args.brightness)
    for stage in stage_runs(plans, PromptedPicture(films, prompts, defaults.picture_lr), prior, generator):
        stage.run(lambda size: None)

    args.folder.mkdir(parents=True, exist_ok=True)
    save(films.base, args.folder / "base.png")
    save(films.rotator, args.folder / "rotator.png")
    for turn, seen in zip(TURNS, films.images(), strict=True):
        save(seen, args.folder / f"turned-{turn}.png")


if __name__ == "__main__":
    main()

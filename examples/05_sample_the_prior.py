"""Draws what a prior knows: four DDIM samples of a sentence in a row.

python examples/05_sample_the_prior.py "a red apple" out/samples.png --prior embedded --seed 0
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image

from distill.ddim import sample_ddim
from distill.load import load_prior
from distill.prompts import PromptTable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--prior", default="embedded")
    parser.add_argument("--view", default="front view")
    parser.add_argument("--background", default="grey")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    prior = load_prior(args.prior)
    table = PromptTable(prior, args.prompt)
    prompts = table.batch([args.view] * 4, [args.background] * 4)
    generator = torch.Generator().manual_seed(args.seed)
    x = sample_ddim(prior, prompts.target, prompts.unconditional[:1], generator, args.steps)
    row = torch.cat(list(prior.decode(x)), dim=1)
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((row * 255).round().to(torch.uint8).cpu().numpy()).save(args.picture)


if __name__ == "__main__":
    main()

"""Score distillation in two dimensions: pictures of a sentence, by any rule, in one row.

python examples/06_picture_of_a_sentence.py "a red apple" out/apples.png --rule bridge --count 4 --seed 0
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image

from distill.images.picture import LatentPicture, PromptedPicture, random_x
from distill.load import load_prior
from distill.prompts import build_prompts, embed_pairs
from distill.rules.registry import RULES, plan_picture
from distill.rules.stage import stage_runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--prior", default="embedded")
    parser.add_argument("--rule", default="bridge", choices=[name for name, entry in RULES.items() if not entry.edits])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    prior = load_prior(args.prior)
    defaults = prior.card.defaults
    prompts = embed_pairs(prior, [build_prompts(prior, args.prompt)] * args.count)
    plans = plan_picture(args.rule, args.steps or defaults.picture_steps, defaults)
    generator = torch.Generator().manual_seed(args.seed)
    picture = LatentPicture(prior, random_x(prior, args.count, generator))
    for stage in stage_runs(plans, PromptedPicture(picture, prompts, defaults.picture_lr), prior, generator):
        stage.run(lambda size, at=stage: print(f"\r{at.name} {at.step}/{at.plan.steps}", end="", flush=True))
    row = torch.cat(list(picture.images()), dim=1)
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((row * 255).round().to(torch.uint8).cpu().numpy()).save(args.picture)


if __name__ == "__main__":
    main()

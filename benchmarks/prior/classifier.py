"""A small network that tells kind, colour, material, view and corruption of a picture:
`python -m benchmarks.prior.classifier --data SHARDS --minutes 8 --out data/classifier.safetensors [--init FILE]`

It grades the prior and has never seen the prior's training objects, nor the held-out ones
(training/pictures.py, `split`). What its last but one layer says of a picture are the features under the
distances; the same network untrained gives features that no training has biased (`random_features`). With --init it
goes on from another one, whose words it keeps as far as the renders still have them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from benchmarks.estimate import Estimate, estimate
from benchmarks.prior.labels import ATTRIBUTES, CLEAN, VIEWS, attribute, photographs, spread
from benchmarks.yardstick import markdown
from distill.precision import choose_device, cpu_has_bfloat16
from training.corruptions import DESCRIPTORS, Picture, corrupt
from training.countdown import clock
from training.muon import Muon
from training.pictures import Renders, frame, read_renders

SIZE = 64  # pixels
PATCH = 2  # pixels are unshuffled by it: three times as fast as a first layer at 64 x 64, and nothing is lost
WIDTHS = (48, 96, 192)  # channels at 32, 16 and 8 pixels
FEATURES = 128
CLEAN_SHARE = 0.35  # of the training pictures
SEVERITY = (0.25, 1.0)
BATCH, WEIGHT_DECAY = 64, 0.05
# Muon for the blocks' convolutions: after 10,000 pictures .42 of the kinds are right, with AdamW alone .24.
LR, MUON_LR = 2e-3, 6e-3
GENTLY = 0.3  # of these rates, for one that goes on
UNKNOWN = -100  # label of what a caption does not tell; cross_entropy passes it over

Words = Mapping[str, Sequence[str]]  # of each attribute


class Block(nn.Module):
    """Half the size: two convolutions beside a 1 x 1 one."""

    def __init__(self, channels: int, wider: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, wider, 3, stride=2, padding=1)
        self.second = nn.Conv2d(wider, wider, 3, padding=1)
        self.skip = nn.Conv2d(channels, wider, 1)
        self.norms = nn.ModuleList([nn.GroupNorm(8, channels), nn.GroupNorm(8, wider)])

    def forward(self, x: Tensor) -> Tensor:
        inner = self.first(F.silu(self.norms[0](x)))
        return self.skip(F.avg_pool2d(x, 2)) + self.second(F.silu(self.norms[1](inner)))


class Classifier(nn.Module):
    """Pictures [B, 3, 64, 64] in -1..1 to features [B, 128], and those to scores for the words of each
    attribute."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.words = {name: list(several) for name, several in words.items()}
        self.stem = nn.Conv2d(3 * PATCH**2, WIDTHS[0], 3, padding=1)
        self.blocks = nn.Sequential(*itertools.starmap(Block, itertools.pairwise(WIDTHS)))
        self.norm = nn.GroupNorm(8, WIDTHS[-1])
        self.narrow = nn.Linear(WIDTHS[-1], FEATURES)
        self.heads = nn.ModuleDict({name: nn.Linear(FEATURES, len(several)) for name, several in words.items()})

    def features(self, pictures: Tensor) -> Tensor:
        """[B, 128]."""
        # bfloat16 convolutions are slow in any other memory format.
        unshuffled = F.pixel_unshuffle(pictures, PATCH).contiguous(memory_format=torch.channels_last)
        x = F.silu(self.norm(self.blocks(self.stem(unshuffled))))
        return F.silu(self.narrow(x.mean(dim=(2, 3))))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Scores [B, words] of each attribute."""
        features = self.features(pictures)
        return {name: head(features) for name, head in self.heads.items()}


def random_features(seed: int) -> Classifier:
    """The network untrained, without heads."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier({}).eval()


@torch.no_grad()
def features_of(network: Classifier, images: np.ndarray, batch: int = 64, size: int = SIZE) -> np.ndarray:
    """Features [N, 128] of images [N, S, S, 3], sRGB, uint8 or float 0..1, at `size` pixels, of which S is a multiple.

    The network is convolutions and a mean over all places: at more than 64 pixels it sees finer things than it was
    trained on.
    """
    return np.concatenate([network.features(part).numpy() for part in _batches(images, batch, size)])


@torch.no_grad()
def answers(
    network: Classifier, images: np.ndarray, batch: int = 64, among: Words | None = None
) -> dict[str, list[str]]:
    """The likeliest word of each attribute for images as above; of some attributes `among` these words alone."""
    words = {name: [word for word in several if word in (among or {}).get(name, several)]
             for name, several in network.words.items()}  # fmt: skip
    columns = {name: [network.words[name].index(word) for word in several] for name, several in words.items()}
    found: dict[str, list[str]] = {name: [] for name in network.words}
    for part in _batches(images, batch):
        for name, scores in network(part).items():
            found[name] += [words[name][i] for i in scores[:, columns[name]].argmax(dim=1).tolist()]
    return found


def _batches(images: np.ndarray, batch: int, size: int = SIZE) -> Iterator[Tensor]:
    """Pictures [B, 3, size, size] in -1..1."""
    count, height, width, channels = images.shape
    if height != width or height % size or channels != 3:
        raise ValueError(f"pictures {images.shape}: wanted [N, S, S, 3] with S a multiple of {size}")
    for start in range(0, count, batch):
        part = images[start : start + batch]
        values = torch.from_numpy(np.array(part, np.float32)) / (255 if images.dtype == np.uint8 else 1)
        yield F.avg_pool2d(values.permute(0, 3, 1, 2), height // size) * 2 - 1


class Labelled(NamedTuple):
    """A batch: pictures [B, 3, 64, 64] in -1..1 and the labels [B] of each attribute."""

    pictures: Tensor
    labels: dict[str, Tensor]


class Lessons(IterableDataset[Labelled]):
    """Endless batches of renders, framed at random, most of them spoilt in one way."""

    def __init__(self, renders: Renders, words: Words, seed: int = 0, batch: int = BATCH) -> None:
        self._renders, self._words, self._seed, self._batch = renders, words, seed, batch

    def __iter__(self) -> Iterator[Labelled]:
        rng = np.random.default_rng(self._seed)
        while True:
            yield self._lesson(rng)

    def _lesson(self, rng: np.random.Generator) -> Labelled:
        chosen = rng.integers(0, len(self._renders), self._batch).tolist()
        images, truths = zip(*(example(self._renders, i, rng) for i in chosen), strict=True)
        pictures = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) * 2 - 1
        return Labelled(pictures, {name: labels(truths, name, self._words[name]) for name in self._words})


def example(
    renders: Renders, index: int, rng: np.random.Generator, clean: float = CLEAN_SHARE
) -> tuple[Picture, dict[str, str | None]]:
    """A picture of a render, in that share of the time as it is, and the word of each attribute (None: unknown)."""
    meta = renders.metas[index]
    framed = frame(renders.images[index], meta, rng, SIZE)
    truth = {name: attribute(meta, name) for name in ATTRIBUTES if name not in ("view", "corruption")}
    if rng.random() < clean:
        return framed.image, {**truth, "view": framed.view, "corruption": CLEAN}
    descriptor = str(rng.choice(DESCRIPTORS))
    spoilt = corrupt(framed.image, descriptor, float(rng.uniform(*SEVERITY)), rng)
    return spoilt, {**truth, "view": framed.view, "corruption": descriptor}


def labels(truths: Sequence[Mapping[str, str | None]], name: str, words: Sequence[str]) -> Tensor:
    """Label [N] of an attribute: the word's number."""
    numbers = {word: i for i, word in enumerate(words)}
    return torch.tensor([numbers.get(truth[name] or "", UNKNOWN) for truth in truths])


def vocabulary(renders: Renders) -> dict[str, list[str]]:
    """The words of each attribute that occur in the renders."""
    words = {
        name: sorted({word for meta in renders.metas if (word := attribute(meta, name))})
        for name in ("kind", "color", "material")
    }
    words = {name: several for name, several in words.items() if several}
    return {**words, "view": list(VIEWS), "corruption": [CLEAN, *DESCRIPTORS]}


@dataclass(frozen=True)
class Plan:
    """How long and how to train; `workers` 0 makes the pictures in the same process; `init`: what to go on from."""

    minutes: float
    init: Classifier | None = None
    seed: int = 0
    workers: int = 1
    device: str = "auto"


def train(renders: Renders, plan: Plan) -> Classifier:
    """A classifier for these renders. The learning rate follows a cosine over the minutes."""
    device = choose_device(plan.device)
    torch.manual_seed(plan.seed)
    network = Classifier(vocabulary(renders))
    if plan.init:
        take_over(plan.init, network)
    network.to(device).train()
    optimizers, rate = _optimizers(network), GENTLY if plan.init else 1.0
    lessons = Lessons(renders, network.words, plan.seed)
    batches = iter(DataLoader(lessons, batch_size=None, num_workers=plan.workers))
    start = said = time.monotonic()
    steps = 0
    while (progress := (time.monotonic() - start) / (60 * plan.minutes)) < 1:
        for optimizer, full in zip(optimizers, (LR, MUON_LR), strict=True):
            now = rate * min(1, (steps + 1) / 50) * (1 + math.cos(math.pi * progress)) / 2
            optimizer.param_groups[0]["lr"] = full * now
        losses = step(network, optimizers, next(batches), device)
        steps += 1
        if time.monotonic() - said > 15 or steps == 1:
            said = time.monotonic()
            left = clock(60 * plan.minutes * (1 - progress))
            figures = ", ".join(f"{name} {loss:.2f}" for name, loss in losses.items())
            print(f"{steps * BATCH} pictures, {left} left; losses: {figures}", file=sys.stderr, flush=True)
    return network.eval().cpu()


@torch.no_grad()
def take_over(old: Classifier, network: Classifier) -> None:
    """Gives a network all weights of an old one; words that this one lacks keep their own."""
    for name, weight in network.state_dict().items():
        if not name.startswith("heads."):
            weight.copy_(old.state_dict()[name])
    for name, words in network.words.items():
        known = [word for word in words if word in old.words.get(name, ())]
        rows, before = [words.index(word) for word in known], [old.words[name].index(word) for word in known]
        for part in ("weight", "bias") if known else ():
            mine, theirs = (getattr(one.heads[name], part) for one in (network, old))
            mine[rows] = theirs[before]


def _optimizers(network: Classifier) -> tuple[torch.optim.Optimizer, ...]:
    inner = [weight for weight in network.blocks.parameters() if weight.ndim == 4]
    chosen = set(map(id, inner))
    others = [weight for weight in network.parameters() if id(weight) not in chosen]
    return torch.optim.AdamW(others, LR, weight_decay=WEIGHT_DECAY), Muon(inner, MUON_LR)


def step(
    network: Classifier, optimizers: Sequence[torch.optim.Optimizer], lesson: Labelled, device: torch.device
) -> dict[str, float]:
    """One step of training; the loss of each attribute."""
    pictures = lesson.pictures.to(device)
    fast = device.type == "cuda" or cpu_has_bfloat16()
    with torch.autocast(device.type, torch.bfloat16, enabled=fast):
        scores = network(pictures)
    known = {name: truth.to(device) for name, truth in lesson.labels.items() if (truth != UNKNOWN).any()}
    losses = {name: F.cross_entropy(scores[name].float(), truth) for name, truth in known.items()}
    total = torch.stack(list(losses.values())).sum()
    if not torch.isfinite(total):
        raise FloatingPointError(f"the classifier's losses are {losses}: lower LR and MUON_LR")
    network.zero_grad()
    total.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
    return {name: float(loss.detach()) for name, loss in losses.items()}


@dataclass(frozen=True)
class Score:
    """An attribute's accuracy, and what always saying the commonest word would have."""

    accuracy: Estimate
    commonest: float
    pictures: int


def accuracies(
    network: Classifier, renders: Renders, count: int, seed: int = 0, clean: float = CLEAN_SHARE
) -> dict[str, Score]:
    """Accuracy of each attribute on `count` pictures of renders, made as for training, that share of them clean."""
    rng = np.random.default_rng(seed)
    chosen = spread(renders.metas, count, rng)
    images, truths = zip(*(example(renders, i, rng, clean) for i in chosen), strict=True)
    said = answers(network, np.stack(images))
    objects = [renders.metas[i]["object"] for i in chosen]
    return {name: score(said[name], [truth[name] for truth in truths], objects) for name in said}


def score(said: Sequence[str], truth: Sequence[str | None], objects: Sequence[int]) -> Score:
    """Of those pictures of which the truth is known."""
    known = [i for i, word in enumerate(truth) if word is not None]
    right = np.array([said[i] == truth[i] for i in known], float)
    common = max(np.unique([str(truth[i]) for i in known], return_counts=True)[1]) / len(known)
    return Score(estimate(right, np.array([objects[i] for i in known])), float(common), len(known))


def save(network: Classifier, path: Path) -> None:
    """Weights and words as one safetensors file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.contiguous() for name, weight in network.state_dict().items()}
    save_file(weights, path, {"words": json.dumps(network.words)})


def load_classifier(path: Path) -> Classifier:
    """What `save` wrote. Raises FileNotFoundError with the command that makes one."""
    if not path.is_file():
        command = f"python -m benchmarks.prior.classifier --data SHARDS --minutes 8 --out {path}"
        raise FileNotFoundError(f"no classifier {path}; make it with\n    {command}")
    with safe_open(path, "pt") as file:
        network = Classifier(json.loads(file.metadata()["words"]))
    network.load_state_dict(load_file(path))
    return network.eval()


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains, saves, and says how often it is right on the held-out renders, and how often the one before was."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("`")[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="shards of renders (tar files)")
    parser.add_argument("--out", type=Path, required=True, help="the file to write (.safetensors)")
    parser.add_argument("--init", type=Path, help="one to go on from")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--pictures", type=int, default=600, help="held-out pictures to test it on")
    parser.add_argument("--workers", type=int, default=1, help="processes that make the pictures")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    before = load_classifier(options.init) if options.init else None
    plan = Plan(options.minutes, before, options.seed, options.workers, options.device)
    network = train(photographs(read_renders(options.data, "classifier")), plan)
    save(network, options.out)
    print(f"{sum(weight.numel() for weight in network.parameters()):,} weights in {options.out}")
    held_out = photographs(read_renders(options.data, "held_out"))
    for name, one in {"before": before, "now": network}.items():
        if one:
            print(table(one, held_out, options.pictures, options.seed, name))


def table(network: Classifier, held_out: Renders, count: int, seed: int, title: str) -> str:
    """Accuracies on pictures as for training, and on clean ones, as markdown."""
    usual, clean = (accuracies(network, held_out, count, seed, share) for share in (CLEAN_SHARE, 1.0))
    rows = [
        [name, str(each.accuracy), str(clean[name].accuracy), f"{each.commonest:.3f}", str(each.pictures)]
        for name, each in usual.items()
    ]
    return markdown([title, "held out", "clean", "commonest word", "pictures"], rows)


if __name__ == "__main__":
    main()

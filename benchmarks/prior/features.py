"""What networks see in pictures: features for the distances, and answers for the agreement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.prior.classifier import Classifier, answers, load_classifier, random_features

WEIGHTS = Path(__file__).parents[1] / "data" / "classifier"
RANDOM_SEEDS = (0, 1, 2)


def classifiers(folder: Path = WEIGHTS) -> list[Classifier]:
    """The classifiers in a folder; none where it holds none."""
    return [load_classifier(path) for path in sorted(folder.glob("*.safetensors"))]


def untrained() -> list[Classifier]:
    """Networks whose features no training has biased."""
    return [random_features(seed) for seed in RANDOM_SEEDS]


@torch.no_grad()
def features(networks: Sequence[Classifier], images: np.ndarray, batch: int = 32) -> np.ndarray:
    """[N, D] of images [N, S, S, 3] uint8, of all networks side by side.

    The networks are convolutions and a mean over all places: larger pictures are not made smaller, and show finer
    things than a network was trained on.
    """
    found = []
    for start in range(0, len(images), batch):
        pictures = torch.from_numpy(images[start : start + batch]).permute(0, 3, 1, 2).float() / 127.5 - 1
        found.append(torch.cat([network.features(pictures) for network in networks], dim=1).numpy())
    return np.concatenate(found)


def agreement(networks: Sequence[Classifier], images: np.ndarray, attribute: str, word: str) -> float:
    """How often the networks say `word` of images [N, S, S, 3] uint8, 0..1."""
    said = [answers(network, images)[attribute] for network in networks]
    return float(np.mean([[each == word for each in one] for one in said]))

"""How far two sets of pictures lie apart: by their features, and by the spectrum of their pixels.

Features are float [N, D], one row a picture, of any network (benchmarks/prior/classifier.py has two). Every figure
depends on the number of pictures and on the features: compare only what was taken alike, and beside the
distance of real pictures to other real ones. Saturation is in benchmarks/picture_measures.py. The finest colour
changes, which a young prior fills its pictures with, are in `speckle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, ndimage, optimize
from scipy.special import expit

from benchmarks.estimate import Estimate, estimate

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Kid:
    """Mean and standard deviation over the subsets."""

    mean: float
    deviation: float


def kid(
    first: Array, second: Array, rng: np.random.Generator, subsets: int = 100, subset_size: int | None = None
) -> Kid:
    """Kernel inception distance (arXiv 1801.01401): the mean of `squared_mmd` over random subsets.

    Around 0 for two sets of one distribution, whatever their size; it can be negative. A subset holds
    `subset_size` of each set, by default half of the smaller one, at most 1000.
    """
    smaller = min(len(first), len(second))
    size = subset_size or min(1000, smaller // 2)
    if not 2 <= size <= smaller:
        raise ValueError(f"sets of {len(first)} and {len(second)} features: no subsets of {size}; give more pictures")
    draws = [
        squared_mmd(
            first[rng.choice(len(first), size, replace=False)], second[rng.choice(len(second), size, replace=False)]
        )
        for _ in range(subsets)
    ]
    return Kid(float(np.mean(draws)), float(np.std(draws)))


def squared_mmd(first: Array, second: Array) -> float:
    """Unbiased estimate of MMD² (arXiv 1801.01401, equation 4) with the kernel (x·y / D + 1)³."""
    first, second = _pair(first, second)
    within = among_others(kernel(first, first)) + among_others(kernel(second, second))
    return within - 2 * float(kernel(first, second).mean())


def kernel(first: Array, second: Array) -> Array:
    """(x·y / D + 1)³ of all rows with all rows, [N, M]."""
    return (first @ second.T / first.shape[1] + 1) ** 3


def among_others(values: Array) -> float:
    """Mean of a set's kernel with itself over pairs of two different rows."""
    return float((values.sum() - np.trace(values)) / (len(values) * (len(values) - 1)))


def frechet(first: Array, second: Array) -> float:
    """Fréchet distance of the Gaussians with the two sets' means and covariances.

    Too large for small sets, the more so the more features there are: two sets of one distribution do not
    give 0. It is no FID, which means Inception's features of 50,000 pictures.
    """
    first, second = _pair(first, second)
    return frechet_of_gaussians(
        first.mean(axis=0), np.cov(first, rowvar=False), second.mean(axis=0), np.cov(second, rowvar=False)
    )


def frechet_of_gaussians(mean_1: Array, covariance_1: Array, mean_2: Array, covariance_2: Array) -> float:
    """|m1 - m2|² + tr(C1 + C2 - 2 (C1^½ C2 C1^½)^½) for means [D] and covariances [D, D]."""
    root = _root(np.atleast_2d(covariance_1))
    between = _root(root @ np.atleast_2d(covariance_2) @ root)
    traces = np.trace(np.atleast_2d(covariance_1)) + np.trace(np.atleast_2d(covariance_2))
    return float(np.square(mean_1 - mean_2).sum() + traces - 2 * np.trace(between))


def _root(matrix: Array) -> Array:
    """The square root of a symmetric matrix without negative eigenvalues (but for rounding)."""
    values, vectors = linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def c2st(
    first: Array,
    second: Array,
    rng: np.random.Generator,
    groups: tuple[Array, Array] | None = None,
    folds: int = 5,
    penalty: float = 1.0,
) -> Estimate:
    """Classifier two-sample test (arXiv 1610.06545): how often a logistic regression that has seen the other
    folds tells which set a picture is from. .5: it cannot; 1: always.

    Sets of unequal size count alike. `groups` names what each picture of the two sets is of: one object's
    pictures stay in one fold, for they are no independent witnesses, and the standard error is over groups.
    """
    first, second = _pair(first, second)
    features = np.concatenate([first, second])
    labels = np.concatenate([np.zeros(len(first)), np.ones(len(second))])
    weights = np.concatenate([np.full(len(first), 0.5 / len(first)), np.full(len(second), 0.5 / len(second))])
    names = np.concatenate(groups) if groups else np.arange(len(labels))
    _, group = np.unique(names, return_inverse=True)
    if len(group) != len(labels) or group.max() + 1 < folds:
        raise ValueError(f"{len(group)} names, {group.max() + 1} of them different, for {len(labels)} pictures and "
                         f"{folds} folds: wanted a name for each picture and a group for each fold")  # fmt: skip
    fold = rng.permutation(group.max() + 1)[group] % folds
    right = np.zeros(len(labels))
    for held_out in range(folds):
        seen, unseen = fold != held_out, fold == held_out
        scores = _logistic(features[seen], labels[seen], features[unseen], penalty)
        right[unseen] = np.where(scores == 0, 0.5, (scores > 0) == labels[unseen])
    return estimate(right, group, weights)


def _logistic(features: Array, labels: Array, unseen: Array, penalty: float) -> Array:
    """Scores [M] (above 0: label 1) of unseen features [M, D], by a regression with penalty / 2 |w|² beside the
    sum of the losses; both labels weigh alike, features are standardised as those [N, D] it learns from."""
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-9
    inputs, signs = (features - mean) / deviation, 2 * labels - 1
    share = labels.mean()
    weights = np.where(labels == 1, 0.5 / max(share, 1e-9), 0.5 / max(1 - share, 1e-9))

    def loss(parameters: Array) -> tuple[float, Array]:
        slope, margin = parameters[:-1], signs * (inputs @ parameters[:-1] + parameters[-1])
        value = (weights * np.logaddexp(0, -margin)).sum() + penalty / 2 * slope @ slope
        pull = -weights * signs * expit(-margin)
        return value, np.append(inputs.T @ pull + penalty * slope, pull.sum())

    best = optimize.minimize(loss, np.zeros(inputs.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return (unseen - mean) / deviation @ best[:-1] + best[-1]


def radial_spectrum(images: Array) -> Array:
    """Mean power of the luminance at 1, 2, … S/2 - 1 waves a picture, [S/2 - 1]; images [N, S, S, 3], 0..1."""
    size = images.shape[1]
    light = images.astype(np.float64) @ np.array([0.2126, 0.7152, 0.0722])
    light = light - light.mean(axis=(1, 2), keepdims=True)
    window = np.hanning(size + 1)[:-1]  # else the borders' jump shows at all frequencies
    power = np.square(np.abs(np.fft.fft2(light * window[:, None] * window))).mean(axis=0)
    waves = np.fft.fftfreq(size, 1 / size)
    ring = np.rint(np.hypot(waves[:, None], waves)).astype(int).ravel()
    return (np.bincount(ring, power.ravel()) / np.bincount(ring))[1 : size // 2]


def spectrum_gap(first: Array, second: Array) -> float:
    """How far the radial spectra of two sets of pictures [N, S, S, 3] lie apart: root mean square over the
    octaves, in decibels. Every octave counts alike; pictures must have the same sort of background."""
    one, other = radial_spectrum(first), radial_spectrum(second)
    gaps = 10 * np.log10((one + 1e-12) / (other + 1e-12))
    octave = np.log2(np.arange(1, len(gaps) + 1)).astype(int)
    return float(np.sqrt((np.bincount(octave, np.square(gaps)) / np.bincount(octave)).mean()))


SHARPEST = np.array([1, -4, 6, -4, 1]) / 16  # passes sin⁴ of waves: all at 2 pixels, .56 at 3, .25 at 4, .02 at 8
CHROMA = np.array([[-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])  # JPEG's Cb and Cr of R, G, B


def speckle(images: Array, masks: Array) -> float:
    """Mean square of chroma at wavelengths of about two pixels: of Cb and Cr, along rows and along columns, over the
    pixels inside of the masks; images [N, S, S, 3], 0..1, masks [N, S, S] bool. Brightness does not count.

    Raises ValueError where no pixel is two pixels inside of its mask.
    """
    inner = np.stack([ndimage.binary_erosion(mask, np.ones((5, 5))) for mask in masks]).astype(bool)
    if not inner.any():
        raise ValueError(f"no pixel of {len(masks)} masks is two pixels inside: give larger objects")
    chroma = images.astype(np.float64) @ CHROMA.T
    sharpest = [ndimage.convolve1d(chroma, SHARPEST, axis=axis, mode="nearest")[inner] for axis in (1, 2)]
    return float(sum(np.square(values).sum(axis=1).mean() for values in sharpest))


def standardised(reference: Array, *others: Array) -> list[Array]:
    """All sets, each feature with mean 0 and deviation 1 in the reference: an untrained network's features
    differ little beside what they have in common, and the kernel would not see it."""
    mean, deviation = reference.mean(axis=0), reference.std(axis=0) + 1e-6 * np.abs(reference).max()
    return [(features - mean) / deviation for features in (reference, *others)]


def _pair(first: Array, second: Array) -> tuple[Array, Array]:
    """Both as float64. Raises ValueError unless they are finite, [N, D] and [M, D], with two rows or more."""
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1] or min(len(first), len(second)) < 2:
        raise ValueError(f"features {first.shape} and {second.shape}: wanted [N, D] and [M, D] with N, M > 1")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("features are not finite: look at the pictures or the network that made them")
    return first.astype(np.float64), second.astype(np.float64)

"""What pictures under distillation suffer from, as image operations: one for each of the ten descriptors.

The bridge's source prompt names these artefacts (section 3.4 of arXiv 2406.09417); a prior can only subtract
what it has seen under those words. Images are float32 [H, W, 3], sRGB, 0..1; severity is in (0, 1]; lengths
are in pixels of a picture 64 high and grow with the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter, map_coordinates, sobel

Picture = np.ndarray  # float32 [H, W, 3]
BASE = 64  # pixels that the lengths below are measured in


def corrupt(image: Picture, descriptor: str, severity: float, rng: np.random.Generator) -> Picture:
    """The image with one artefact. Raises ValueError for a word that is none of DESCRIPTORS."""
    if descriptor not in CORRUPTIONS:
        raise ValueError(f"descriptor {descriptor!r} is none of {', '.join(CORRUPTIONS)}")
    spoilt = CORRUPTIONS[descriptor](image, severity, rng)
    return np.clip(spoilt, 0, 1).astype(np.float32)


def random_corruption(image: Picture, rng: np.random.Generator) -> tuple[Picture, str, tuple[str, ...]]:
    """An image with one or several artefacts, the suffix that its caption takes, and their descriptors."""
    draw = rng.random()
    if draw < WHOLE_LIST_SHARE:
        chances = np.array([LIST_WEIGHTS[word] for word in DESCRIPTORS])
        count = int(rng.integers(3, 7))
        words = rng.choice(DESCRIPTORS, count, replace=False, p=chances / chances.sum()).tolist()
        suffix, severest = str(rng.choice(WHOLE_LISTS, p=LIST_CHANCES)), 0.7
    else:
        count = 1 if draw < 0.8 else int(rng.integers(2, 4))
        words = rng.choice(DESCRIPTORS, count, replace=False).tolist()
        suffix, severest = ", " + ", ".join(_name(word, rng) for word in words), 1.0
    for word in words:
        image = corrupt(image, word, float(rng.uniform(0.15, severest)), rng)
    return image, suffix, tuple(words)


def painterly(image: Picture, rng: np.random.Generator) -> Picture:
    """Brush strokes: Kuwahara's filter (each pixel takes the calmest of four neighbouring windows' means)
    on a canvas with a little grain."""
    radius = max(1, round(float(rng.uniform(1.5, 2.6)) * image.shape[0] / BASE))
    means, spread = _window_means(image, radius)
    calmest = spread.argmin(axis=0)
    painted = np.take_along_axis(means, calmest[None, ..., None], axis=0)[0]
    canvas = gaussian_filter(rng.normal(size=image.shape[:2]), 0.6)[..., None]
    return np.clip(painted * 1.05 + 0.01 * canvas, 0, 1).astype(np.float32)


def _window_means(image: Picture, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Means [4, H, W, 3] and variances [4, H, W] of the square windows in the four corners of each pixel."""
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
    height, width = image.shape[:2]
    first = _box(padded, radius + 1)
    second = _box(padded**2, radius + 1)
    corners = [(y, x) for y in (0, radius) for x in (0, radius)]
    means = np.stack([first[y : y + height, x : x + width] for y, x in corners])
    squares = np.stack([second[y : y + height, x : x + width] for y, x in corners])
    return means, (squares - means**2).sum(axis=-1)


def _box(image: np.ndarray, size: int) -> np.ndarray:
    """Means over size x size windows, one for each window that lies inside."""
    total = np.pad(image, ((1, 0), (1, 0), (0, 0))).cumsum(axis=0).cumsum(axis=1)
    return (total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]) / size**2


def _name(descriptor: str, rng: np.random.Generator) -> str:
    return str(rng.choice(SYNONYMS[descriptor])) if rng.random() < SYNONYM_SHARE else descriptor


def _blur(image: Picture, radius: float) -> Picture:
    """Gaussian blur; `radius` in pixels of a picture 64 high."""
    pixels = radius * image.shape[0] / BASE
    return gaussian_filter(image, (pixels, pixels, 0))


def _median(image: Picture, size: int) -> Picture:
    pixels = Image.fromarray((image * 255 + 0.5).astype(np.uint8)).filter(ImageFilter.MedianFilter(size))
    return np.asarray(pixels, np.float32) / 255


def _odd(pixels: float) -> int:
    return 2 * round((pixels - 1) / 2) + 1


def _oversaturated(image: Picture, severity: float, rng: np.random.Generator) -> Picture:
    grey = image.mean(axis=-1, keepdims=True)
    vivid = grey + (image - grey) * (1.5 + 2.2 * severity)
    return (np.clip(vivid, 0, 1) - 0.5) * (1.1 + 0.5 * severity) + 0.5


def _smooth(image: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Detail ironed out, edges kept: what too much guidance leaves of a surface."""
    size = max(3, _odd((3 if severity < 0.4 else 5) * image.shape[0] / BASE))
    for _ in range(1 + round(2 * severity)):
        image = _median(image, size)
    return _blur(image, 0.3 + 0.4 * severity)


def _pixelated(image: Picture, severity: float, rng: np.random.Generator) -> Picture:
    height, width = image.shape[:2]
    blocks = max(4, round(BASE / (1.6 + 3.4 * severity)))
    pixels = Image.fromarray((image * 255 + 0.5).astype(np.uint8))
    coarse = pixels.resize((blocks, blocks), Image.Resampling.BOX)
    return np.asarray(coarse.resize((width, height), Image.Resampling.NEAREST), np.float32) / 255


def _cartoon(image: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Few flat tones and dark outlines."""
    flat = _median(image, max(3, _odd((3 if severity < 0.5 else 5) * image.shape[0] / BASE)))
    tones = 6 - 3.2 * severity
    grey = flat.mean(axis=-1)
    outline = np.clip((np.hypot(sobel(grey, 0), sobel(grey, 1)) - 0.35) * 2, 0, 1) * (0.5 + 0.5 * severity)
    return np.round(flat * tones) / tones * (1 - outline[..., None])


def _foggy(image: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """White veil, thicker towards the top, as far things stand higher in a picture."""
    veil = (0.35 + 0.5 * severity) * np.linspace(1.15, 0.75, image.shape[0])[:, None, None]
    veil = np.minimum(veil, 0.95)
    return image * (1 - veil) + veil * (0.80 + 0.08 * rng.random())


def _hazy(image: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Warm, even veil and a little blur."""
    veil = 0.25 + 0.4 * severity
    warm = np.array([0.78, 0.74, 0.66]) + 0.05 * rng.normal(size=3)
    return _blur(image, 0.3 + 0.6 * severity) * (1 - veil) + veil * warm


def _blurry(image: Picture, severity: float, rng: np.random.Generator) -> Picture:
    return _blur(image, 0.7 + 2.3 * severity)


def _bad_structure(image: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Pieces of the picture in the wrong place."""
    wrong, height = image.copy(), image.shape[0]
    for _ in range(1 + int(3 * severity)):
        size = int(rng.integers(height // 6, height // 3))
        y, x, from_y, from_x = rng.integers(0, height - size, 4)
        piece = image[from_y : from_y + size, from_x : from_x + size]
        wrong[y : y + size, x : x + size] = piece[:, ::-1] if rng.random() < 0.5 else piece
    return wrong


def _noisy(image: Picture, severity: float, rng: np.random.Generator) -> Picture:
    colorful = rng.random() < 0.6
    shape = image.shape if colorful else (*image.shape[:2], 1)
    return image + rng.normal(size=shape) * (0.05 + 0.2 * severity)


def _malformed(image: Picture, severity: float, rng: np.random.Generator) -> Picture:
    """Bent out of shape by a smooth random displacement."""
    height, width = image.shape[:2]
    unit = height / BASE
    shift = np.stack([gaussian_filter(rng.normal(size=(height, width)), (6 - 1.5 * severity) * unit) for _ in "yx"])
    shift *= (3 + 7 * severity) * unit / (np.abs(shift).max() + 1e-6)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    at = [rows + shift[0], columns + shift[1]]
    return np.stack([map_coordinates(image[..., c], at, order=1, mode="nearest") for c in range(3)], axis=-1)


# In the order of the paper's source descriptors (section 3.4).
CORRUPTIONS: Mapping[str, Callable[[Picture, float, np.random.Generator], np.ndarray]] = {
    "oversaturated": _oversaturated,
    "smooth": _smooth,
    "pixelated": _pixelated,
    "cartoon": _cartoon,
    "foggy": _foggy,
    "hazy": _hazy,
    "blurry": _blurry,
    "bad structure": _bad_structure,
    "noisy": _noisy,
    "malformed": _malformed,
}
DESCRIPTORS: Sequence[str] = tuple(CORRUPTIONS)

# The same artefacts by the words of the paper's alternative sets (appendix B.3).
SYNONYMS: Mapping[str, Sequence[str]] = {
    "oversaturated": ("overbright", "overexposed", "stark"),
    "smooth": ("flat", "undefined", "poor detail", "unrefined"),
    "pixelated": ("blocky", "compressed", "jagged"),
    "cartoon": ("abstract", "patchy"),
    "foggy": ("washed out", "low contrast", "faint"),
    "hazy": ("dull", "murky", "muddy", "dull tones"),
    "blurry": ("soft focus", "out of focus", "bleary", "smeared"),
    "bad structure": ("jumbled", "glitchy", "scrambled", "fragmented", "chaotic"),
    "noisy": ("grainy", "spotty", "erratic"),
    "malformed": ("distorted", "misshapen", "skewed", "lopsided"),
}
SYNONYM_SHARE = 0.12

# Under the whole list stands a mixture of what distillation really does: mostly colour and detail.
WHOLE_LIST_SHARE = 0.2
LIST_WEIGHTS: Mapping[str, float] = {
    "oversaturated": 3, "smooth": 3, "pixelated": 1, "cartoon": 1.5, "foggy": 1,
    "hazy": 1, "blurry": 1.5, "bad structure": 1, "noisy": 0.8, "malformed": 1.5,
}  # fmt: skip
# The paper's own list, its five alternatives (B.3) and NFSD's negative prompt (section 3.3).
WHOLE_LISTS: Sequence[str] = (
    ", " + ", ".join(DESCRIPTORS),
    ", washed out, grainy, distorted, flat, smeared, overexposed, undefined, choppy, glitchy, dull",
    ", low contrast, jumbled, faint, abstract, over-sharpened, muddy, cluttered, vague, jagged, poor detail",
    ", soft focus, muffled, streaky, patchy, ghosted, murky, unbalanced, skewed, mismatched, overcrowded",
    ", overbright, scrambled, bleary, blocky, misshapen, uneven, fragmented, obscured, chaotic, messy",
    ", dull tones, compressed, smeary, out of focus, unrefined, lopsided, erratic, irregular, spotty, stark",
    ", unrealistic, blurry, low quality",
)
LIST_CHANCES = np.array([0.76, 0.03, 0.03, 0.03, 0.03, 0.03, 0.09])

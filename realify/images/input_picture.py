"""Any picture file as a square of a prior's size: opened warily, since it may come from anywhere."""

from __future__ import annotations

import struct
from pathlib import Path

from PIL import Image, ImageOps

from realify.images.job import ImageError

# Those that Pillow decodes by itself. (EPS, for one, would start another program.)
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF")
MOST_PIXELS = 64_000_000  # 200 MB of memory; no prior sees more than two million
LEAST_SIDE = 8
GREY = (128, 128, 128)  # behind what is transparent, and beside what is padded


def read_square(path: Path, size: int, fit: str) -> tuple[Image.Image, list[str]]:
    """The picture as RGB of size x size, and notes on what was done to it. Raises ImageError.

    `fit`: "crop" takes the middle of what is not square, "pad" puts grey beside it.
    """
    image = _open(path)
    notes = []
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"{path.name} holds {getattr(image, 'n_frames', 1)} pictures: the first is taken")
    image = _as_rgb(image, path)
    width, height = image.size
    if min(width, height) < LEAST_SIDE:
        raise ImageError(
            f"{path} is {width} x {height} pixels.", f"A picture needs {LEAST_SIDE} on each side at the least."
        )
    if width != height and fit == "crop":
        notes.append(f"{path.name} is {width} x {height}: its middle square is taken (--fit pad keeps all of it)")
    elif width != height:
        notes.append(f"{path.name} is {width} x {height}: grey is put beside it (--fit crop takes the middle)")
    if max(width, height) < size:
        notes.append(f"{path.name} is smaller than the prior's {size} pixels: enlarged, so it begins blurred")
    if fit == "crop":
        return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS), notes
    return ImageOps.pad(image, (size, size), Image.Resampling.LANCZOS, GREY), notes


def _open(path: Path) -> Image.Image:
    """The file decoded, at most MOST_PIXELS of it."""
    if not path.is_file():
        raise ImageError(f"There is no file {path}.", "Give the path of a picture.")
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # its own limit comes as a warning; ours is below
    try:
        image = Image.open(path, formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise ImageError(
                f"{path} is {image.width} x {image.height} pixels.",
                f"Make it smaller: {MOST_PIXELS // 1_000_000} million pixels at most.",
            )
        image.load()
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{path} is no picture that can be read.", f"It takes {', '.join(FORMATS)}.") from error
    except (OSError, SyntaxError, ValueError, MemoryError, struct.error) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{path} is broken: {error}.", "Save it anew with a picture editor.") from error
    finally:
        Image.MAX_IMAGE_PIXELS = before
    return image


def _as_rgb(image: Image.Image, path: Path) -> Image.Image:
    """Upright, 8 bit, without transparency."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":  # 16 bit, which a plain conversion would cut off at 255
        return image.convert("I").point(lambda value: value / 257).convert("L").convert("RGB")
    if image.mode == "F":
        raise ImageError(f"{path} holds floating-point numbers, whose range nobody knows.", "Save it as a PNG.")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (*GREY, 255)), image).convert("RGB")

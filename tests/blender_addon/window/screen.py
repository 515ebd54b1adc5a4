"""What the X server shows, as pictures."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from PIL import Image

LIMIT = 300_000  # bytes of a picture in the docs
CORNER = 12  # pixels in which Blender rounds an area's corners


def read(file: Path) -> Image.Image:
    """The framebuffer of Xvfb (an X window dump: big-endian header, colour map, then 32 bits a pixel, blue first)."""
    content = file.read_bytes()
    head = struct.unpack_from(">25I", content)
    header, depth, width, height, line, colours = head[0], head[11], head[4], head[5], head[12], head[19]
    if depth != 32:
        raise ValueError(f"{file} has {depth} bits a pixel, wanted 32: start Xvfb with -screen 0 WxHx24")
    pixels = np.frombuffer(content, np.uint8, line * height, header + 12 * colours).reshape(height, line)
    return Image.fromarray(pixels[:, : 4 * width].reshape(height, width, 4)[..., 2::-1].copy())


def without_ground(image: Image.Image) -> Image.Image:
    """Cut where, from there to its lower edge, nothing is drawn any more: the part of a sidebar that holds panels."""
    rows = np.asarray(image.convert("L"), np.int16)[:-CORNER, CORNER : image.width * 9 // 10]  # tabs are at its right
    drawn = np.flatnonzero((rows != rows[-1]).any(axis=1))
    return image.crop((0, 0, image.width, int(drawn[-1]) + CORNER)) if len(drawn) else image


def keep(image: Image.Image, file: Path) -> None:
    """As a PNG that is small enough for the docs: in 256 colours when it has to be."""
    image.save(file, optimize=True)
    if file.stat().st_size > LIMIT:
        image.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(file, optimize=True)
    while file.stat().st_size > LIMIT:
        image = image.resize((image.width * 9 // 10, image.height * 9 // 10), Image.Resampling.LANCZOS)
        image.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(file, optimize=True)

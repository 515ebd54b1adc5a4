"""PNG files as arrays, without Blender, so that it can be done in a thread: Blender's own reader of images for icons
works while it draws, and leaves thumbnails in the user's cache."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # of a colour type: grey, colour, both with an alpha
MOST = 16_000_000  # pixels; a preview has a hundredth


def read_square(path: Path) -> np.ndarray:
    """The square at the left of the picture (a preview shows the front there, and the back beside it) as uint8
    [N, N, 4], sRGB, top row first. Raises OSError, and ValueError for what is no PNG of 8 bits a channel."""
    header, packed = _chunks(path.read_bytes())
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if bits != 8 or kind not in CHANNELS or interlaced or not 0 < width * height <= MOST:
        raise ValueError(f"{path}: {width} x {height} of {bits} bits, kind {kind}: wanted 8 bits, not interlaced.")
    channels = CHANNELS[kind]
    row = width * channels + 1
    try:
        flat = zlib.decompressobj().decompress(packed, height * row)
    except zlib.error as error:
        raise ValueError(f"{path}: {error}") from error
    if len(flat) != height * row:
        raise ValueError(f"{path} ends after {len(flat)} of {height * row} bytes.")
    lines = np.frombuffer(flat, np.uint8).reshape(height, row)
    size = min(width, height)
    # Each byte depends on those above it and to its left alone, so the rest need not be looked at.
    filtered = lines[:size, 1 : 1 + size * channels].reshape(size, size, channels)
    return _with_alpha(unfiltered(filtered, lines[:size, 0]))


def unfiltered(values: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """`values` [H, W, C] uint8 as they are in the file, `filters` [H] in 0..4: none, left, up, mean, Paeth
    (PNG specification, section 9). By diagonals: what each pixel of one depends on lies on the two before."""
    if filters.max(initial=0) > 4:
        raise ValueError(f"A line has the filter {filters.max()}; there are 0 to 4.")
    height, width, channels = values.shape
    done = np.zeros((height + 1, width + 1, channels), np.int16)
    for diagonal in range(height + width - 1):
        y = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        x = diagonal - y
        left, up, corner = done[y + 1, x], done[y, x + 1], done[y, x]
        guesses = (np.zeros_like(up), left, up, (left + up) >> 1, _paeth(left, up, corner))
        done[y + 1, x + 1] = (values[y, x] + np.choose(filters[y, None], guesses)) & 255
    return done[1:, 1:].astype(np.uint8)


def _paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Whichever is nearest to left + up - corner; of equals the first."""
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    """The header and the packed lines."""
    if not data.startswith(SIGNATURE):
        raise ValueError("This is no PNG.")
    at, found = len(SIGNATURE), {b"IHDR": b"", b"IDAT": b""}
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name in found:
            found[name] += data[at + 8 : at + 8 + length]
        at += length + 12
    if len(found[b"IHDR"]) != 13:
        raise ValueError("This PNG has no header.")
    return found[b"IHDR"], found[b"IDAT"]


def _with_alpha(values: np.ndarray) -> np.ndarray:
    """[N, N, 1..4] as [N, N, 4]."""
    channels = values.shape[2]
    colour = values[..., : 3 if channels > 2 else 1]
    alpha = values[..., -1:] if channels in (2, 4) else np.full_like(values[..., :1], 255)
    return np.concatenate([np.broadcast_to(colour, (*colour.shape[:2], 3)), alpha], axis=2)

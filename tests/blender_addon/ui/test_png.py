"""The reader of previews against Pillow's writer, and against lines filtered by hand."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_addon.ui import png


def picture(height: int, width: int, channels: int) -> np.ndarray:
    """Smooth, so that Pillow chooses among all filters, with noise in a part."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([(x * (c + 1) + y * 3) % 256 for c in range(channels)], -1)
    smooth[: height // 3] = rng.integers(0, 256, smooth[: height // 3].shape)
    return smooth.astype(np.uint8)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(64, 128), (33, 33), (40, 17), (1, 1)], ids=str)
def test_reads_what_pillow_wrote(mode: str, size: tuple[int, int], tmp_path: Path) -> None:
    values = picture(*size, len(mode))
    image = Image.fromarray(values[..., 0] if mode == "L" else values, mode)
    image.save(tmp_path / "a.png")
    side = min(size)
    wanted = np.asarray(image.convert("RGBA"))[:side, :side]
    assert np.array_equal(png.read_square(tmp_path / "a.png"), wanted)


def test_every_filter_is_undone() -> None:
    values = picture(20, 30, 3).astype(int)
    padded = np.pad(values, ((1, 0), (1, 0), (0, 0)))
    left, up, corner = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
    guess = left + up - corner
    candidates = np.stack([left, up, corner])
    nearest = np.abs(candidates - guess).argmin(0)  # the first of equals, as the specification wants it
    paeth = np.take_along_axis(candidates, nearest[None], 0)[0]
    filters = np.arange(20) % 5
    by_filter = np.stack([0 * left, left, up, (left + up) // 2, paeth])
    filtered = (values - by_filter[filters, np.arange(20)]) % 256
    assert np.array_equal(png.unfiltered(filtered.astype(np.uint8), filters.astype(np.uint8)), values)


@pytest.mark.parametrize("damage", ["no png", "half", "garbled", "sixteen bits", "empty"])
def test_what_is_no_preview_is_refused(damage: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture(32, 32, 3)).save(buffer, "PNG")
    whole = buffer.getvalue()
    if damage == "sixteen bits":
        buffer = io.BytesIO()
        Image.fromarray(np.zeros((8, 8), np.uint16)).save(buffer, "PNG")
    broken = {
        "no png": b"GIF89a" + whole,
        "half": whole[: len(whole) // 2],
        "garbled": whole[:60] + bytes(40) + whole[100:],
        "sixteen bits": buffer.getvalue(),
        "empty": b"",
    }
    (tmp_path / "a.png").write_bytes(broken[damage])
    with pytest.raises(ValueError):
        png.read_square(tmp_path / "a.png")

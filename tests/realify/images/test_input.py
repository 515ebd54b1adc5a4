"""Any picture file becomes a square of the prior's size, or a clear error."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from realify.images.input_picture import GREY, MOST_PIXELS, read_square
from realify.images.job import ImageError

SIZE = 32


def gradient(width: int, height: int) -> np.ndarray:
    """Red grows to the right, green downwards, blue is a midtone."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([across, down, np.full_like(down, 128)], -1).astype(np.uint8)


def read(image: Image.Image, folder: Path, name: str = "in.png", fit: str = "crop", **save: Any) -> np.ndarray:
    image.save(folder / name, **save)
    square, _ = read_square(folder / name, SIZE, fit)
    assert square.size == (SIZE, SIZE) and square.mode == "RGB"
    return np.asarray(square).astype(float)


@pytest.mark.parametrize("name", ["in.png", "in.webp", "in.bmp", "in.tiff", "in.ppm"])
def test_every_format_is_read_as_it_was(name: str, tmp_path: Path) -> None:
    pixels = gradient(SIZE, SIZE)
    save: dict[str, Any] = {"lossless": True} if name.endswith("webp") else {}
    assert np.array_equal(read(Image.fromarray(pixels), tmp_path, name, **save), pixels)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "LA", "1"])
def test_every_mode_becomes_colours(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(gradient(SIZE, SIZE)).convert(mode)
    found = read(image, tmp_path, "in.tiff" if mode == "CMYK" else "in.png")
    assert np.abs(found.mean() - np.asarray(image.convert("RGB")).mean()) < 2


def test_sixteen_bits_are_scaled_not_cut_off(tmp_path: Path) -> None:
    deep = (np.linspace(0, 65535, SIZE)[None].repeat(SIZE, 0)).astype(np.uint16)
    found = read(Image.fromarray(deep), tmp_path)
    assert np.abs(found[0, :, 0] - np.linspace(0, 255, SIZE)).max() <= 1


def test_what_is_transparent_is_grey(tmp_path: Path) -> None:
    pixels = np.dstack([gradient(SIZE, SIZE), np.zeros((SIZE, SIZE), np.uint8)])
    pixels[:, : SIZE // 2, 3] = 255
    found = read(Image.fromarray(pixels), tmp_path)
    assert np.array_equal(found[:, : SIZE // 2], pixels[:, : SIZE // 2, :3])
    assert (found[:, SIZE // 2 :] == GREY).all()


def test_a_wide_picture_is_cropped_in_the_middle_or_padded(tmp_path: Path) -> None:
    wide = Image.fromarray(gradient(4 * SIZE, 2 * SIZE))
    wide.save(tmp_path / "wide.png")
    cropped, told = read_square(tmp_path / "wide.png", SIZE, "crop")
    assert "middle square" in told[0] and "128 x 64" in told[0]
    assert 55 < np.asarray(cropped)[:, 0, 0].mean() < 75 and 180 < np.asarray(cropped)[:, -1, 0].mean() < 200
    padded, told = read_square(tmp_path / "wide.png", SIZE, "pad")
    assert "beside" in told[0]
    assert (np.asarray(padded)[0] == GREY).all() and np.asarray(padded)[SIZE // 2, -1, 0] > 240


def test_a_photograph_held_sideways_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn clockwise to view"
    found = read(Image.fromarray(gradient(SIZE, SIZE)), tmp_path, "in.jpg", exif=exif, quality=100, subsampling=0)
    assert np.abs(found[:, 0, 1] - 255).mean() < 5  # what was at the bottom is at the left


def test_a_small_picture_is_enlarged_with_a_note(tmp_path: Path) -> None:
    Image.fromarray(gradient(10, 10)).save(tmp_path / "small.png")
    square, told = read_square(tmp_path / "small.png", SIZE, "crop")
    assert square.size == (SIZE, SIZE) and "smaller than the prior's 32 pixels" in told[0]


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (SIZE, SIZE), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:])
    square, told = read_square(tmp_path / "in.gif", SIZE, "crop")
    assert "holds 2 pictures" in told[0] and np.asarray(square)[0, 0, 0] > 200


def png_of(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims to be so large."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"\0" * 64)
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (head, body))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no picture"),
        (b"solid cube\n", "no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n", "no picture"),
        (png_of(SIZE, SIZE), "is broken"),
        (png_of(100_000, 100_000), f"{MOST_PIXELS // 1_000_000} million pixels at most"),
        (png_of(20_000, 20_000), "Make it smaller"),
    ],
    ids=["empty", "text", "postscript", "truncated", "a bomb", "enormous"],
)
def test_what_is_no_picture_is_a_clear_error(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "in.png").write_bytes(content)
    with pytest.raises(ImageError, match=told):
        read_square(tmp_path / "in.png", SIZE, "crop")


def test_a_line_is_no_picture_either(tmp_path: Path) -> None:
    Image.fromarray(gradient(500, 3)).save(tmp_path / "line.png")
    with pytest.raises(ImageError, match="500 x 3"):
        read_square(tmp_path / "line.png", SIZE, "crop")


def test_floating_point_numbers_have_no_known_range(tmp_path: Path) -> None:
    Image.fromarray(np.ones((SIZE, SIZE), np.float32)).save(tmp_path / "in.tiff")
    with pytest.raises(ImageError, match="floating-point"):
        read_square(tmp_path / "in.tiff", SIZE, "crop")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no file"):
        read_square(tmp_path, SIZE, "crop")

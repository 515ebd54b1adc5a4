"""What a prior diffuses: pixels behind pixel_unshuffle, or the latents of the autoencoder in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from distill.priors.loading import PriorError, load_model


class Space(Protocol):
    """Between images [B, 3, H, H] in -1..1 and x [B, C, h, w]; `factor` is H / h, `bounded`: x lies in -1..1."""

    factor: int
    bounded: bool

    def encode(self, pixels: Tensor) -> Tensor: ...

    def decode(self, x: Tensor) -> Tensor: ...


class PixelSpace:
    """x are the pixels themselves, p x p of them in 3 p² channels."""

    bounded = True

    def __init__(self, channels: int) -> None:
        self.factor = round((channels / 3) ** 0.5)
        if 3 * self.factor**2 != channels:
            raise PriorError(
                f"a UNet of {channels} channels and no vae folder: pixel space wants 3 p² channels"
            )

    def encode(self, pixels: Tensor) -> Tensor:
        return F.pixel_unshuffle(pixels, self.factor)

    def decode(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(x, self.factor)


class LatentSpace:
    """x are latents of a VAE (AutoencoderKL), centred and scaled: (z - shift) · scale.

    The VAE stays in float32: its gradient would vanish or overflow in half precision (SDXL's overflows even
    forward in float16).
    """

    bounded = False

    def __init__(self, vae: Any) -> None:
        self.vae = vae
        self.factor = 2 ** (len(vae.config["block_out_channels"]) - 1)
        self._scale = vae.config["scaling_factor"]
        self._shift = vae.config.get("shift_factor") or 0.0

    def encode(self, pixels: Tensor) -> Tensor:
        # The mean, not a draw: the same picture always has the same latent.
        return (self.vae.encode(pixels.float()).latent_dist.mode() - self._shift) * self._scale

    @torch.no_grad()
    def decode(self, x: Tensor) -> Tensor:
        return self.vae.decode(x.float() / self._scale + self._shift).sample


def open_latents(folder: Path, channels: int, name: str, device: torch.device) -> LatentSpace:
    """The space of the folder's VAE, for a network that takes `channels`.

    Raises PriorError where the network takes more than a noisy latent, or latents that are normalised by channel.
    """
    vae = load_model(AutoencoderKL, folder / "vae").to(device)
    if channels != (made := vae.config["latent_channels"]):
        raise PriorError(
            f"{name}: the network takes {channels} channels and the VAE makes {made}: an inpainting, editing or "
            "upscaling model; use its text-to-image base"
        )
    if vae.config.get("latents_mean") is not None:
        raise PriorError(
            f"{name}: its latents are normalised by channel (latents_mean in vae/config.json), which goes with "
            "noise in EDM's manner; neither runs here, so use a model whose VAE has a scaling factor only"
        )
    return LatentSpace(vae)


def resize(pixels: Tensor, resolution: int) -> Tensor:
    """Square pixels [B, 3, H, H] resized: exact averages where H is a multiple, else filtered bilinear."""
    height, width = pixels.shape[-2:]
    if height != width:
        raise ValueError(f"images are {height} x {width}: a diffusion prior takes square ones")
    if height == resolution:
        return pixels
    if height % resolution == 0:
        return F.avg_pool2d(pixels, height // resolution)
    return F.interpolate(pixels, (resolution, resolution), mode="bilinear", antialias=True)

"""The latent space in a model's folder, and whether the network diffuses it."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from distill.priors.loading import PriorError, load_model
from distill.priors.space import LatentSpace


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

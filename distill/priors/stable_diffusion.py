"""Stable Diffusion 1 and 2, and the embedded prior: one CLIP encoder and a UNet, pixels or latents, epsilon or v.

Without a `vae` folder a UNet of 3 p² channels works on pixels behind pixel_unshuffle(p); with one it works on
latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from distill.prior import PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.loading import PriorError, load_model, require_parts
from distill.priors.options import PriorOptions
from distill.priors.space import LatentSpace, PixelSpace
from distill.priors.text import pad_tokens
from distill.schedule import NoiseSchedule
from distill.style import PromptStyle, read_style


class StableDiffusion(DiffusersPrior):
    """A Prior from a folder with unet, text_encoder, tokenizer, scheduler and perhaps vae and prior.json.

    Raises PriorError for anything that this adapter cannot run.
    """

    family = "Stable Diffusion 1 or 2"
    network_class, network_folder = UNet2DConditionModel, "unet"

    def __init__(
        self,
        folder: Path,
        name: str,
        device: torch.device,
        dtype: torch.dtype | None = None,
        options: PriorOptions | None = None,
    ) -> None:
        require_parts(folder, ("unet", "text_encoder", "tokenizer", "scheduler"))
        super().__init__(folder, name, device, dtype, options)
        self._text_encoder: Any = load_model(CLIPTextModel, folder / "text_encoder").to(device)
        self._tokenizer: Any = CLIPTokenizer.from_pretrained(str(folder / "tokenizer"), local_files_only=True)
        scheduler: Any = DDPMScheduler.from_pretrained(str(folder / "scheduler"), local_files_only=True)
        self.schedule = NoiseSchedule.from_alphas_cumprod(scheduler.alphas_cumprod).to(device)
        self.parametrization = scheduler.config["prediction_type"]
        channels = self.network.config["in_channels"]
        self.space = self._latents() if (folder / "vae").is_dir() else PixelSpace(channels)
        self._check_unet()
        self.style = self._style()
        size = self.style.resolution // self.space.factor
        self.shape = channels, size, size

    def _latents(self) -> LatentSpace:
        vae = load_model(AutoencoderKL, self.folder / "vae").to(self.device)
        channels = self.network.config["in_channels"]
        if channels != vae.config["latent_channels"]:
            raise PriorError(
                f"{self.name}: the UNet takes {channels} channels and the VAE makes "
                f"{vae.config['latent_channels']}: an inpainting or upscaling "
                "model; use its text-to-image base"
            )
        return LatentSpace(vae)

    def _style(self) -> PromptStyle:
        max_tokens = min(self._tokenizer.model_max_length, self._text_encoder.config.max_position_embeddings)
        resolution = self.network.config["sample_size"] * self.space.factor
        card = self.folder / "prior.json"
        style = (
            read_style(card) if card.is_file() else PromptStyle(resolution=resolution, max_tokens=max_tokens)
        )
        if style.max_tokens > max_tokens:
            raise PriorError(
                f"{card}: max_tokens {style.max_tokens}, but the text encoder holds {max_tokens}"
            )
        return style

    def _check_unet(self) -> None:
        config = self.network.config
        if config["addition_embed_type"] not in (None, "text") or config["class_embed_type"] is not None:
            wants = {key: config[key] for key in ("addition_embed_type", "class_embed_type") if config[key]}
            raise PriorError(
                f"{self.name}: the UNet wants more than a prompt ({wants}), "
                "which the Stable Diffusion 1 and 2 family does not"
            )

    def tokenize(self, prompt: str) -> list[int]:
        return self._tokenizer(prompt).input_ids

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        if self._text_encoder is None:
            raise RuntimeError(f"{self.name}: the text encoder was freed; embed all prompts before")
        tokens, _ = pad_tokens(self._tokenizer, prompts, self.style.max_tokens, self.name)
        return PromptEmbeds(self._text_encoder(tokens.to(self.device))[0])

    def free_text_encoder(self) -> None:
        self._text_encoder = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _forward(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        return self._call(x_t, t, embeds.hidden, return_dict=False)[0]

"""The Stable Diffusion family through diffusers: any folder in its layout, pixels or latents, epsilon or v.

The only file that imports diffusers and transformers. Without a `vae` folder a UNet of 3 p² channels works on
pixels behind pixel_unshuffle(p); with one it works on latents.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.utils import logging as diffusers_logging
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from distill.precision import choose_dtype
from distill.prior import PromptEmbeds
from distill.schedule import NoiseSchedule
from distill.style import PromptStyle, read_style

PARTS = ("unet", "text_encoder", "tokenizer", "scheduler")
for quiet in (diffusers_logging, transformers_logging):
    quiet.disable_progress_bar()


class PriorError(ValueError):
    """A folder that holds no usable prior, with the reason and the remedy."""


class DiffusersPrior:
    """A Prior from a folder with unet, text_encoder, tokenizer, scheduler and perhaps vae and prior.json.

    `dtype` None chooses by the device (precision.py). The VAE stays in float32: its gradient would vanish or
    overflow in half precision. Raises PriorError for anything that this adapter cannot run.
    """

    def __init__(
        self, folder: Path, name: str, device: torch.device, dtype: torch.dtype | None = None
    ) -> None:
        _check_folder(folder)
        self.name, self.device, self.dtype = name, device, dtype or choose_dtype(device)
        self._folder = folder
        self.notes: list[str] = []
        self._unet = _load(UNet2DConditionModel, folder / "unet", self.dtype).to(device)
        self._vae = _load(AutoencoderKL, folder / "vae").to(device) if (folder / "vae").is_dir() else None
        self._text_encoder: Any = _load(CLIPTextModel, folder / "text_encoder").to(device)
        self._tokenizer: Any = CLIPTokenizer.from_pretrained(str(folder / "tokenizer"), local_files_only=True)
        scheduler: Any = DDPMScheduler.from_pretrained(str(folder / "scheduler"), local_files_only=True)
        self.schedule = NoiseSchedule.from_alphas_cumprod(scheduler.alphas_cumprod).to(device)
        self._parametrization = scheduler.config["prediction_type"]
        self._patch = 1 if self._vae is not None else _patch_size(self._unet.config["in_channels"])
        self.bounded = self._vae is None
        self.style = self._style(folder)
        self.shape = self._shape()
        self._check_unet()

    def _style(self, folder: Path) -> PromptStyle:
        max_tokens = min(self._tokenizer.model_max_length, self._text_encoder.config.max_position_embeddings)
        resolution = self._unet.config["sample_size"] * (
            self._patch if self._vae is None else self._vae_factor()
        )
        card = folder / "prior.json"
        style = (
            read_style(card) if card.is_file() else PromptStyle(resolution=resolution, max_tokens=max_tokens)
        )
        if style.max_tokens > max_tokens:
            raise PriorError(
                f"{card}: max_tokens {style.max_tokens}, but the text encoder holds {max_tokens}"
            )
        return style

    def _vae_factor(self) -> int:
        assert self._vae is not None
        return 2 ** (len(self._vae.config["block_out_channels"]) - 1)

    def _shape(self) -> tuple[int, int, int]:
        size = self.style.resolution // (self._patch if self._vae is None else self._vae_factor())
        return self._unet.config["in_channels"], size, size

    def _check_unet(self) -> None:
        config = self._unet.config
        if self._vae is not None and config["in_channels"] != self._vae.config["latent_channels"]:
            raise PriorError(
                f"{self.name}: the UNet takes {config['in_channels']} channels and the VAE makes "
                f"{self._vae.config['latent_channels']}: an inpainting or upscaling "
                "model; use its text-to-image base"
            )
        if config["addition_embed_type"] not in (None, "text") or config["class_embed_type"] is not None:
            wants = {key: config[key] for key in ("addition_embed_type", "class_embed_type") if config[key]}
            raise PriorError(
                f"{self.name}: the UNet wants more than a prompt, as SDXL's does ({wants}); "
                "use one of the Stable Diffusion 1 or 2 family"
            )

    def tokenize(self, prompt: str) -> list[int]:
        return self._tokenizer(prompt).input_ids

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        if self._text_encoder is None:
            raise RuntimeError(f"{self.name}: the text encoder was freed; embed all prompts before")
        limit = self.style.max_tokens
        for prompt in prompts:
            if (count := len(self.tokenize(prompt))) > limit:
                raise ValueError(f"{count} tokens in {prompt!r}, but {self.name} holds {limit}: shorten it")
        tokens = self._tokenizer(list(prompts), padding="max_length", max_length=limit, return_tensors="pt")
        return PromptEmbeds(self._text_encoder(tokens.input_ids.to(self.device))[0])

    def free_text_encoder(self) -> None:
        self._text_encoder = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def encode(self, images: Tensor) -> Tensor:
        pixels = _resize(images.permute(0, 3, 1, 2), self.style.resolution) * 2 - 1
        if self._vae is None:
            return F.pixel_unshuffle(pixels, self._patch)
        # The mean, not a draw: the same picture always has the same latent.
        return self._vae.encode(pixels).latent_dist.mode() * self._vae.config["scaling_factor"]

    @torch.no_grad()
    def decode(self, x: Tensor) -> Tensor:
        if self._vae is None:
            pixels = F.pixel_shuffle(x, self._patch)
        else:
            pixels = self._vae.decode(x / self._vae.config["scaling_factor"]).sample
        return ((pixels + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1)

    @torch.no_grad()
    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        output = self._unet_output(x_t, t, embeds)
        if self.dtype != torch.float32 and not output.isfinite().all():
            self.notes.append(f"{self.name} overflows in {self.dtype}: it goes on in float32, slower")
            self.dtype = torch.float32
            self._unet = _load(UNet2DConditionModel, self._folder / "unet").to(self.device)
            output = self._unet_output(x_t, t, embeds)
        return self.schedule.to_epsilon(output, x_t, t, self._parametrization)

    def _unet_output(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        return self._unet(x_t.to(self.dtype), t, embeds.hidden.to(self.dtype), return_dict=False)[0].float()


def _resize(pixels: Tensor, resolution: int) -> Tensor:
    """Square pixels [B, 3, H, H] resized: exact averages where H is a multiple, else filtered bilinear."""
    height, width = pixels.shape[-2:]
    if height != width:
        raise ValueError(f"images are {height} x {width}: a diffusion prior takes square ones")
    if height == resolution:
        return pixels
    if height % resolution == 0:
        return F.avg_pool2d(pixels, height // resolution)
    return F.interpolate(pixels, (resolution, resolution), mode="bilinear", antialias=True)


def _patch_size(channels: int) -> int:
    """p for 3 p² channels."""
    patch = round((channels / 3) ** 0.5)
    if 3 * patch**2 != channels:
        raise PriorError(f"a UNet of {channels} channels and no vae folder: pixel space wants 3 p² channels")
    return patch


def _load(model: Any, folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """A frozen model from safetensors, whichever variant the folder holds."""
    variant = None if any(".fp16." not in path.name for path in folder.glob("*.safetensors")) else "fp16"
    settings: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "variant": variant}
    settings["torch_dtype" if issubclass(model, ModelMixin) else "dtype"] = dtype
    return model.from_pretrained(str(folder), **settings).eval().requires_grad_(False)


def _check_folder(folder: Path) -> None:
    """PriorError unless the folder holds the parts of a Stable Diffusion model with safetensors weights."""
    if (folder / "transformer").is_dir() or (folder / "text_encoder_2").is_dir():
        raise PriorError(f"{folder}: an SDXL, SD3 or flow model; wanted the Stable Diffusion 1 or 2 family")
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        raise PriorError(f"{folder}: no {', '.join(missing)} folder, so not a model in diffusers' layout")
    for part in ("unet", "text_encoder", *(["vae"] if (folder / "vae").is_dir() else [])):
        if not any((folder / part).glob("*.safetensors")):
            raise PriorError(f"{folder / part}: no .safetensors weights (pickled .bin files are not read)")
    scheduler = json.loads((folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    if "Flow" in scheduler.get("_class_name", ""):
        raise PriorError(f"{folder}: a flow-matching model; wanted a noise schedule with alphas_cumprod")

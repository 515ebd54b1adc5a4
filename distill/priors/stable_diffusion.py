"""Stable Diffusion 1 and 2, and the embedded prior: one CLIP encoder and a UNet, pixels or latents, epsilon or v.

Without a `vae` folder a UNet of 3 p² channels works on pixels behind pixel_unshuffle(p); with one it works on
latents. ControlNets may stand beside the UNet. A `head` folder instead makes it a guided prior: its UNet sees a guide
beside the pixels (distill/controls.py), and the head makes the prediction of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from distill.card import PriorCard
from distill.prior import PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.controlnet import ControlNets
from distill.priors.guided import FOLDER as HEAD
from distill.priors.guided import Guided
from distill.priors.loading import PriorError, choose_card, load_model, load_tokenizer, require_parts
from distill.priors.options import PriorOptions
from distill.priors.scheduler import read_diffusion
from distill.priors.space import PixelSpace, Space, open_latents
from distill.priors.text import bag_of_words, pad_tokens


class StableDiffusion(DiffusersPrior):
    """A Prior from a folder with unet, text_encoder, tokenizer, scheduler and perhaps vae or head, and prior.json.

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
        self._tokenizer = load_tokenizer(CLIPTokenizer, folder / "tokenizer")
        schedule, self.parametrization = read_diffusion(folder)
        self.schedule = schedule.to(device)
        self._check_unet()
        self.controlnets: ControlNets | None = None
        self.guided: Guided | None = None
        channels = self.network.config["in_channels"]
        if (folder / HEAD).is_dir():
            self.guided = self._open_head()
            self.controls = ("guide",)
            channels = self.guided.channels
        elif self.options.controlnet:
            self.controlnets = ControlNets(self.options, self.network.config, device, self.dtype)
            self.controls = self.controlnets.controls
        self.space = self._latents() if (folder / "vae").is_dir() else PixelSpace(channels)
        self.card = choose_card(folder, self._family_card())
        size = self.card.resolution // self.space.factor
        self.shape = channels, size, size

    def _open_head(self) -> Guided:
        """PriorError for what cannot stand beside a head."""
        if (self.folder / "vae").is_dir() or self.parametrization != "v_prediction":
            raise PriorError(
                f"{self.folder}: a guided prior (it has a {HEAD} folder) has no vae folder and predicts v, this one "
                f"{'has one' if (self.folder / 'vae').is_dir() else f'predicts {self.parametrization}'}"
            )
        if self.options.controlnet:
            raise PriorError(
                f"{self.name} is shown a guide, colours and normals included, and takes no ControlNet: leave out "
                f"{self.options.controlnet}"
            )
        return Guided(self.folder, self.network.config, self.options, self.device, self.dtype)

    def _latents(self) -> Space:
        return open_latents(self.folder, self.network.config["in_channels"], self.name, self.device)

    def _family_card(self) -> PriorCard:
        """The card where the folder holds no card."""
        max_tokens = min(self._tokenizer.model_max_length, self._text_encoder.config.max_position_embeddings)
        return PriorCard(self.network.config["sample_size"] * self.space.factor, max_tokens)

    def _check_unet(self) -> None:
        config = self.network.config
        if config["addition_embed_type"] not in (None, "text") or config["class_embed_type"] is not None:
            wants = {key: config[key] for key in ("addition_embed_type", "class_embed_type") if config[key]}
            raise PriorError(
                f"{self.name}: the UNet wants more than a prompt ({wants}), "
                "which the Stable Diffusion 1 and 2 family does not"
            )

    def count_parameters(self) -> int:
        head = self.guided.head.parameters() if self.guided else ()
        return super().count_parameters() + sum(weight.numel() for weight in head)

    def tokenize(self, prompt: str) -> list[int]:
        return self._tokenizer(prompt).input_ids

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        if self._text_encoder is None:
            raise RuntimeError(f"{self.name}: the text encoder was freed; embed all prompts before")
        tokens, _ = pad_tokens(self._tokenizer, prompts, self.card.max_tokens, self.name)
        tokens = tokens.to(self.device)
        pooled = bag_of_words(self._text_encoder, tokens) if self.guided else None
        return PromptEmbeds(self._text_encoder(tokens)[0], pooled)

    def free_text_encoder(self) -> None:
        self._text_encoder = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _forward(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        def call(pixels: Tensor, time: Tensor, **beside: Any) -> Tensor:
            return self._call(pixels, time, embeds.hidden, return_dict=False, **beside)[0]

        if not self.guided:
            return call(x_t, t, **(self.controlnets.residuals(x_t, t, embeds) if self.controlnets else {}))

        def call_at(pixels: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
            return call(pixels, self.schedule.timestep(alpha, sigma))

        return self.guided.predict(call_at, x_t, self.schedule.alpha(t), self.schedule.sigma(t), embeds)

    def _to_float32(self) -> None:
        super()._to_float32()
        for beside in (self.controlnets, self.guided):
            if beside:
                beside.to_float32()

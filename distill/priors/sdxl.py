"""Stable Diffusion XL: two CLIP encoders and a UNet that also hears a summary of the prompt and the picture's size.

arXiv 2307.01952; the second encoder's pooled vector travels in PromptEmbeds.pooled. ControlNets may stand beside
the UNet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from distill.card import PriorCard, PriorDefaults
from distill.prior import PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.controlnet import ControlNets
from distill.priors.loading import PriorError, choose_card, read_config, require_parts
from distill.priors.options import PriorOptions
from distill.priors.scheduler import read_diffusion
from distill.priors.space import open_latents
from distill.priors.text import ClipEncoder

PARTS = ("unet", "vae", "scheduler", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")
SIZES = 6  # numbers of a base model's size conditioning; a refiner has 5


class SDXL(DiffusersPrior):
    """A Prior from a folder of SDXL's base model or a fine-tune of it, epsilon or v.

    Raises PriorError for a refiner, an inpainting model and anything else that this adapter cannot run.
    """

    family = "Stable Diffusion XL"
    network_class, network_folder = UNet2DConditionModel, "unet"

    def __init__(
        self,
        folder: Path,
        name: str,
        device: torch.device,
        dtype: torch.dtype | None = None,
        options: PriorOptions | None = None,
    ) -> None:
        _require_base(folder)
        super().__init__(folder, name, device, dtype, options)
        config = self.network.config
        self.space = open_latents(folder, config["in_channels"], name, device)
        schedule, self.parametrization = read_diffusion(folder)
        self.schedule = schedule.to(device)
        self.controlnets: ControlNets | None = None
        if self.options.controlnet:
            self.controlnets = ControlNets(self.options, config, device, self.dtype)
            self.controls = self.controlnets.controls
        self._encoders: tuple[ClipEncoder, ClipEncoder] | None = (
            ClipEncoder(CLIPTextModel, folder, "", device),
            ClipEncoder(CLIPTextModelWithProjection, folder, "_2", device),
        )
        self._tokenizer = self._encoders[0].tokenizer
        # The model was trained with zeros, not an embedded "", for no prompt; like diffusers, also if unsaid.
        index = read_config(folder / "model_index.json")
        self._empty_is_zero: bool = index.get("force_zeros_for_empty_prompt", True)
        self.card = choose_card(
            folder,
            PriorCard(
                resolution=config["sample_size"] * self.space.factor,
                max_tokens=min(encoder.limit for encoder in self._encoders),
                defaults=PriorDefaults(sampling_guidance_scale=5.0),  # as diffusers samples SDXL
            ),
        )
        size = self.card.resolution // self.space.factor
        self.shape = config["in_channels"], size, size

    def tokenize(self, prompt: str) -> list[int]:
        """Ids of the first tokenizer. The second has the same vocabulary and differs in its padding alone, so
        one count, and one limit (77), holds for both.
        """
        return self._tokenizer(prompt).input_ids

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        if self._encoders is None:
            raise RuntimeError(f"{self.name}: the text encoders were freed; embed all prompts before")
        read = [encoder.embed(prompts, self.card.max_tokens, self.name) for encoder in self._encoders]
        (narrow, _), (wide, pooled) = read
        assert pooled is not None  # the second encoder has a projection
        embeds = PromptEmbeds(torch.cat([narrow, wide], dim=-1), pooled)
        if not self._empty_is_zero:
            return embeds
        keep = torch.tensor([[float(prompt != "")] for prompt in prompts], device=self.device)
        return PromptEmbeds(embeds.hidden * keep[..., None], pooled * keep)

    def free_text_encoder(self) -> None:
        self._encoders = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _forward(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        side = self.card.resolution
        # Original height and width, top and left of the crop, height and width wanted: whole and not enlarged.
        sizes = torch.tensor([side, side, 0, 0, side, side], device=x_t.device).expand(len(x_t), SIZES)
        added = {"text_embeds": embeds.pooled, "time_ids": sizes}
        seen = self.controlnets.residuals(x_t, t, embeds, added_cond_kwargs=added) if self.controlnets else {}
        return self._call(x_t, t, embeds.hidden, added_cond_kwargs=added, return_dict=False, **seen)[0]

    def _to_float32(self) -> None:
        super()._to_float32()
        if self.controlnets:
            self.controlnets.to_float32()


def _require_base(folder: Path) -> None:
    """PriorError, before any weights are read, unless the folder is that of a whole SDXL base model."""
    require_parts(folder, ("unet", "text_encoder_2"))
    unet = read_config(folder / "unet" / "config.json")
    if unet.get("addition_embed_type") != "text_time":
        raise PriorError(
            f"{folder}: with its text_encoder_2 it looks like an SDXL model, but its UNet takes no text and size "
            f"beside the prompt (addition_embed_type {unet.get('addition_embed_type')!r}, not 'text_time')"
        )
    pooled = read_config(folder / "text_encoder_2" / "config.json").get("projection_dim", 0)
    sizes = (unet["projection_class_embeddings_input_dim"] - pooled) / unet["addition_time_embed_dim"]
    if sizes != SIZES:
        raise PriorError(
            f"{folder}: its UNet takes {sizes:g} sizes where an SDXL base model takes {SIZES}. A refiner takes 5: "
            "it only finishes what a base model began, so use the base model"
        )
    require_parts(folder, PARTS)

"""FLUX-like flow transformers: T5 and a pooled CLIP vector, latents of 16 channels in packed 2 x 2 patches.

For models without distilled guidance only (distill/priors/distilled.py refuses FLUX.1 dev and schnell): those that
were de-distilled, or trained anew on the architecture. Packing stays in here: x are the latents themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from torch import Tensor
from transformers import CLIPTextModel

from distill.card import PriorCard, PriorDefaults
from distill.prior import PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.large import encoder_dtype, latent_side, network_dtype, refuse_controlnet
from distill.priors.loading import choose_card, require_parts
from distill.priors.options import PriorOptions
from distill.priors.scheduler import read_flow
from distill.priors.space import open_latents
from distill.priors.text import ClipEncoder, T5Encoder

RESOLUTION = 1024  # what the family is trained for at the end; its configuration names none
MAX_TOKENS = 512
PATCH = 2


class Flux(DiffusersPrior):
    """A Prior from a folder with transformer, text_encoder and tokenizer (CLIP), text_encoder_2 and tokenizer_2
    (T5), vae and scheduler.

    Raises PriorError for anything that this adapter cannot run.
    """

    family = "Flux"
    network_class: Any = FluxTransformer2DModel
    network_folder = "transformer"
    parametrization = "flow"
    text_parts = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")
    guidance_scale = 3.5  # what de-distilled models are commonly sampled with

    def __init__(
        self,
        folder: Path,
        name: str,
        device: torch.device,
        dtype: torch.dtype | None = None,
        options: PriorOptions | None = None,
    ) -> None:
        refuse_controlnet(name, options)
        require_parts(folder, ("transformer", *self.text_parts, "vae", "scheduler"))
        super().__init__(folder, name, device, dtype or network_dtype(device), options)
        channels = self.network.config["in_channels"] // PATCH**2
        self.space = open_latents(folder, channels, name, device)
        self.schedule = read_flow(folder).to(device)
        self._load_text()
        family = PriorCard(
            resolution=RESOLUTION,
            max_tokens=min(MAX_TOKENS, self._tokenizer.model_max_length),
            defaults=PriorDefaults(sampling_guidance_scale=self.guidance_scale),
        )
        self.card = choose_card(folder, family)
        size = latent_side(name, self.card.resolution, self.space.factor, PATCH)
        self.shape = channels, size, size

    def _load_text(self) -> None:
        self._t5: T5Encoder | None = T5Encoder(self.folder, "_2", self.device, encoder_dtype(self.dtype))
        self._tokenizer: Any = self._t5.tokenizer
        self._clip: ClipEncoder | None = ClipEncoder(CLIPTextModel, self.folder, "", self.device)

    def tokenize(self, prompt: str) -> list[int]:
        """T5's ids, which decide the limit of 512: CLIP gives one vector for the gist, of its first 77 tokens."""
        return self._tokenizer(prompt).input_ids

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        if self._t5 is None or self._clip is None:
            raise RuntimeError(f"{self.name}: the text encoders were freed; embed all prompts before")
        hidden = self._t5.embed(prompts, self.card.max_tokens, self.name)
        gist = self._clip.tokenizer(
            list(prompts), padding="max_length", max_length=self._clip.limit, truncation=True, return_tensors="pt"
        )
        return PromptEmbeds(hidden, self._clip.model(gist.input_ids.to(self.device)).pooler_output)

    def free_text_encoder(self) -> None:
        self._t5 = self._clip = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _forward(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        rows, columns = (side // PATCH for side in x_t.shape[-2:])
        output = self._call(
            hidden_states=F.pixel_unshuffle(x_t, PATCH).flatten(2).transpose(1, 2),
            timestep=self.schedule.sigmas[t],  # the class multiplies by 1000 itself
            encoder_hidden_states=embeds.hidden,
            txt_ids=torch.zeros(embeds.hidden.shape[1], 3, device=x_t.device),
            img_ids=patch_positions(rows, columns).to(x_t.device),
            return_dict=False,
            **self._more_inputs(embeds, rows * columns),
        )[0]
        return F.pixel_shuffle(output.transpose(1, 2).unflatten(2, (rows, columns)), PATCH)

    def _more_inputs(self, embeds: PromptEmbeds, patches: int) -> dict[str, Any]:
        return {"pooled_projections": embeds.pooled}


def patch_positions(rows: int, columns: int) -> Tensor:
    """The rotary positions (0, row, column) of the patches in reading order [rows · columns, 3]."""
    places = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    return F.pad(places, (1, 0)).float()

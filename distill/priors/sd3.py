"""Stable Diffusion 3 and 3.5: two CLIP encoders, perhaps a T5, and a transformer trained as a rectified flow.

arXiv 2403.03206; the CLIPs' pooled vectors travel side by side in PromptEmbeds.pooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor
from transformers import CLIPTextModelWithProjection

from distill.card import PriorCard, PriorDefaults
from distill.prior import PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.large import encoder_dtype, latent_side, network_dtype, refuse_controlnet
from distill.priors.loading import PriorError, choose_card, require_parts
from distill.priors.options import PriorOptions
from distill.priors.scheduler import read_flow
from distill.priors.space import open_latents
from distill.priors.text import ClipEncoder, T5Encoder

PARTS = ("transformer", "vae", "scheduler", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")
T5_TOKENS = 256  # as the pipeline of diffusers pads; SD3 was trained with 77, SD3.5 with 256


class SD3(DiffusersPrior):
    """A Prior from a folder of Stable Diffusion 3 or 3.5, with or without its T5 (`text_encoder_3`).

    Raises PriorError for anything that this adapter cannot run.
    """

    family = "Stable Diffusion 3"
    network_class, network_folder = SD3Transformer2DModel, "transformer"
    parametrization = "flow"

    def __init__(
        self,
        folder: Path,
        name: str,
        device: torch.device,
        dtype: torch.dtype | None = None,
        options: PriorOptions | None = None,
    ) -> None:
        refuse_controlnet(name, options)
        has_t5 = (folder / "text_encoder_3").is_dir()
        require_parts(folder, (*PARTS, "tokenizer_3") if has_t5 else PARTS)
        super().__init__(folder, name, device, dtype or network_dtype(device), options)
        config = self.network.config
        self.space = open_latents(folder, config["in_channels"], name, device)
        self.schedule = read_flow(folder).to(device)
        self._clips: list[ClipEncoder] | None = [
            ClipEncoder(CLIPTextModelWithProjection, folder, number, device) for number in ("", "_2")
        ]
        self._tokenizer = self._clips[0].tokenizer
        self._t5 = T5Encoder(folder, "_3", device, encoder_dtype(self.dtype)) if has_t5 else None
        if not has_t5:
            self.notes.append(f"{name} has no text_encoder_3 (T5): CLIP alone reads the prompts, less closely")
        whole = config["sample_size"] - config["sample_size"] % config["patch_size"]
        self.card = choose_card(
            folder,
            PriorCard(
                resolution=whole * self.space.factor,
                max_tokens=min(encoder.limit for encoder in self._clips),
                defaults=PriorDefaults(sampling_guidance_scale=7.0),  # as diffusers samples SD3
            ),
        )
        size = latent_side(name, self.card.resolution, self.space.factor, config["patch_size"])
        if size > (largest := config["pos_embed_max_size"] * config["patch_size"]):
            raise PriorError(
                f"{name}: a resolution of {self.card.resolution}, but the transformer knows places up to "
                f"{largest * self.space.factor} only: set a smaller one in prior.json"
            )
        self.shape = config["in_channels"], size, size

    def tokenize(self, prompt: str) -> list[int]:
        """Ids of the first CLIP tokenizer (the second has the same vocabulary).

        CLIP's 77 tokens are the limit, though T5 reads 256: the pooled vectors come from CLIP, and what it does
        not read would steer only a part of the network.
        """
        return self._tokenizer(prompt).input_ids

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        if self._clips is None:
            raise RuntimeError(f"{self.name}: the text encoders were freed; embed all prompts before")
        read = [clip.embed(prompts, self.card.max_tokens, self.name) for clip in self._clips]
        states = torch.cat([states for states, _ in read], dim=-1)
        pooled = torch.cat([pooled for _, pooled in read if pooled is not None], dim=-1)
        width: int = self.network.config["joint_attention_dim"]
        if self._t5 is None:
            long = states.new_zeros(len(prompts), T5_TOKENS, width)
        else:
            long = self._t5.embed(prompts, T5_TOKENS, self.name)
        return PromptEmbeds(torch.cat([F.pad(states, (0, width - states.shape[-1])), long], dim=1), pooled)

    def free_text_encoder(self) -> None:
        self._clips = self._t5 = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _forward(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        time = self.schedule.sigmas[t] * len(self.schedule)
        return self._call(x_t, embeds.hidden, embeds.pooled, time, return_dict=False)[0]

"""Sana: a linear-attention flow transformer on strongly compressed latents, prompted through Gemma.

Gemma reads an instruction before each prompt, as in training (section 3.1 of arXiv 2410.10629): its states of the
prompt's words depend on it. It is the default of diffusers' pipeline and is taken from there, so the two cannot
drift; like there, neither the empty nor the negative prompt gets one.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from torch import Tensor
from transformers import Gemma2Model, GemmaTokenizer

from distill.card import PriorCard, PriorDefaults
from distill.prior import PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.large import encoder_dtype, latent_side, network_dtype, refuse_controlnet
from distill.priors.loading import PriorError, choose_card, load_model, load_tokenizer, read_config, require_parts
from distill.priors.options import PriorOptions
from distill.schedule import NoiseSchedule

MAX_TOKENS = 300
INSTRUCTION = "\n".join(signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default)


class Sana(DiffusersPrior):
    """A Prior from a folder with transformer, text_encoder (Gemma 2), tokenizer, vae (AutoencoderDC) and scheduler.

    Raises PriorError for anything that this adapter cannot run.
    """

    family = "Sana"
    network_class, network_folder = SanaTransformer2DModel, "transformer"
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
        require_parts(folder, ("transformer", "text_encoder", "tokenizer", "vae", "scheduler"))
        _require_flow(folder)
        super().__init__(folder, name, device, dtype or network_dtype(device), options)
        self._gemma: Any = load_model(Gemma2Model, folder / "text_encoder", encoder_dtype(self.dtype)).to(device)
        self._tokenizer = load_tokenizer(GemmaTokenizer, folder / "tokenizer")
        self._instruction_length = len(self._tokenizer(INSTRUCTION).input_ids)
        self.schedule = NoiseSchedule.flow().to(device)
        self.space = CompressedSpace(load_model(AutoencoderDC, folder / "vae").to(device))
        config = self.network.config
        if config["in_channels"] != self.space.channels:
            raise PriorError(
                f"{name}: the transformer takes {config['in_channels']} channels and the autoencoder makes "
                f"{self.space.channels}: not a text-to-image model"
            )
        family = PriorCard(
            resolution=config["sample_size"] * self.space.factor,
            max_tokens=MAX_TOKENS,
            defaults=PriorDefaults(sampling_guidance_scale=4.5),  # as diffusers samples Sana
        )
        self.card = choose_card(folder, family)
        size = latent_side(name, self.card.resolution, self.space.factor, config["patch_size"])
        self.shape = config["in_channels"], size, size

    def tokenize(self, prompt: str) -> list[int]:
        """The ids that the network gets to see: the start mark and the prompt's, without the instruction's."""
        tokens, first = self._read(prompt)
        return [tokens[0], *tokens[first:]]

    def _read(self, prompt: str) -> tuple[list[int], int]:
        """All ids that Gemma reads, and the place of the first beside the start mark that the network sees.

        That is the instruction's last: in the pipeline too, and a blank at its end may melt into the first word.
        """
        text = prompt.lower().strip()
        if prompt in ("", self.card.negative_prompt):
            return self._tokenizer(text).input_ids, 1
        return self._tokenizer(INSTRUCTION + text).input_ids, self._instruction_length - 1

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        if self._gemma is None:
            raise RuntimeError(f"{self.name}: the text encoder was freed; embed all prompts before")
        hidden, mask = zip(*map(self._embed_one, prompts), strict=True)
        return PromptEmbeds(torch.stack(hidden), mask=torch.stack(mask))

    def _embed_one(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Hidden states [L, D], padded with zeros, and which of them count [L]. Gemma looks back alone, so that what
        follows the prompt changes nothing, and one after another each prompt takes the memory of its own length.
        """
        tokens, first = self._read(prompt)
        limit = self.card.max_tokens
        if (count := 1 + len(tokens[first:])) > limit:
            raise ValueError(f"{count} tokens in {prompt!r}, but {self.name} holds {limit}: shorten it")
        states = self._gemma(torch.tensor([tokens], device=self.device))[0][0].float()
        seen = torch.cat([states[:1], states[first:]])
        return F.pad(seen, (0, 0, 0, limit - count)), torch.arange(limit, device=self.device) < count

    def free_text_encoder(self) -> None:
        self._gemma = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _forward(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        time = self.schedule.sigmas[t] * len(self.schedule) * self.network.config["timestep_scale"]
        output = self._call(
            x_t,
            encoder_hidden_states=embeds.hidden,
            timestep=time,
            encoder_attention_mask=embeds.mask,
            return_dict=False,
        )[0]
        return output[:, : x_t.shape[1]]  # a variant that also predicts its variance puts that behind


class CompressedSpace:
    """x are latents of an AutoencoderDC, scaled. It is no variational one: a picture has one latent, with no draw.

    In float32, for the same reason as LatentSpace.
    """

    bounded = False

    def __init__(self, vae: Any) -> None:
        self.vae = vae
        self.factor = 2 ** (len(vae.config["encoder_block_out_channels"]) - 1)
        self.channels: int = vae.config["latent_channels"]
        self._scale = vae.config["scaling_factor"]

    def encode(self, pixels: Tensor) -> Tensor:
        return self.vae.encode(pixels.float()).latent * self._scale

    @torch.no_grad()
    def decode(self, x: Tensor) -> Tensor:
        return self.vae.decode(x.float() / self._scale).sample


def _require_flow(folder: Path) -> None:
    """PriorError unless the scheduler is one of rectified flow."""
    path = folder / "scheduler" / "scheduler_config.json"
    config = read_config(path)
    if config.get("prediction_type") != "flow_prediction" and "FlowMatch" not in config.get("_class_name", ""):
        raise PriorError(
            f"{path}: a {config.get('_class_name')} that predicts {config.get('prediction_type')!r}, but Sana is a "
            "rectified flow ('flow_prediction'): fetch the model again"
        )

"""Randomly initialised, tiny flow transformers of FLUX's and Chroma's classes, in diffusers' layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers.models.transformers.transformer_chroma import ChromaTransformer2DModel
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from transformers import CLIPTextModel

from distill.load import EMBEDDED
from tests.distill.priors.tiny_sd3 import save_t5
from tests.distill.priors.tiny_sdxl import NARROW, save_clip, save_vae

LONG = 48  # T5's width
RESOLUTION, TOKENS = 64, 100  # on the card: the family's own would take a minute


def save_tiny_flux(folder: Path, *, channels: int = 16, guidance: bool = False, card: bool = True) -> Path:
    """A de-distilled FLUX.1, or with `guidance` a FLUX.1 dev."""
    torch.manual_seed(0)
    FluxTransformer2DModel(**_sizes(channels), pooled_projection_dim=NARROW, guidance_embeds=guidance).save_pretrained(
        str(folder / "transformer")
    )
    save_clip(folder, "", CLIPTextModel, NARROW)
    save_t5(folder, "_2", LONG)
    return _save_rest(folder, card)


def save_tiny_chroma(folder: Path, *, card: bool = True) -> Path:
    torch.manual_seed(0)
    ChromaTransformer2DModel(
        **_sizes(16), approximator_num_channels=16, approximator_hidden_dim=32, approximator_layers=2
    ).save_pretrained(str(folder / "transformer"))
    save_t5(folder, "", LONG)
    return _save_rest(folder, card)


def _sizes(channels: int) -> dict[str, Any]:
    return {
        "in_channels": 4 * channels,
        "num_layers": 2,
        "num_single_layers": 2,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": LONG,
        "axes_dims_rope": (4, 6, 6),
    }


def _save_rest(folder: Path, card: bool) -> Path:
    save_vae(
        folder,
        latent_channels=16,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True).save_pretrained(str(folder / "scheduler"))
    if card:
        save_card(folder, RESOLUTION, TOKENS)
    return folder


def save_card(folder: Path, resolution: int, max_tokens: int) -> None:
    """A prior.json: the embedded prior's, of another size and with no words of its own."""
    embedded = json.loads((EMBEDDED / "prior.json").read_text(encoding="utf-8"))
    card = {**embedded, "resolution": resolution, "max_tokens": max_tokens, "words": {}, "backgrounds": {}}
    (folder / "prior.json").write_text(json.dumps(card), encoding="utf-8")

"""A randomly initialised, tiny Stable Diffusion of the real classes, in diffusers' layout."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from transformers import CLIPTextConfig, CLIPTextModel

from distill.load import EMBEDDED

WIDTH = 32


def save_tiny(
    folder: Path,
    *,
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon",
    channels: int = 4,
    out_channels: int | None = None,
    vae: bool = True,
) -> Path:
    """SD 1.5's scheduler class for epsilon, SD 2.1's for v; the tokenizer is the embedded prior's."""
    torch.manual_seed(0)
    UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=out_channels or channels,
        block_out_channels=(WIDTH, WIDTH),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=8,
    ).save_pretrained(str(folder / "unet"))
    if vae:
        blocks: dict[str, Any] = {
            "block_out_channels": (16, 16, 16),
            "down_block_types": ("DownEncoderBlock2D",) * 3,
            "up_block_types": ("UpDecoderBlock2D",) * 3,
        }
        AutoencoderKL(**blocks, latent_channels=4, norm_num_groups=8).save_pretrained(str(folder / "vae"))
    vocabulary = CLIPTextConfig.from_pretrained(str(EMBEDDED / "text_encoder")).vocab_size
    text_config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    CLIPTextModel(text_config).save_pretrained(str(folder / "text_encoder"))
    shutil.copytree(EMBEDDED / "tokenizer", folder / "tokenizer")
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    if prediction_type == "epsilon":
        PNDMScheduler(**betas).save_pretrained(str(folder / "scheduler"))
    else:
        DDIMScheduler(**betas, prediction_type=prediction_type).save_pretrained(str(folder / "scheduler"))
    return folder

"""A randomly initialised, tiny SDXL of the real classes, in diffusers' layout, and the parts it shares with SD3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from distill.load import EMBEDDED

NARROW, WIDE, POOLED, SIZE = 16, 24, 20, 8


def save_tiny_sdxl(
    folder: Path,
    *,
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon",
    zeros: bool = True,
    channels: int = 4,
    sizes: int = 6,
    **scheduler: Any,
) -> Path:
    """`zeros` is force_zeros_for_empty_prompt; `sizes` 5 makes the UNet a refiner's, `channels` 9 an inpainter's."""
    torch.manual_seed(0)
    UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2),  # pyright: ignore[reportArgumentType]
        cross_attention_dim=NARROW + WIDE,
        attention_head_dim=(1, 2),  # pyright: ignore[reportArgumentType]
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=SIZE,
        projection_class_embeddings_input_dim=POOLED + sizes * SIZE,
        norm_num_groups=8,
    ).save_pretrained(str(folder / "unet"))
    save_vae(folder, latent_channels=4, scaling_factor=0.13025)
    save_clip(folder, "", CLIPTextModel, NARROW)
    save_clip(folder, "_2", CLIPTextModelWithProjection, WIDE, pad="!")
    EulerDiscreteScheduler(
        **{
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "timestep_spacing": "leading",
            "steps_offset": 1,
            "prediction_type": prediction_type,
            **scheduler,
        }
    ).save_pretrained(str(folder / "scheduler"))
    index = {"_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": zeros}
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def save_vae(folder: Path, **settings: Any) -> None:
    """Four levels, as the real ones have: a latent is an eighth of the picture's size."""
    blocks: dict[str, Any] = {
        "block_out_channels": (8,) * 4,
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
    }
    AutoencoderKL(**blocks, norm_num_groups=8, layers_per_block=1, **settings).save_pretrained(str(folder / "vae"))


def save_clip(folder: Path, number: str, model: Any, width: int, pad: str = "<|endoftext|>") -> None:
    """An encoder of three layers with the embedded prior's vocabulary; the larger models' second one pads with "!"."""
    tokenizer = CLIPTokenizer.from_pretrained(str(EMBEDDED / "tokenizer"), model_max_length=77, pad_token=pad)
    tokenizer.save_pretrained(str(folder / f"tokenizer{number}"))
    model(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=width,
            projection_dim=POOLED,
            num_hidden_layers=3,
            num_attention_heads=2,
            max_position_embeddings=77,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).save_pretrained(str(folder / f"text_encoder{number}"))

"""A randomly initialised, tiny Stable Diffusion 3 of the real classes, in diffusers' layout."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

from distill.load import EMBEDDED
from tests.distill.priors.tiny_sdxl import NARROW, POOLED, WIDE, save_clip, save_vae

LONG = 48  # T5's width, more than both CLIPs' together
INNER = 32


def save_tiny_sd3(folder: Path, *, t5: bool = True, newer: bool = False, channels: int = 16) -> Path:
    """`newer` adds what distinguishes SD3.5: normalised queries and keys, a second attention in some blocks."""
    torch.manual_seed(0)
    SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=channels,
        num_layers=2,
        attention_head_dim=INNER // 4,
        num_attention_heads=4,
        joint_attention_dim=LONG,
        caption_projection_dim=INNER,
        pooled_projection_dim=2 * POOLED,
        out_channels=16,
        pos_embed_max_size=12,
        qk_norm="rms_norm" if newer else None,
        dual_attention_layers=(0,) if newer else (),
    ).save_pretrained(str(folder / "transformer"))
    save_vae(
        folder,
        latent_channels=16,
        scaling_factor=1.5305,
        shift_factor=0.0609,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    save_clip(folder, "", CLIPTextModelWithProjection, NARROW)
    save_clip(folder, "_2", CLIPTextModelWithProjection, WIDE, pad="!")
    if t5:
        save_t5(folder, "_3", LONG)
    FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(str(folder / "scheduler"))
    return folder


def save_t5(folder: Path, number: str, width: int) -> None:
    """An encoder of one layer. Its vocabulary is CLIP's in T5's spelling, so that it reads whole words, like T5."""
    known = CLIPTokenizer.from_pretrained(str(EMBEDDED / "tokenizer")).get_vocab()
    pieces = {piece.removesuffix("</w>") for piece in known if piece.isascii() and not piece.startswith("<|")}
    words = sorted({"▁", *pieces, *(f"▁{piece}" for piece in pieces)})
    scores = [(mark, 0.0) for mark in ("<pad>", "</s>", "<unk>")] + [(word, -10.0) for word in words]
    tokenizer = T5Tokenizer(vocab=scores, extra_ids=0, model_max_length=512)  # pyright: ignore[reportArgumentType]
    tokenizer.save_pretrained(str(folder / f"tokenizer{number}"))
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=width // 4,
        d_ff=width,
        num_layers=1,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
    )
    T5EncoderModel(config).save_pretrained(str(folder / f"text_encoder{number}"))

"""A randomly initialised, tiny Sana of the real classes, in diffusers' layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Gemma2Config, Gemma2Model, GemmaTokenizer

from distill.card import NEGATIVE_PROMPT, PLAIN_VIEWS, SOURCE_SUFFIX, TARGET_SUFFIX
from distill.priors.sana import INSTRUCTION

WIDTH = 32
SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]


def save_tiny_sana(
    folder: Path, *, newer: bool = False, guidance: bool = False, channels: int = 8, learns_variance: bool = False
) -> Path:
    """`newer` adds Sana 1.5's normalised queries and keys; with `guidance` it is a Sana Sprint."""
    torch.manual_seed(0)
    SanaTransformer2DModel(
        in_channels=channels,
        out_channels=2 * channels if learns_variance else channels,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=16,
        cross_attention_dim=32,
        caption_channels=WIDTH,
        sample_size=2,
        qk_norm="rms_norm_across_heads" if newer else None,
        guidance_embeds=guidance,
    ).save_pretrained(str(folder / "transformer"))
    stages: dict[str, Any] = {}
    for part in ("encoder", "decoder"):
        stages[f"{part}_block_types"] = ("ResBlock",) * 5 + ("EfficientViTBlock",)
        stages[f"{part}_block_out_channels"] = (8,) * 5 + (16,)
        stages[f"{part}_layers_per_block"] = (1,) * 6
        stages[f"{part}_qkv_multiscales"] = ((),) * 5 + ((5,),)
    AutoencoderDC(
        latent_channels=8,
        attention_head_dim=8,
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        scaling_factor=0.41407,
        **stages,
    ).save_pretrained(str(folder / "vae"))
    save_gemma(folder)
    DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    ).save_pretrained(str(folder / "scheduler"))
    return folder


def save_gemma(folder: Path) -> None:
    """Two layers; the vocabulary is learnt from the instruction and from what the styles add to a prompt."""
    texts = ["a photo of a red apple and a blue mug", TARGET_SUFFIX, SOURCE_SUFFIX, NEGATIVE_PROMPT, INSTRUCTION]
    learning: Any = Tokenizer(models.BPE(unk_token="<unk>"))
    learning.normalizer = normalizers.Replace(" ", "▁")
    learning.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    learning.decoder = decoders.Replace("▁", " ")
    learning.train_from_iterator(
        [*(text.lower() for text in texts), INSTRUCTION, *PLAIN_VIEWS.values()],
        trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL, show_progress=False),
    )
    merges: Any = [tuple(pair) for pair in json.loads(learning.to_str())["model"]["merges"]]
    tokenizer: Any = GemmaTokenizer(vocab=learning.get_vocab(), merges=merges, add_bos_token=True)
    tokenizer.save_pretrained(str(folder / "tokenizer"))
    Gemma2Model(
        Gemma2Config(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=16,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).save_pretrained(str(folder / "text_encoder"))

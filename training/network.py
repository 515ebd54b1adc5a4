"""The network that is trained: UNet, text encoder, tokenizer and schedule, in diffusers' layout.

And how a trained one grows without forgetting: twice as wide, or with another vocabulary.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from distill.schedule import NoiseSchedule

PATCH = 4  # pixels are unshuffled by it: 3 p² channels, as distill/priors/space.py reads them
SCHEDULE: dict[str, Any] = {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"}


@dataclass
class Network:
    """`unet` predicts v for [B, 3 p², S / p, S / p]; `text_encoder` and `tokenizer` read captions."""

    unet: Any  # UNet2DConditionModel
    text_encoder: Any  # CLIPTextModel
    tokenizer: Any  # CLIPTokenizer

    @property
    def max_tokens(self) -> int:
        return self.text_encoder.config.max_position_embeddings

    def parameters(self) -> list[nn.Parameter]:
        """UNet's, then text encoder's."""
        return [*self.unet.parameters(), *self.text_encoder.parameters()]

    def tokens(self, captions: list[str]) -> Tensor:
        """Token ids [B, max_tokens] of captions, padded, cut at the limit."""
        return self.tokenizer(
            captions, padding="max_length", truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )["input_ids"]

    def velocity(self, x_t: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        """v [B, C, h, w] for x_t at timesteps [B] under captions as token ids [B, L]."""
        return self.unet(x_t, t, self.text_encoder(input_ids=tokens)[0], return_dict=False)[0]

    def save(self, folder: Path) -> None:
        """Writes the folder that distill.load.load_prior reads, but for prior.json; weights in float16."""
        unet, encoder = _half(self.unet), _half(self.text_encoder)
        unet.save_pretrained(folder / "unet", max_shard_size="14MB")
        encoder.save_pretrained(folder / "text_encoder")
        self.tokenizer.save_pretrained(str(folder / "tokenizer"))
        DDIMScheduler(**SCHEDULE, clip_sample=False, timestep_spacing="trailing").save_pretrained(folder / "scheduler")


def schedule() -> NoiseSchedule:
    """The schedule that every network here is trained with."""
    return NoiseSchedule.from_alphas_cumprod(DDIMScheduler(**SCHEDULE).alphas_cumprod)


def load(folder: Path) -> Network:
    """A network in float32 from a folder in diffusers' layout."""
    unet = UNet2DConditionModel.from_pretrained(str(folder / "unet"), torch_dtype=torch.float32)
    encoder = CLIPTextModel.from_pretrained(str(folder / "text_encoder"), dtype=torch.float32)
    return Network(unet, encoder, CLIPTokenizer.from_pretrained(str(folder / "tokenizer")))  


def create(tokenizer: Any, channels: tuple[int, ...] = (128, 256), text: tuple[int, int] = (192, 3),
           max_tokens: int = 56, size: int = 64) -> Network:  # fmt: skip
    """A new network: UNet of these widths, attention everywhere but in the outermost blocks; text encoder of
    (width, depth)."""
    width, depth = text
    down = ("DownBlock2D", *["CrossAttnDownBlock2D"] * (len(channels) - 1))
    up = (*["CrossAttnUpBlock2D"] * (len(channels) - 1), "UpBlock2D")
    unet = UNet2DConditionModel(
        sample_size=size // PATCH, in_channels=3 * PATCH**2, out_channels=3 * PATCH**2, layers_per_block=1,
        block_out_channels=channels, down_block_types=down, up_block_types=up, cross_attention_dim=width,
        attention_head_dim=tuple(max(1, c // 64) for c in channels),  # type: ignore[arg-type]  # the number of heads
        norm_num_groups=16,
        addition_embed_type="text", addition_embed_type_num_heads=4,
    )  # fmt: skip
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=4 * width, num_hidden_layers=depth,
        num_attention_heads=width // 64, max_position_embeddings=max_tokens, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return Network(unet, CLIPTextModel(config), tokenizer)


def widened(network: Network, jitter: float = 0.3, seed: int = 0) -> Network:
    """The same function with twice the channels (Net2Net, Chen et al. 2016): every channel twice, each reader
    of a pair halving its weights.

    The halves differ at random by `jitter` of their size, so that the two copies learn different things.
    GroupNorm and LayerNorm see each value twice, which leaves mean and variance as they were.
    """
    old = network.unet
    config = {**old.config, "block_out_channels": tuple(2 * c for c in old.config["block_out_channels"])}
    unet: Any = UNet2DConditionModel.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    state = {name: _widened(name, weight, jitter, generator) for name, weight in old.state_dict().items()}
    unet.load_state_dict(state)
    return Network(unet, network.text_encoder, network.tokenizer)


def _widened(name: str, weight: Tensor, jitter: float, generator: torch.Generator) -> Tensor:
    if name.startswith("add_embedding.") and not name.startswith(("add_embedding.proj", "add_embedding.norm2")):
        return weight  # the pooled text keeps its width
    if not name.startswith("conv_out"):
        weight = weight.repeat_interleave(2, dim=0)
    elif name.endswith("bias"):
        return weight
    if name == "time_embedding.linear_1.weight":
        return _more_frequencies(weight)
    if "attn" in name and ".to_q." in name:
        weight = weight / 2**0.5  # twice the width under the same softmax: q k is divided by sqrt(width)
    reads_text = name.startswith("add_embedding.proj") or (".attn2.to_k." in name or ".attn2.to_v." in name)
    if weight.ndim < 2 or name.startswith("conv_in") or reads_text:
        return weight
    half = weight / 2
    part = half * jitter * torch.randn(half.shape, generator=generator)
    return torch.stack([half + part, half - part], dim=2).flatten(1, 2)


def _more_frequencies(weight: Tensor) -> Tensor:
    """linear_1 [out, c] over c/2 cosines and c/2 sines, as [out, 2c] over twice as many frequencies, of which
    every second is an old one."""
    out, width = weight.shape
    spread = weight.new_zeros(out, width, 2)
    spread[..., 0] = weight
    return spread.reshape(out, 2 * width)


def with_vocabulary(network: Network, tokenizer: Any, max_tokens: int) -> Network:
    """The network under another tokenizer: a new token begins as the mean of what its text was before; new
    positions begin as copies of the last."""
    old = network.text_encoder
    config = CLIPTextConfig.from_dict({
        **old.config.to_dict(), "vocab_size": len(tokenizer), "max_position_embeddings": max_tokens,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    })  # fmt: skip
    encoder = CLIPTextModel(config)
    state: dict[str, Any] = dict(old.state_dict())
    tokens = next(name for name in state if name.endswith("token_embedding.weight"))
    positions = next(name for name in state if name.endswith("position_embedding.weight"))
    state[tokens] = torch.stack([_embedding(network, tokenizer, i, state[tokens]) for i in range(len(tokenizer))])
    missing = max(0, max_tokens - len(state[positions]))
    state[positions] = F.pad(state[positions][None], (0, 0, 0, missing), mode="replicate")[0][:max_tokens]
    encoder.load_state_dict({name: value for name, value in state.items() if name in encoder.state_dict()})
    return Network(network.unet, encoder, tokenizer)


def _embedding(network: Network, tokenizer: Any, token: int, embeddings: Tensor) -> Tensor:
    """What the old vocabulary held for the text of a new token."""
    old = network.tokenizer
    if token == tokenizer.bos_token_id:
        return embeddings[old.bos_token_id]
    if token == tokenizer.eos_token_id:
        return embeddings[old.eos_token_id]
    text = str(tokenizer.convert_ids_to_tokens(token)).removesuffix("</w>")
    pieces = old(text, add_special_tokens=False)["input_ids"] or [old.eos_token_id]
    return embeddings[pieces].mean(dim=0)


def _half(model: Any) -> Any:
    """A copy in float16."""
    return copy.deepcopy(model).half()

"""The network that is trained: UNet, head, text encoder, tokenizer and schedule, in diffusers' layout."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import TextTimeEmbedding
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from distill.priors.guide_head import SEEN, GuideHead
from distill.priors.text import bag_of_words
from distill.schedule import NoiseSchedule

WORD_GAIN = 0.5  # deviation of what a caption adds to the time embedding at first, whose own is about as large
GUIDE_STD = 0.015  # of a grown UNet's weights for the guide: from 0 they hardly move
SCHEDULE: dict[str, Any] = {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"}


@dataclass(frozen=True)
class Shape:
    """How large a new network is: pictures of `size` pixels, UNet on patches of `patch`, its widths, attention to the
    words from level `attention` on; head of `features`, `width` and `depth`; the UNet sees means of `reduce` x `reduce`
    pixels (distill/priors/guide_head.py)."""

    size: int = 128
    patch: int = 4
    channels: tuple[int, ...] = (64, 128, 256)
    attention: int = 1
    features: int = 8
    width: int = 16
    depth: int = 2
    reduce: int = 1


@dataclass
class Network:
    """`unet` and `head` predict v for [B, 3 p², S / p, S / p]; `text_encoder` and `tokenizer` read captions."""

    unet: Any  # UNet2DConditionModel
    head: Any  # GuideHead
    text_encoder: Any  # CLIPTextModel
    tokenizer: Any  # CLIPTokenizer

    @property
    def max_tokens(self) -> int:
        return self.text_encoder.config.max_position_embeddings

    @property
    def patch(self) -> int:
        return self.head.config["patch"]

    @property
    def size(self) -> int:
        """Pixels of its pictures."""
        return self.patch * self.unet.config["sample_size"]

    def named_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """UNet's, head's, then text encoder's."""
        parts = {"unet": self.unet, "head": self.head, "text": self.text_encoder}
        return [(f"{part}.{name}", weight) for part, one in parts.items() for name, weight in one.named_parameters()]

    def parameters(self) -> list[nn.Parameter]:
        return [weight for _, weight in self.named_parameters()]

    def tokens(self, captions: list[str]) -> Tensor:
        """Token ids [B, max_tokens] of captions, padded, cut at the limit."""
        return self.tokenizer(
            captions, padding="max_length", truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )["input_ids"]

    def velocity(self, x_t: Tensor, level: tuple[Tensor, Tensor], tokens: Tensor, guides: Tensor) -> Tensor:
        """v [B, C, h, w] for x_t at alpha and sigma [B, 1, 1, 1], under captions as token ids [B, L] and guides
        [B, 7, S, S]."""
        states = self.text_encoder(input_ids=tokens)[0]
        at = schedule().to(x_t.device)

        def call(seen: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
            time = at.timestep(alpha, sigma)
            return self.unet(seen.contiguous(memory_format=torch.channels_last), time, states, return_dict=False)[0]

        return self.head(call, x_t, *level, guides, bag_of_words(self.text_encoder, tokens))

    def save(self, folder: Path) -> None:
        """Writes the folder that distill.load.load_prior reads, but for prior.json; weights in float16."""
        _half(self.unet).save_pretrained(folder / "unet", max_shard_size="14MB")
        _half(self.head).save_pretrained(folder / "head")
        _half(self.text_encoder).save_pretrained(folder / "text_encoder")
        self.tokenizer.save_pretrained(str(folder / "tokenizer"))
        DDIMScheduler(**SCHEDULE, clip_sample=False, timestep_spacing="trailing").save_pretrained(folder / "scheduler")


@cache
def schedule() -> NoiseSchedule:
    """The schedule that every network here is trained with."""
    return NoiseSchedule.from_alphas_cumprod(DDIMScheduler(**SCHEDULE).alphas_cumprod)


def load(folder: Path) -> Network:
    """A network in float32 from a folder in diffusers' layout."""
    head = GuideHead.from_pretrained(str(folder / "head"), torch_dtype=torch.float32)
    return Network(load_unet(folder), head, *load_text(folder))


def load_unet(folder: Path) -> Any:
    """A UNet in float32."""
    return UNet2DConditionModel.from_pretrained(str(folder / "unet"), torch_dtype=torch.float32)


def load_text(folder: Path) -> tuple[Any, Any]:
    """Text encoder in float32, and tokenizer."""
    encoder = CLIPTextModel.from_pretrained(str(folder / "text_encoder"), dtype=torch.float32)
    return encoder, CLIPTokenizer.from_pretrained(str(folder / "tokenizer"))


def create(text_encoder: Any, tokenizer: Any, shape: Shape = Shape()) -> Network:
    """A new UNet and head around a text encoder."""
    channels, at = shape.channels, shape.attention
    attends = [level >= at for level in range(len(channels))]
    own = shape.patch // shape.reduce
    head = GuideHead(
        shape.patch, shape.features, shape.width, shape.depth, text_encoder.config.hidden_size, shape.reduce
    )
    unet = UNet2DConditionModel(
        sample_size=shape.size // shape.patch, in_channels=SEEN * own**2, out_channels=head.count_made * own**2,
        layers_per_block=1, block_out_channels=channels,
        down_block_types=tuple("CrossAttnDownBlock2D" if it else "DownBlock2D" for it in attends),  # type: ignore[arg-type]
        up_block_types=tuple("CrossAttnUpBlock2D" if it else "UpBlock2D" for it in attends[::-1]),  # type: ignore[arg-type]
        cross_attention_dim=text_encoder.config.hidden_size,
        attention_head_dim=tuple(max(1, c // 64) for c in channels),  # type: ignore[arg-type]  # the number of heads
        norm_num_groups=16, addition_embed_type="text", addition_embed_type_num_heads=4,
    )  # fmt: skip
    with torch.no_grad():  # what it adds to the closed form begins at nothing; its features do not
        unet.conv_out.weight[: 3 * own**2] = 0
        unet.conv_out.bias[: 3 * own**2] = 0  # type: ignore[index]
    return Network(unet, head, text_encoder, tokenizer)


def grow(unet: Any, text_encoder: Any, tokenizer: Any, shape: Shape = Shape()) -> Network:
    """A network around a UNet that draws from words alone, on patches of shape.patch / shape.reduce: what it drew
    without a guide, it draws at that scale."""
    head = GuideHead(
        shape.patch, shape.features, shape.width, shape.depth, text_encoder.config.hidden_size, shape.reduce, grown=True
    )
    own, old = shape.patch // shape.reduce, unet.config["in_channels"]
    made: Any = UNet2DConditionModel.from_config(
        unet.config, in_channels=SEEN * own**2, out_channels=head.count_made * own**2,
        sample_size=shape.size // shape.patch,
    )  # fmt: skip
    ends = ("conv_in.weight", "conv_out.weight", "conv_out.bias")
    made.load_state_dict(made.state_dict() | {k: v for k, v in unet.state_dict().items() if k not in ends})
    with torch.no_grad():
        made.conv_in.weight[:, :old] = unet.conv_in.weight
        torch.nn.init.normal_(made.conv_in.weight[:, old:], std=GUIDE_STD)
        made.conv_out.weight[:old], made.conv_out.bias[:old] = unet.conv_out.weight, unet.conv_out.bias
        made.conv_out.weight[old : 2 * old] = 0  # what it adds to the closed form
        made.conv_out.bias[old:] = 0
    return Network(made, head, text_encoder, tokenizer)


def new_text_encoder(tokenizer: Any, max_tokens: int = 56, width: int = 192, depth: int = 3) -> Any:
    """An untrained CLIPTextModel."""
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=4 * width, num_hidden_layers=depth,
        num_attention_heads=width // 64, max_position_embeddings=max_tokens, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    ))  # fmt: skip


def centre_words(network: Network, captions: list[str], around: Tensor | None = None) -> None:
    """Lets a new network tell captions apart from its first step on (data-dependent initialisation, Kraehenbuehl et al.
    2016): what they add to the time embedding is centred on their mean, with deviation WORD_GAIN, about `around` [D].

    Captions are much alike: left as they are, the embeddings of any two have a cosine of .95 or more, and a run of tens
    of thousands of pictures never learns to look at the rest. Centred, but not scaled, the rest drowns again in the
    first drift of the mean.
    """
    embedding: Any = network.unet.add_embedding
    spread_reading(network, captions)
    with torch.no_grad():
        words = network.text_encoder(input_ids=network.tokens(captions))[0]
        _standardise(embedding.proj, embedding.pool(embedding.norm1(words)))
        embedding.norm2.weight.fill_(WORD_GAIN)
        embedding.norm2.bias.copy_(torch.zeros_like(embedding.norm2.bias) if around is None else around)


@torch.no_grad()
def spread_reading(network: Network, captions: list[str]) -> None:
    """The same for what a new head reads of captions."""
    _standardise(network.head.reading, bag_of_words(network.text_encoder, network.tokens(captions)))


def _standardise(layer: nn.Linear, inputs: Tensor) -> None:
    """Gives a layer's outputs for these inputs [N, C] mean 0 and deviation 1."""
    mean = layer(inputs).mean(dim=0)
    scale = 1 / (layer(inputs) - mean).square().mean().sqrt()
    layer.bias.copy_((layer.bias - mean) * scale)
    layer.weight *= scale


def reworded(network: Network, tokenizer: Any, captions: list[str]) -> Network:
    """The same UNet and head, which are to learn words anew: an untrained text encoder for a tokenizer; what the old
    words added on the average stays."""
    old: Any = network.unet.add_embedding
    with torch.no_grad():
        around = old(network.text_encoder(input_ids=network.tokens(captions))[0]).mean(dim=0)
    width = network.text_encoder.config.hidden_size
    encoder = new_text_encoder(tokenizer, network.max_tokens, width)
    made = Network(network.unet, _reading(network.head, width), encoder, tokenizer)
    made.unet.add_embedding = TextTimeEmbedding(width, len(around), old.pool.num_heads)
    centre_words(made, captions, around)
    return made


def _reading(head: Any, width: int) -> Any:
    """A head whose layers for words of that width are new."""
    shape = {name: head.config[name] for name in ("patch", "features", "width", "depth", "reduce", "grown")}
    made = GuideHead(**shape, words=width)
    known = {name: weight for name, weight in head.state_dict().items() if not name.startswith(("reading", "tone"))}
    made.load_state_dict(made.state_dict() | known)
    return made


def with_vocabulary(old: Any, before: Any, tokenizer: Any, max_tokens: int) -> Any:
    """A text encoder for another tokenizer: a new token begins as the mean of what its text was `before`, in the old
    tokenizer; new positions begin as copies of the last."""
    config = CLIPTextConfig.from_dict({
        **old.config.to_dict(), "vocab_size": len(tokenizer), "max_position_embeddings": max_tokens,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    })  # fmt: skip
    encoder = CLIPTextModel(config)
    state: dict[str, Any] = dict(old.state_dict())
    tokens = next(name for name in state if name.endswith("token_embedding.weight"))
    positions = next(name for name in state if name.endswith("position_embedding.weight"))
    state[tokens] = torch.stack([_embedding(before, tokenizer, i, state[tokens]) for i in range(len(tokenizer))])
    missing = max(0, max_tokens - len(state[positions]))
    state[positions] = F.pad(state[positions][None], (0, 0, 0, missing), mode="replicate")[0][:max_tokens]
    encoder.load_state_dict({name: value for name, value in state.items() if name in encoder.state_dict()})
    return encoder


def _embedding(old: Any, tokenizer: Any, token: int, embeddings: Tensor) -> Tensor:
    """What the old vocabulary held for the text of a new token."""
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

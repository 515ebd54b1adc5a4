"""How prompts are read: as token ids, padded and never cut, by the CLIP and T5 encoders of the larger models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPTokenizer, T5EncoderModel, T5Tokenizer

from distill.priors.loading import load_model, load_tokenizer


def pad_tokens(tokenizer: Any, prompts: Sequence[str], limit: int, name: str) -> tuple[Tensor, Tensor]:
    """Token ids [N, limit] and attention mask [N, limit], padded.

    Raises ValueError for a prompt of more than `limit` tokens, start and end marks included: cutting is for
    `distill.prompts`, which knows what may go.
    """
    for prompt in prompts:
        if (count := len(tokenizer(prompt).input_ids)) > limit:
            raise ValueError(f"{count} tokens in {prompt!r}, but {name} holds {limit}: shorten it")
    tokens = tokenizer(list(prompts), padding="max_length", max_length=limit, return_tensors="pt")
    return tokens.input_ids, tokens.attention_mask


def bag_of_words(encoder: Any, tokens: Tensor) -> Tensor:
    """The mean of a CLIPTextModel's token embeddings [N, D] over a prompt's own tokens [N, L]: not the marks of start
    and end, nor padding; 0 for no prompt. What a caption says of a picture as a whole is linear in it, more than in
    any of the encoder's later states."""
    marks = torch.tensor([encoder.config.bos_token_id, encoder.config.eos_token_id], device=tokens.device)
    own = ~torch.isin(tokens, marks)
    embeddings = encoder.get_input_embeddings()(tokens) * own[..., None]
    return embeddings.sum(dim=1) / own.sum(dim=1, keepdim=True).clamp(min=1)


class ClipEncoder:
    """One of a model's CLIP encoders with its tokenizer, in float32.

    `model` is its class: CLIPTextModel, or CLIPTextModelWithProjection, which alone pools; `number` is how its
    folders end ("" or "_2"); `limit` is how many tokens it holds, start and end marks included.
    """

    def __init__(self, model: Any, folder: Path, number: str, device: torch.device) -> None:
        self.tokenizer = load_tokenizer(CLIPTokenizer, folder / f"tokenizer{number}")
        self.model = load_model(model, folder / f"text_encoder{number}").to(device)
        self.limit: int = min(self.tokenizer.model_max_length, self.model.config.max_position_embeddings)

    @torch.no_grad()
    def embed(self, prompts: Sequence[str], limit: int, name: str) -> tuple[Tensor, Tensor | None]:
        """Penultimate states [N, limit, D] and pooled vectors [N, P]; ValueError over the limit.

        The padding is attended to like words: so the models were trained.
        """
        tokens, _ = pad_tokens(self.tokenizer, prompts, limit, name)
        read = self.model(tokens.to(self.model.device), output_hidden_states=True)
        return read.hidden_states[-2], getattr(read, "text_embeds", None)


class T5Encoder:
    """A model's T5 encoder with its tokenizer; `number` is how their folders end ("_2", "_3").

    It has 4.7 billion weights in the models that have one, often more than their networks, so it is not always
    loaded in float32 as the other encoders are (distill/priors/large.py).
    """

    def __init__(self, folder: Path, number: str, device: torch.device, dtype: torch.dtype) -> None:
        self.tokenizer = load_tokenizer(T5Tokenizer, folder / f"tokenizer{number}")
        self.model = load_model(T5EncoderModel, folder / f"text_encoder{number}", dtype).to(device)

    @torch.no_grad()
    def embed(self, prompts: Sequence[str], limit: int, name: str) -> Tensor:
        """Last states [N, limit, D] float32; ValueError over the limit. The padding is attended to like words."""
        tokens, _ = pad_tokens(self.tokenizer, prompts, limit, name)
        return self.model(tokens.to(self.model.device))[0].float()

"""Prompts as token ids: padded to the encoder's length, never cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


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

"""Prompts as token ids: padded to the encoder's length, never cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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

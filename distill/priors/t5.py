"""The T5 text encoder, which reads longer prompts than CLIP, and small and capital letters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import T5EncoderModel, T5Tokenizer

from distill.priors.loading import load_model
from distill.priors.text import pad_tokens
from distill.priors.tokenizer import load_tokenizer


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

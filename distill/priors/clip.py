"""A CLIP text encoder as the larger models read it: the states before the last layer, and one vector for all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from distill.priors.loading import load_model
from distill.priors.text import pad_tokens
from distill.priors.tokenizer import load_tokenizer


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

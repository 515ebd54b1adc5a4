"""What every diffusion prior offers, and the embeddings that pass between prompts and priors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from distill.schedule import NoiseSchedule
from distill.style import PromptStyle


@dataclass(frozen=True)
class PromptEmbeds:
    """N embedded prompts: hidden states [N, L, D], and the pooled vectors [N, P] of priors that have them."""

    hidden: Tensor
    pooled: Tensor | None = None

    def __len__(self) -> int:
        return len(self.hidden)

    def __getitem__(self, index: slice | Sequence[int] | Tensor) -> PromptEmbeds:
        """The prompts at a slice, a list or an index tensor; always a batch."""
        if not isinstance(index, slice):
            index = torch.as_tensor(index, device=self.hidden.device).reshape(-1)
        return PromptEmbeds(self.hidden[index], None if self.pooled is None else self.pooled[index])

    @staticmethod
    def concatenate(parts: Sequence[PromptEmbeds]) -> PromptEmbeds:
        pooled = [part.pooled for part in parts if part.pooled is not None]
        if len(pooled) not in (0, len(parts)):
            raise ValueError(
                "cannot join embeddings with and without pooled vectors: they are of different priors"
            )
        return PromptEmbeds(torch.cat([part.hidden for part in parts]), torch.cat(pooled) if pooled else None)


class Prior(Protocol):
    """A text-conditional diffusion model. x is what it diffuses: pixels (unshuffled or not) or latents.

    `shape` is x's [C, h, w]; `bounded` tells whether clean x lie in [-1, 1]; `notes` collects what the user
    should hear about (a fallback to another precision, for one).
    """

    name: str
    style: PromptStyle
    schedule: NoiseSchedule
    device: torch.device
    dtype: torch.dtype
    shape: tuple[int, int, int]
    bounded: bool
    notes: list[str]

    def tokenize(self, prompt: str) -> list[int]:
        """Token ids with start and end marks, neither padded nor cut."""
        ...

    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        """Embeds whole prompts. ValueError over the token limit, RuntimeError once the encoder is freed."""
        ...

    def free_text_encoder(self) -> None:
        """Gives the text encoder's memory back; `tokenize` stays."""
        ...

    def encode(self, images: Tensor) -> Tensor:
        """Images [B, H, H, 3] in sRGB 0..1 to x [B, C, h, w], differentiable, at the prior's resolution."""
        ...

    def decode(self, x: Tensor) -> Tensor:
        """x back to images [B, H, H, 3] in sRGB 0..1, without gradient: for looking."""
        ...

    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        """e(x_t, t, y) [B, C, h, w] float32 for t [B] and B embedded prompts, without gradient."""
        ...


def predict_together(prior: Prior, x_t: Tensor, t: Tensor, *conditions: PromptEmbeds) -> tuple[Tensor, ...]:
    """The noise predictions under several prompts from one forward pass on a batch of len(conditions) x B."""
    count = len(conditions)
    noise = prior.predict_noise(
        x_t.repeat(count, 1, 1, 1), t.repeat(count), PromptEmbeds.concatenate(conditions)
    )
    return noise.chunk(count)

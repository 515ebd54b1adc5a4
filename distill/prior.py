"""What every diffusion prior offers, and the embeddings that pass between prompts and priors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from distill.card import PriorCard
from distill.controls import ControlKind
from distill.schedule import NoiseSchedule


@dataclass(frozen=True)
class PromptEmbeds:
    """N embedded prompts: hidden states [N, L, D], and what only some priors have: pooled vectors [N, P], a mask
    [N, L] of the tokens that count, what the prior wants to see, `controls` [N, C, H, H] in 0..1 (distill/controls.py:
    the channels of its kinds, in its order), and the cameras of a multi-view prior [N, V, 16].
    """

    hidden: Tensor
    pooled: Tensor | None = None
    mask: Tensor | None = None
    controls: Tensor | None = None
    camera: Tensor | None = None

    def __len__(self) -> int:
        return len(self.hidden)

    def __getitem__(self, index: slice | Sequence[int] | Tensor) -> PromptEmbeds:
        """The prompts at a slice, a list or an index tensor; always a batch."""
        if not isinstance(index, slice):
            index = torch.as_tensor(index, device=self.hidden.device).reshape(-1)
        return self._map(lambda part: part[index])

    def to(self, dtype: torch.dtype) -> PromptEmbeds:
        """All but the mask in another number format."""
        converted = self._map(lambda part: part.to(dtype))
        return replace(converted, mask=self.mask)

    def _map(self, change: Callable[[Tensor], Tensor]) -> PromptEmbeds:
        return PromptEmbeds(*(None if part is None else change(part) for part in _parts(self)))  # pyright: ignore

    @staticmethod
    def concatenate(parts: Sequence[PromptEmbeds]) -> PromptEmbeds:
        """One batch of all. Raises ValueError where some have a part that others lack."""
        joined: list[Tensor | None] = []
        for name, *column in zip((part.name for part in fields(PromptEmbeds)), *map(_parts, parts), strict=True):
            there = [tensor for tensor in column if tensor is not None]
            if len(there) not in (0, len(parts)):
                raise ValueError(
                    f"cannot join embeddings with and without {name}: they are of different priors or pictures"
                )
            joined.append(torch.cat(there) if there else None)
        return PromptEmbeds(*joined)  # pyright: ignore[reportArgumentType]


def _parts(embeds: PromptEmbeds) -> tuple[Tensor | None, ...]:
    return embeds.hidden, embeds.pooled, embeds.mask, embeds.controls, embeds.camera


class Adapter(Protocol):
    """A copy of a prior that learns: the same network with a few weights of its own, no change at first."""

    def parameters(self) -> list[nn.Parameter]: ...

    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        """Like the prior's, with what was learnt."""
        ...

    def loss(self, x: Tensor, t: Tensor, noise: Tensor, embeds: PromptEmbeds) -> Tensor:
        """The denoising loss (equation 1) on pictures x, in the prior's own parametrization, to be descended."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Prior(Protocol):
    """A text-conditional diffusion model. x is what it diffuses: pixels (unshuffled or not) or latents.

    `shape` is x's [C, h, w]; `bounded` tells whether clean x lie in [-1, 1]; `notes` collects what the user
    should hear about (a fallback to another precision, for one). `views`: 1, or how many views of one object a
    picture holds (a square canvas of them, in reading order). `controls`: what the prior wants to see of every
    picture beside its words, as `PromptEmbeds.controls`; one that wants a guide alone does without it too.
    """

    name: str
    card: PriorCard
    schedule: NoiseSchedule
    device: torch.device
    dtype: torch.dtype
    shape: tuple[int, int, int]
    views: int
    controls: tuple[ControlKind, ...]
    notes: list[str]

    @property
    def bounded(self) -> bool: ...

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

    def adapter(self, rank: int, generator: torch.Generator) -> Adapter:
        """A copy that learns, of low rank; a prior carries one, and a new one takes the place of the last."""
        ...


def predict_together(prior: Prior, x_t: Tensor, t: Tensor, *conditions: PromptEmbeds) -> tuple[Tensor, ...]:
    """The noise predictions under several prompts from one forward pass on a batch of len(conditions) x B."""
    count = len(conditions)
    noise = prior.predict_noise(
        x_t.repeat(count, 1, 1, 1), t.repeat(count), PromptEmbeds.concatenate(conditions)
    )
    return noise.chunk(count)

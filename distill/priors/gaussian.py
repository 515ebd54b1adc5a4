"""A prior whose answer is known in closed form: data ~ N(mu_y, s²). The oracle of every rule's test.

With x ~ N(mu, s²) the noised x_t ~ N(alpha mu, alpha² s² + sigma²), and the best noise prediction is
E[eps | x_t] = sigma (x_t - alpha mu) / (alpha² s² + sigma²).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from distill.card import PriorCard
from distill.controls import ControlKind
from distill.prior import PromptEmbeds
from distill.schedule import NoiseSchedule


class GaussianPrior:
    """`mean_of` maps a prompt to mu [C, h, w]; `std` is s. x are the pictures' channels scaled to -1..1."""

    def __init__(
        self,
        mean_of: Callable[[str], Tensor],
        std: float,
        schedule: NoiseSchedule,
        card: PriorCard | None = None,
    ) -> None:
        channels, height, width = mean_of("").shape
        self.mean_of, self.std, self.schedule = mean_of, std, schedule
        self.shape = (channels, height, width)
        self.name = "gaussian"
        self.card = card or PriorCard(resolution=height, max_tokens=77)
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self.bounded = False
        self.views = 1
        self.controls: tuple[ControlKind, ...] = ()
        self.notes: list[str] = []

    def tokenize(self, prompt: str) -> list[int]:
        """One token a word, the words' own bytes as a number."""
        return [0, *(int.from_bytes(word.encode(), "big") for word in prompt.replace(",", " ,").split()), 1]

    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        return PromptEmbeds(torch.stack([self.mean_of(prompt).reshape(1, -1) for prompt in prompts]))

    def free_text_encoder(self) -> None:
        """There is none to free."""

    def encode(self, images: Tensor) -> Tensor:
        return images.permute(0, 3, 1, 2) * 2 - 1

    def decode(self, x: Tensor) -> Tensor:
        return ((x.detach() + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1)

    @torch.no_grad()
    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        return self.noise_about(embeds.hidden.view(-1, *self.shape), x_t, t)

    def noise_about(self, mean: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """E[eps | x_t] for data about the means [B, C, h, w]."""
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        return sigma * (x_t - alpha * mean) / (alpha**2 * self.std**2 + sigma**2)

    def adapter(self, rank: int, generator: torch.Generator) -> GaussianAdapter:
        return GaussianAdapter(self)


class GaussianAdapter:
    """Learns how far the pictures' mean lies from the prompt's; `rank` means nothing here."""

    def __init__(self, prior: GaussianPrior) -> None:
        self._prior = prior
        self.offset = nn.Parameter(torch.zeros(prior.shape))

    def parameters(self) -> list[nn.Parameter]:
        return [self.offset]

    @torch.no_grad()
    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        return self._predict(x_t, t, embeds)

    def loss(self, x: Tensor, t: Tensor, noise: Tensor, embeds: PromptEmbeds) -> Tensor:
        x_t = self._prior.schedule.add_noise(x, t, noise)
        return (self._predict(x_t, t, embeds) - noise).square().mean()

    def state_dict(self) -> dict[str, Tensor]:
        return {"offset": self.offset.detach()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.offset.data.copy_(state["offset"])

    def _predict(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        return self._prior.noise_about(embeds.hidden.view(-1, *self._prior.shape) + self.offset, x_t, t)

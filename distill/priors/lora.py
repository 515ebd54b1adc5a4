"""A low-rank adapter beside a prior's frozen network, through peft: what variational score distillation trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from peft import LoraConfig
from torch import Tensor, nn

from distill.prior import PromptEmbeds
from distill.schedule import NoiseSchedule, Parametrization

TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]  # the attention layers, as ProlificDreamer adapts them


class Adaptable(Protocol):
    """What an adapter asks of the prior that carries it."""

    network: Any
    schedule: NoiseSchedule
    parametrization: Parametrization

    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor: ...

    def output(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor: ...


class LoraAdapter:
    """Adapter (distill/prior.py) of a prior whose network is one of diffusers' models. Its weights are float32
    and begin as no change at all.

    A prior carries one adapter: a new one takes the place of the last.
    """

    def __init__(self, prior: Adaptable, rank: int, generator: torch.Generator) -> None:
        self._prior = prior
        network = prior.network
        if hasattr(network, "peft_config"):
            network.delete_adapters(list(network.peft_config))
        network.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=TARGETS))
        self._weights = {name: weight for name, weight in network.named_parameters() if "lora_" in name}
        for name, weight in self._weights.items():
            weight.data = weight.data.float()
            if "lora_A" in name:  # peft draws them from the global generator; here every draw has a seed
                bound = weight.shape[1] ** -0.5
                draw = torch.rand(weight.shape, generator=generator, device=generator.device)
                weight.data.copy_((2 * draw - 1) * bound)
        self._disable()

    def parameters(self) -> list[nn.Parameter]:
        return list(self._weights.values())  # pyright: ignore[reportReturnType]

    @torch.no_grad()
    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        with self._enabled():
            return self._prior.predict_noise(x_t, t, embeds)

    def loss(self, x: Tensor, t: Tensor, noise: Tensor, embeds: PromptEmbeds) -> Tensor:
        prior = self._prior
        x_t = prior.schedule.add_noise(x, t, noise)
        wanted = prior.schedule.from_epsilon(noise, x_t, t, prior.parametrization)
        with self._enabled():
            return (prior.output(x_t, t, embeds) - wanted).square().mean()

    def state_dict(self) -> dict[str, Any]:
        return {name: weight.detach() for name, weight in self._weights.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, weight in self._weights.items():
            weight.data.copy_(state[name])

    @contextmanager
    def _enabled(self) -> Iterator[None]:
        network = self._prior.network
        network.enable_adapters()
        try:
            yield
        finally:
            self._disable()

    def _disable(self) -> None:
        self._prior.network.disable_adapters()
        # peft takes it away from an adapter that is off, and a backward pass that comes later would find no weights.
        for weight in self._weights.values():
            weight.requires_grad_(True)

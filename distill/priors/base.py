"""What every family of diffusers' models shares: precision, speed, adapters; the family adds text and inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill.card import PriorCard
from distill.controls import ControlKind
from distill.precision import choose_dtype
from distill.prior import Adapter, PromptEmbeds
from distill.priors.loading import load_model
from distill.priors.options import PriorOptions, attention_kernel, prepare
from distill.priors.space import Space, resize
from distill.schedule import NoiseSchedule, Parametrization


class DiffusersPrior(ABC):
    """A Prior (distill/prior.py) whose network is one of diffusers' models.

    A family's class gives the network's class and folder, sets `space`, `schedule`, `parametrization`,
    `card` and `shape`, and implements `tokenize`, `embed`, `free_text_encoder` and `_forward`. `dtype` None
    chooses by the device (distill/precision.py).
    """

    family: str
    network_class: Any
    network_folder: str
    views = 1
    controls: tuple[ControlKind, ...] = ()

    space: Space
    schedule: NoiseSchedule
    parametrization: Parametrization
    card: PriorCard
    shape: tuple[int, int, int]

    def __init__(
        self,
        folder: Path,
        name: str,
        device: torch.device,
        dtype: torch.dtype | None = None,
        options: PriorOptions | None = None,
    ) -> None:
        self.folder, self.name, self.device = folder, name, device
        self.dtype = dtype or choose_dtype(device)
        self.options = options or PriorOptions()
        self.notes: list[str] = []
        self._use(self._load_network(self.dtype))

    def _load_network(self, dtype: torch.dtype) -> Any:
        return load_model(self.network_class, self.folder / self.network_folder, dtype).to(self.device)

    def _use(self, network: Any) -> None:
        self.network = network
        self._call = prepare(network, self.options)

    def count_parameters(self) -> int:
        """Of the network that predicts; ControlNets and text encoders aside."""
        return sum(weight.numel() for weight in self.network.parameters())

    @property
    def bounded(self) -> bool:
        return self.space.bounded

    @abstractmethod
    def tokenize(self, prompt: str) -> list[int]: ...

    @abstractmethod
    def embed(self, prompts: Sequence[str]) -> PromptEmbeds: ...

    @abstractmethod
    def free_text_encoder(self) -> None: ...

    @abstractmethod
    def _forward(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        """The network's raw output [B, C, h, w] for x_t in self.dtype: `self._call(...)` with its inputs."""
        ...

    def encode(self, images: Tensor) -> Tensor:
        pixels = images.permute(0, 3, 1, 2) * 2 - 1
        return self.space.encode(resize(pixels, self.card.resolution))

    @torch.no_grad()
    def decode(self, x: Tensor) -> Tensor:
        return ((self.space.decode(x) + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1)

    @torch.no_grad()
    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        output = self.output(x_t, t, embeds)
        if self.dtype != torch.float32 and not output.isfinite().all():
            self.notes.append(f"{self.name} overflows in {self.dtype}: it goes on in float32, slower")
            self._to_float32()
            output = self.output(x_t, t, embeds)
        return self.schedule.to_epsilon(output, x_t, t, self.parametrization)

    def _to_float32(self) -> None:
        """The weights as the folder holds them (half precision may have lost them), beside any adapter."""
        self.dtype = torch.float32
        exact = self._load_network(torch.float32)
        tensors = dict([*exact.named_parameters(), *exact.named_buffers()])
        self.network.float()
        for name, tensor in [*self.network.named_parameters(), *self.network.named_buffers()]:
            if "lora_" not in name:
                tensor.data.copy_(tensors[name.replace(".base_layer", "")])

    def output(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        """The network's output in its own parametrization [B, C, h, w] float32, with gradient if asked for."""
        with attention_kernel(self.options.attention):
            return self._forward(x_t.to(self.dtype), t, embeds.to(self.dtype)).float()

    def adapter(self, rank: int, generator: torch.Generator) -> Adapter:
        from distill.priors.lora import LoraAdapter  # peft takes a second, and only one rule wants it

        return LoraAdapter(self, rank, generator)

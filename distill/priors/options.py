"""How fast a prior's network runs: settings that change its speed and, but for rounding, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

Attention = Literal["auto", "flash", "efficient", "cudnn", "math"]
_BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}


@dataclass(frozen=True)
class PriorOptions:
    """`compile`: torch.compile, which takes a minute at first and a C++ compiler or CUDA; `channels_last`:
    the memory format of convolutions; `attention`: the kernel of scaled dot products, auto: torch's choice;
    `controlnet`: a folder or name of a ControlNet that ties pictures to depth or normals.
    """

    compile: bool = False
    channels_last: bool = False
    attention: Attention = "auto"
    controlnet: str = ""

    def __post_init__(self) -> None:
        if self.attention not in get_args(Attention):
            raise ValueError(f"attention {self.attention!r} is none of {', '.join(get_args(Attention))}")


def prepare(network: Any, options: PriorOptions) -> Callable[..., Any]:
    """The network as the options want it, ready to be called."""
    if options.channels_last:
        network.to(memory_format=torch.channels_last)
    return torch.compile(network) if options.compile else network


@contextmanager
def attention_kernel(attention: Attention) -> Iterator[None]:
    """Within it scaled dot products use the kernel that the options name."""
    if attention == "auto":
        yield
    else:
        with sdpa_kernel(_BACKENDS[attention]):
            yield

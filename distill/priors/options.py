"""How a prior's network runs, and what runs beside it: settings of speed, which change nothing but rounding, and
ControlNets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from distill.controls import count_channels
from distill.prior import Prior

Attention = Literal["auto", "flash", "efficient", "cudnn", "math"]
_BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}
# How torch says, on the CPU and on CUDA, that the only kernel allowed does not take these tensors.
_NO_KERNEL = ("No viable backend for scaled_dot_product_attention", "No available kernel")


class OptionError(ValueError):
    """An option that cannot be had here, by the name of its setting; `fix` says what can."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message}. {fix}")
        self.message, self.fix = message, fix


@dataclass(frozen=True)
class PriorOptions:
    """`compile`: torch.compile, which takes a minute at first and a C++ compiler or CUDA; `channels_last`:
    the memory format of convolutions; `attention`: the kernel of scaled dot products, auto: torch's choice;
    `controlnet`: folders or names of ControlNets, with commas between, that tie pictures to depth, normals or colours;
    `controlnet_scale`: how firmly, one number for all or one for each.
    """

    compile: bool = False
    channels_last: bool = False
    attention: Attention = "auto"
    controlnet: str = ""
    controlnet_scale: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.attention not in get_args(Attention):
            raise ValueError(f"attention {self.attention!r} is none of {', '.join(get_args(Attention))}")
        if len(self.controlnet_scale) not in (1, max(1, len(_names(self.controlnet)))):
            raise ValueError(
                f"controlnet_scale is {self.controlnet_scale}: it takes one number, or one for each ControlNet of "
                f"{self.controlnet!r}"
            )

    def controlnets(self) -> list[tuple[str, float]]:
        """Each ControlNet's name, with its kind where that was said, and its scale."""
        names, scales = _names(self.controlnet), self.controlnet_scale
        return list(zip(names, scales * len(names) if len(scales) == 1 else scales, strict=True))


def _names(controlnet: str) -> list[str]:
    return [name.strip() for name in controlnet.split(",") if name.strip()]


def prepare(network: Any, options: PriorOptions) -> Callable[..., Any]:
    """The network as the options want it, ready to be called."""
    if options.channels_last:
        network.to(memory_format=torch.channels_last)
    return _compiled(network) if options.compile else network


def _compiled(network: Any) -> Callable[..., Any]:
    from torch._dynamo.exc import TorchDynamoException  # its import takes a second

    call = torch.compile(network)

    def run(*inputs: Any, **named: Any) -> Any:
        try:
            return call(*inputs, **named)
        except TorchDynamoException as error:
            if _no_kernel(error):  # not the compiler's fault: attention_kernel tells it
                raise
            reason = str(error).strip().splitlines()[0]
            raise OptionError(
                f"prior.compile: torch.compile cannot compile the prior here ({reason})",
                "Leave it out (prior.compile=false), or install what is missing: on a CPU a C++ compiler such "
                "as g++",
            ) from error

    return run


@contextmanager
def attention_kernel(attention: Attention) -> Iterator[None]:
    """Within it scaled dot products use the kernel that the options name. Raises OptionError where it cannot."""
    if attention == "auto":
        yield
        return
    try:
        with sdpa_kernel(_BACKENDS[attention]):
            yield
    except RuntimeError as error:
        if not _no_kernel(error):
            raise
        raise OptionError(
            f"prior.attention: the {attention} kernel does not run on this device, in this number format or at this "
            "size",
            "Leave it to torch (prior.attention=auto)",
        ) from error


def _no_kernel(error: Exception) -> bool:
    return any(words in str(error) for words in _NO_KERNEL)


@torch.no_grad()
def try_options(prior: Prior, options: PriorOptions, batch: int) -> None:
    """One prediction for `batch` empty prompts, so that an option that cannot be had is told before the work begins.

    With `compile` this is the long one. Raises OptionError; asks for the prior's text encoder.
    """
    if options.controlnet and not prior.controls:
        raise OptionError(
            f"prior.controlnet is {options.controlnet!r}, but {prior.name} takes no ControlNet",
            "Stable Diffusion does (docs/priors.md); leave it out for this prior",
        )
    embeds = prior.embed([""])[[0] * batch]
    if prior.controls:
        shape = batch, count_channels(prior.controls), prior.card.resolution, prior.card.resolution
        embeds = replace(embeds, controls=torch.zeros(shape, device=prior.device))
    x = torch.zeros(batch, *prior.shape, device=prior.device)
    prior.predict_noise(x, torch.full((batch,), len(prior.schedule) // 2, device=prior.device), embeds)

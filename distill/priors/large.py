"""What the large flow transformers share: number formats, sizes, and what they cannot take."""

from __future__ import annotations

import torch

from distill.precision import choose_dtype
from distill.priors.loading import PriorError
from distill.priors.options import PriorOptions


def network_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 wherever the small priors run in float16: these were trained in it, and float16 lacks its range."""
    chosen = choose_dtype(device)
    return torch.bfloat16 if chosen == torch.float16 else chosen


def encoder_dtype(dtype: torch.dtype) -> torch.dtype:
    """The format of a language model beside a network in `dtype`: T5 and Gemma overflow in float16."""
    return torch.float32 if dtype == torch.float32 else torch.bfloat16


def latent_side(name: str, resolution: int, factor: int, patch: int) -> int:
    """The side of the latents of a picture, for patches of patch x patch latents.

    Raises PriorError for a resolution that leaves a part of a patch over.
    """
    if resolution % (factor * patch):
        raise PriorError(f"{name}: a resolution of {resolution}, but its patches want a multiple of {factor * patch}")
    return resolution // factor


def refuse_controlnet(name: str, options: PriorOptions | None) -> None:
    """PriorError where the options ask for a ControlNet, which only the Stable Diffusion families take."""
    if options and options.controlnet:
        raise PriorError(
            f"{name}: no ControlNet runs beside this family (asked for: {options.controlnet}). Use one with "
            "Stable Diffusion 1, 2 or XL, or leave controlnet empty"
        )

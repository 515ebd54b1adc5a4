"""A tiny ControlNet of the real class, made from a tiny Stable Diffusion's UNet."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel


def save_tiny_controlnet(folder: Path, prior: Path, *, trained: bool = True, seed: int = 2) -> Path:
    """For the tiny prior in a folder, whose latents are a quarter of its pictures' side. Untrained: with the zero
    convolutions that every ControlNet begins with; trained: as if they had learnt something.
    """
    unet = UNet2DConditionModel.from_pretrained(str(prior / "unet"))
    torch.manual_seed(seed)
    net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(16, 32, 32))
    if trained:
        zeros = [*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out]
        with torch.no_grad():
            for layer in zeros:
                layer.weight.normal_(0, 0.1)
    net.save_pretrained(str(folder))
    return folder
